/** `retry` as a resource. */
export interface RetrySpec {
  /** Retries, not tries: one more request than this is made at most. */
  readonly attempts: number;
  /** Milliseconds between two tries. */
  readonly backoff: number;
  /** Statuses that are tried again. */
  readonly codes: readonly number[];
}
