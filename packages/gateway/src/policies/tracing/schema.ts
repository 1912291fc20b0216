import { z } from 'zod';
import type { Path } from '../../config/path.ts';
import { present } from '../../config/present.ts';
import { closed, maybe } from '../../config/schema/closed.ts';
import { expression } from '../../config/schema/expression.ts';
import { oneReference, referenceFields, referenceLater } from '../../config/schema/reference.ts';
import type { Translation } from '../../config/translate/translation.ts';
import type { Sampling, TracingSpec } from './spec.ts';

/** A boolean is all or nothing, a number how likely, a text an expression (spec 10 §5.4). */
export function sampling() {
  return z.union([z.boolean().transform(Number), z.number().transform(clamp), expression()]);
}

function clamp(value: number): Sampling {
  return Math.min(1, Math.max(0, value));
}

/** Names to expressions, in the order of the file. */
export function expressions() {
  return z.record(z.string().min(1), expression()).default({});
}

/** Path of an export by HTTP. */
export function exportPath() {
  return z.string().startsWith('/', 'must start with /');
}

/** `tracing` in the file (spec 10 §2.3). */
export const tracingSchema = closed(
  {
    ...referenceFields,
    protocol: z.enum(['grpc', 'http']).default('grpc'),
    path: exportPath().default('/v1/traces').describe('Of protocol http.'),
    randomSampling: maybe(sampling()).describe('For requests without a valid traceparent; never unless it is set.'),
    clientSampling: maybe(sampling()).describe('For requests with one; always unless it is set.'),
    filter: maybe(expression()).describe('Evaluated at the end of a request; spans are exported where it is true.'),
    attributes: expressions(),
    remove: z.array(z.string()).default([]),
    resources: expressions().describe('Attributes of the OpenTelemetry resource, evaluated once.'),
  },
  referenceLater,
).check(oneReference);

/** What the file says, as a resource. */
export function tracingSpec(
  options: z.output<typeof tracingSchema>,
  path: Path,
  translation: Translation,
): TracingSpec {
  const { protocol, randomSampling, clientSampling, filter, attributes, remove, resources } = options;
  return present({
    receiver: translation.reference(options, path),
    protocol,
    path: options.path,
    randomSampling,
    clientSampling,
    filter,
    attributes: Object.entries(attributes),
    remove,
    resources: Object.entries(resources),
  });
}
