import { z } from 'zod';
import { present } from '../../config/present.ts';
import { closed, maybe } from '../../config/schema/closed.ts';
import { expression } from '../../config/schema/expression.ts';
import { name } from '../../config/schema/fields.ts';
import { notYet } from '../../config/schema/not-yet.ts';
import type { AccessFieldsSpec, AccessLogSpec } from './spec.ts';

/** Every line has them: a second one would make it say two things. */
const fixed: readonly string[] = ['level', 'time', 'scope'];

const addedName = name().refine(
  (text) => !fixed.includes(text),
  'level, time and scope are part of every line; choose another name',
);

const fields = {
  add: maybe(z.record(addedName, expression())).describe('Keys to add, with the expressions that give their values.'),
  remove: maybe(z.array(z.string())).describe('Keys to leave out.'),
};

/** `add` and `remove` where they stand alone: `config.logging.fields`. */
export const accessFieldsSchema = closed(fields);

/** `frontendPolicies.accessLog` in the file (spec 10 §2.2). */
export const accessLogSchema = closed(
  {
    filter: maybe(expression()).describe('Requests are logged for which it is true.'),
    ...fields,
  },
  notYet.accessLog,
);

/** What the file says, as a resource. */
export function accessLogSpec(options: z.output<typeof accessLogSchema>): AccessLogSpec {
  return { ...present({ filter: options.filter ?? undefined }), ...accessFieldsSpec(options) };
}

/** The same of `add` and `remove`. */
function accessFieldsSpec({ add, remove }: z.output<typeof accessFieldsSchema>): AccessFieldsSpec {
  return { add: Object.entries(add ?? {}), remove: remove ?? [] };
}
