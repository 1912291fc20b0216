import { z } from 'zod';
import { parseDuration } from '../../config/duration.ts';
import type { Path } from '../../config/path.ts';
import { present } from '../../config/present.ts';
import { closed, exactlyOne, maybe } from '../../config/schema/closed.ts';
import type { MaybeConditional } from '../../config/schema/conditional.ts';
import { expression } from '../../config/schema/expression.ts';
import { headerName, headerOrPseudo, u16, u32, uint } from '../../config/schema/fields.ts';
import { oneReference, type ReferenceOptions, referenceFields, referenceLater } from '../../config/schema/reference.ts';
import type { BackendReference } from '../../resources/model.ts';
import type { TrafficPolicy } from '../policy.ts';
import type { ExtAuthzSpec, FailureMode, HttpCheckSpec } from './spec.ts';

const defaultBodyBytes = 8192;
const defaultEntries = 10_000;

const expressions = () => z.record(z.string(), expression());

const grpc = closed({
  context: z.record(z.string(), z.string()).default({}),
  metadata: maybe(expressions()),
});

const http = closed({
  path: maybe(expression()),
  redirect: maybe(expression()),
  body: maybe(expression()),
  includeResponseHeaders: z.array(headerName()).default([]),
  addRequestHeaders: z.record(headerOrPseudo(), expression()).default({}),
  metadata: expressions().default({}),
});

const includeRequestBody = closed({
  // In its better form (03 §12): what is left out is the documented default, not 0.
  maxRequestBytes: u32().default(defaultBodyBytes),
  allowPartialMessage: z.boolean().default(false),
  packAsBytes: z.boolean().default(false),
});

/** A plain duration needs no expression. */
const ttl = z
  .string()
  .transform((text) => ('ms' in parseDuration(text) ? `duration(${JSON.stringify(text)})` : text))
  .pipe(expression())
  .describe('Such as 30s, or an expression for a duration, a timestamp or seconds since the epoch.');

const cache = closed({ key: z.array(expression()), ttl, maxEntries: uint().default(defaultEntries) });

const fields = {
  ...referenceFields,
  protocol: closed({ grpc: grpc.optional(), http: http.optional() })
    .check(exactlyOne(['grpc', 'http']))
    .optional(),
  failureMode: z.union([z.enum(['allow', 'deny']), closed({ denyWithStatus: u16() })]).default('deny'),
  includeRequestHeaders: z.array(headerOrPseudo()).default([]),
  includeRequestBody: maybe(includeRequestBody),
  cache: maybe(cache),
};

/** `extAuthz` in the file (spec 03 §5.2). */
export const extAuthzSchema = closed(fields, referenceLater).check(oneReference);

/** The same where conditions are not possible: on backends. */
export const backendExtAuthzSchema = closed(fields, referenceLater, {
  conditional: 'conditional extAuthz is not supported on backends; write it on the route',
}).check(oneReference);

/** `frontendPolicies.networkExtAuthz` (spec 03 §10b). */
export const networkExtAuthzSchema = closed(fields, referenceLater)
  .check(oneReference)
  .check((context) => {
    if (context.issues.length > 0 || context.value.protocol?.http !== undefined) return;
    const message = 'frontendPolicies.networkExtAuthz only supports protocol.http';
    context.issues.push({ code: 'custom', input: context.value, message, params: { at: 'key' } });
  });

type ExtAuthzOptions = z.output<typeof extAuthzSchema>;

/** Resolves the service that a policy at a path names. */
export interface References {
  reference(options: ReferenceOptions, path: Path): BackendReference;
}

/** What the file says at `path`, as a resource. */
export function extAuthzSpec(options: ExtAuthzOptions, path: Path, references: References): ExtAuthzSpec {
  const { protocol, failureMode, includeRequestHeaders, includeRequestBody, cache } = options;
  return {
    service: references.reference(options, path),
    protocol: protocol?.http === undefined ? { grpc: grpcSpec(protocol?.grpc) } : { http: httpSpec(protocol.http) },
    failureMode: failureModeOf(failureMode),
    includeRequestHeaders,
    ...present({ includeRequestBody }),
    ...(cache == null ? {} : { cache: { ...cache, maxEntries: cache.maxEntries || defaultEntries } }),
  };
}

/** The policy of one specification or of several with conditions. */
export function extAuthzPolicy(
  given: MaybeConditional<ExtAuthzOptions>,
  path: Path,
  references: References,
): Extract<TrafficPolicy, { kind: 'extAuthz' }> {
  if ('options' in given) return { kind: 'extAuthz', spec: extAuthzSpec(given.options, path, references) };
  const entries = given.entries.map(({ condition, options }, i) => ({
    condition,
    spec: extAuthzSpec(options, [...path, 'conditional', i], references),
  }));
  return { kind: 'extAuthz', entries };
}

function grpcSpec(options: z.output<typeof grpc> | undefined) {
  return { context: options?.context ?? {}, ...present({ metadata: options?.metadata }) };
}

function httpSpec({ path, redirect, body, ...rest }: z.output<typeof http>): HttpCheckSpec {
  return { ...rest, ...present({ path, redirect, body }) };
}

/** A status that no answer can have is the usual one. */
function failureModeOf(mode: ExtAuthzOptions['failureMode']): FailureMode {
  if (typeof mode === 'string') return mode;
  const { denyWithStatus: status } = mode;
  return status >= 200 && status <= 999 ? mode : 'deny';
}
