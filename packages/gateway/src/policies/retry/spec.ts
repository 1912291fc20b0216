import type { Expression } from '../../resources/model.ts';

/** `retry` as a resource. */
export interface RetrySpec {
  /** Retries, not tries: one more request than this is made at most. */
  readonly attempts: number;
  /** Milliseconds between two tries. */
  readonly backoff: number;
  /** Statuses that are tried again. */
  readonly codes: readonly number[];
  /** Unless it holds for the request there are no retries. */
  readonly precondition?: Expression;
  /** Responses for which it holds are tried again, besides those with one of the statuses. */
  readonly condition?: Expression;
}
