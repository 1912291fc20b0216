import { z } from 'zod';
import { closed, maybe } from '../../config/schema/closed.ts';
import { conditional } from '../../config/schema/conditional.ts';
import { expression } from '../../config/schema/expression.ts';
import { headerName, isHeaderName } from '../../config/schema/fields.ts';
import type { NamedExpression, TransformationSpec, TransformationsSpec } from './spec.ts';

const pseudo = [':method', ':scheme', ':authority', ':path', ':status'];

/** Names to expressions, in the order of the file. */
const fields = z
  .record(
    z
      .string()
      .refine(
        (name) => isHeaderName(name) || pseudo.includes(name),
        `not a header name, nor one of ${pseudo.join(', ')}`,
      ),
    expression(),
  )
  .default({});

const message = closed({
  metadata: z
    .record(z.string(), expression())
    .default({})
    .describe('Kept for later expressions as metadata.NAME, and for logs.'),
  replace: maybe(expression()).describe('A map that all header fields are replaced by.'),
  add: fields.describe('Appended.'),
  set: fields.describe('Replaced.'),
  remove: z.array(headerName()).default([]),
  body: maybe(expression()).describe('Text and bytes as they are, everything else as JSON.'),
});

/** `transformations` in the file where it may not be conditional: on backends, and on services that policies ask. */
export const transformationsSchema = closed({ request: maybe(message), response: maybe(message) });

/** `transformations` in the file (spec 03 §7.3) of gateways and routes. */
export const conditionalTransformationsSchema = conditional(transformationsSchema);

/** `transformations` of a backend: the conditional form is refused by name, as it could not be chosen once per request. */
export const backendTransformationsSchema = z.unknown().transform((value, context) => {
  if (typeof value === 'object' && value !== null && Object.hasOwn(value, 'conditional')) {
    const message = 'conditional transformations are not supported on backends';
    context.issues.push({ code: 'custom', input: value, path: ['conditional'], message, params: { at: 'key' } });
    return z.NEVER;
  }
  const parsed = transformationsSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  context.issues.push(...(parsed.error.issues as z.core.$ZodRawIssue[]));
  return z.NEVER;
});

/** What the file says, as a resource. */
export function transformationsSpec({
  request,
  response,
}: z.output<typeof transformationsSchema>): TransformationsSpec {
  return { ...(request ? { request: spec(request) } : {}), ...(response ? { response: spec(response) } : {}) };
}

function spec({ metadata, replace, add, set, remove, body }: z.output<typeof message>): TransformationSpec {
  return {
    metadata: Object.entries(metadata),
    ...(replace ? { replace } : {}),
    add: lowerCase(add),
    set: lowerCase(set),
    remove,
    ...(body ? { body } : {}),
  };
}

/** Names are lowered here and not by the schema, so that two that differ in case only both stay. */
function lowerCase(edited: Readonly<Record<string, NamedExpression[1]>>): NamedExpression[] {
  return Object.entries(edited).map(([name, value]) => [name.toLowerCase(), value]);
}
