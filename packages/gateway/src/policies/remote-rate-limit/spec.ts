import type { BackendReference, Expression } from '../../resources/model.ts';

/** `remoteRateLimit` as a resource: a service counts, and says which requests are too many (spec 03 §6.2). */
export interface RemoteRateLimitSpec {
  readonly service: BackendReference;
  /** The service's name for the set of limits. */
  readonly domain: string;
  readonly descriptors: readonly DescriptorSpec[];
  /** Whether requests pass while the service gives no answer. */
  readonly failureMode: 'failClosed' | 'failOpen';
}

/** What a request may be counted as. One that cannot be made up for a request is left out of it. */
export interface DescriptorSpec {
  readonly entries: readonly { readonly key: string; readonly value: Expression }[];
  /** What the request counts for; absent is what the service says, which is 1. */
  readonly cost?: Expression;
  /** `{unit, requestsPerUnit}` in place of the limit that the service knows. */
  readonly limitOverride?: Expression;
}
