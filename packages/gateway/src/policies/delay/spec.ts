import type { Expression } from '../../resources/model.ts';

/** `delay` as a resource (spec 03 §7.6). */
export interface DelaySpec {
  /** Milliseconds; 0 is none. An expression gives a duration, or a number of milliseconds. */
  readonly duration: number | Expression;
}

/** The longest that a timer can wait, in milliseconds: 24 days. */
export const maxDelay = 2 ** 31 - 1;
