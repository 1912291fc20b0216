/** `localRateLimit` as a resource: token buckets, all of which must grant a request (spec 03 §6.1). */
export type LocalRateLimitSpec = readonly BucketSpec[];

export interface BucketSpec {
  /** Size of the bucket, full at first. */
  readonly maxTokens: number;
  /** Tokens that every fill adds; 0 fills nothing ever. */
  readonly tokensPerFill: number;
  /** Milliseconds between two fills. */
  readonly fillInterval: number;
}
