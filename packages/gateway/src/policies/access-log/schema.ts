import { z } from 'zod';
import type { Path } from '../../config/path.ts';
import { present } from '../../config/present.ts';
import { closed, maybe } from '../../config/schema/closed.ts';
import { expression } from '../../config/schema/expression.ts';
import { name } from '../../config/schema/fields.ts';
import { notYet } from '../../config/schema/not-yet.ts';
import { oneReference, referenceFields, referenceLater } from '../../config/schema/reference.ts';
import type { Translation } from '../../config/translate/translation.ts';
import { exportPath } from '../tracing/schema.ts';
import type { AccessFieldsSpec, AccessLogOtlpSpec, AccessLogSpec } from './spec.ts';

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

const otlp = closed(
  {
    ...referenceFields,
    protocol: z.enum(['grpc', 'http']).default('grpc'),
    path: exportPath().default('/v1/logs').describe('Of protocol http.'),
    filter: maybe(expression()).describe('In place of the filter of the lines.'),
    fields: maybe(accessFieldsSchema).describe('In place of add and remove of the lines.'),
  },
  referenceLater,
).check(oneReference);

/** `frontendPolicies.accessLog` in the file (spec 10 §2.2). */
export const accessLogSchema = closed(
  {
    filter: maybe(expression()).describe('Requests are logged for which it is true.'),
    ...fields,
    otlp: maybe(otlp).describe('Exports records of requests to a collector of OpenTelemetry.'),
  },
  notYet.accessLog,
);

/** What the file says, as a resource. */
export function accessLogSpec(
  options: z.output<typeof accessLogSchema>,
  path: Path,
  translation: Translation,
): AccessLogSpec {
  const collector = options.otlp == null ? undefined : otlpSpec(options.otlp, [...path, 'otlp'], translation);
  return { ...present({ filter: options.filter ?? undefined, otlp: collector }), ...accessFieldsSpec(options) };
}

function otlpSpec(options: z.output<typeof otlp>, path: Path, translation: Translation): AccessLogOtlpSpec {
  return {
    receiver: translation.reference(options, path),
    protocol: options.protocol,
    path: options.path,
    ...present({
      filter: options.filter ?? undefined,
      fields: options.fields == null ? undefined : accessFieldsSpec(options.fields),
    }),
  };
}

/** The same of `add` and `remove`. */
function accessFieldsSpec({ add, remove }: z.output<typeof accessFieldsSchema>): AccessFieldsSpec {
  return { add: Object.entries(add ?? {}), remove: remove ?? [] };
}
