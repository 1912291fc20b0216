import type { Program } from '@agentgateway/cel';
import type { GatewayError } from '../../pipeline/errors.ts';
import type { Ports } from '../../pipeline/step.ts';
import type { RetrySpec } from './spec.ts';

/** `retry`, ready for the pipeline (spec 02 §3.12). */
export interface RetryPlan {
  /** Retries, not tries: one more request than this is made at most. */
  readonly attempts: number;
  /** Milliseconds between two tries. */
  readonly backoff: number;
  /** Is a response with this status tried again? */
  shouldRetry(status: number): boolean;
  /** Is a try that failed without a response tried again? */
  shouldRetryError(error: GatewayError): boolean;
  /** Holds for responses that are tried again whatever their status; null where only the status counts. */
  readonly condition: Program | null;
  /** True if the condition reads the body of the response. */
  readonly readsBody: boolean;
}

/** Bytes of a request body that are kept to be sent again; a longer body is sent once. */
export const maxReplayBytes = 65_536;

/** Field that numbers the retries for the upstream, from 1. */
export const retryAttemptHeader = 'x-retry-attempt';

/** What holds where no policy says anything. */
export const noRetries: RetryPlan = {
  attempts: 0,
  backoff: 0,
  shouldRetry: () => false,
  shouldRetryError: () => false,
  condition: null,
  readsBody: false,
};

export function compileRetry(
  { attempts, backoff, codes, condition }: RetrySpec,
  ports: Pick<Ports, 'expression' | 'needsOf'>,
): RetryPlan {
  const statuses = new Set(codes);
  const program = condition === undefined ? null : ports.expression(condition);
  return {
    attempts,
    backoff,
    shouldRetry: (status) => statuses.has(status),
    shouldRetryError: (error) => error.retryable,
    condition: program,
    readsBody: program !== null && ports.needsOf(program).responseBody,
  };
}
