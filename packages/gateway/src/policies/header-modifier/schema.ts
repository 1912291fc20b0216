import { z } from 'zod';
import { closed } from '../../config/schema/closed.ts';
import { headerName, isHeaderName, isHeaderValue } from '../../config/schema/fields.ts';
import type { HeaderModifierSpec } from './spec.ts';

/** Names to values, in the order of the file. */
const edits = z
  .record(z.string().refine(isHeaderName, 'not a header name'), z.string().refine(isHeaderValue, 'not a header value'))
  .default({});

/** `requestHeaderModifier` and `responseHeaderModifier` in the file (spec 02 §3.7); names and values are checked at load. */
export const headerModifierSchema = closed({
  add: edits.describe('Appended.'),
  set: edits.describe('Replaced.'),
  remove: z.array(headerName()).default([]),
});

/** What the file says, as a resource. */
export function headerModifierSpec(options: z.output<typeof headerModifierSchema>): HeaderModifierSpec {
  return { add: lowerCase(options.add), set: lowerCase(options.set), remove: options.remove };
}

/** Names are lowered here and not by the schema, so that two that differ in case only both stay. */
function lowerCase(edited: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(edited).map(([name, value]) => [name.toLowerCase(), value]);
}
