/** `delay` as a resource (spec 03 §7.6). */
export interface DelaySpec {
  /** Milliseconds; 0 is none. */
  readonly duration: number;
}
