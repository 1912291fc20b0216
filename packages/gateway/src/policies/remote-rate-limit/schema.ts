import { z } from 'zod';
import type { Path } from '../../config/path.ts';
import { present } from '../../config/present.ts';
import { closed, maybe, word } from '../../config/schema/closed.ts';
import type { MaybeConditional } from '../../config/schema/conditional.ts';
import { expression } from '../../config/schema/expression.ts';
import { oneReference, type ReferenceOptions, referenceFields, referenceLater } from '../../config/schema/reference.ts';
import type { BackendReference } from '../../resources/model.ts';
import type { TrafficPolicy } from '../policy.ts';
import type { DescriptorSpec, RemoteRateLimitSpec } from './spec.ts';

const descriptor = closed({
  entries: z.array(closed({ key: z.string(), value: expression() })),
  type: word(['requests'], ['tokens']).default('requests'),
  cost: maybe(expression()).describe('What the request counts for: a whole number.'),
  limitOverride: maybe(expression()).describe(
    'A map of unit and requestsPerUnit, in place of the limit of the service.',
  ),
});

/** `remoteRateLimit` in the file (spec 03 §6.2). */
export const remoteRateLimitSchema = closed(
  {
    ...referenceFields,
    domain: z.string(),
    descriptors: z.array(descriptor),
    failureMode: z.enum(['failClosed', 'failOpen', 'FailClosed', 'FailOpen']).default('failClosed'),
  },
  referenceLater,
).check(oneReference);

type Options = z.output<typeof remoteRateLimitSchema>;

/** Resolves the service that a policy at a path names. */
interface References {
  reference(options: ReferenceOptions, path: Path): BackendReference;
}

/** What the file says at `path`, as a resource. */
export function remoteRateLimitPolicy(
  given: MaybeConditional<Options>,
  path: Path,
  references: References,
): Extract<TrafficPolicy, { kind: 'remoteRateLimit' }> {
  if ('options' in given) return { kind: 'remoteRateLimit', spec: specOf(given.options, path, references) };
  const entries = given.entries.map(({ condition, options }, i) => ({
    condition,
    spec: specOf(options, [...path, 'conditional', i], references),
  }));
  return { kind: 'remoteRateLimit', entries };
}

function specOf(options: Options, path: Path, references: References): RemoteRateLimitSpec {
  const { domain, descriptors, failureMode } = options;
  return {
    service: references.reference(options, path),
    domain,
    descriptors: descriptors.map(descriptorSpec),
    failureMode: failureMode === 'failOpen' || failureMode === 'FailOpen' ? 'failOpen' : 'failClosed',
  };
}

function descriptorSpec({ entries, cost, limitOverride }: z.output<typeof descriptor>): DescriptorSpec {
  return { entries, ...present({ cost: cost ?? undefined, limitOverride: limitOverride ?? undefined }) };
}
