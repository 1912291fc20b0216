import type { TimeoutSpec } from './spec.ts';

/** `timeout`, ready for the pipeline (spec 02 §3.13): milliseconds, 0 is none. */
export interface TimeoutPlan {
  /** From the start of the request to the response's head, over all tries: 504 `requestTimeout`. */
  readonly requestTimeout: number;
  /** One try: 504 `upstreamCallTimeout`, which may be tried again. */
  readonly backendRequestTimeout: number;
}

/** What holds where no policy says anything. */
export const noTimeouts: TimeoutPlan = { requestTimeout: 0, backendRequestTimeout: 0 };

export function compileTimeout(spec: TimeoutSpec): TimeoutPlan {
  return { requestTimeout: spec.requestTimeout ?? 0, backendRequestTimeout: spec.backendRequestTimeout ?? 0 };
}
