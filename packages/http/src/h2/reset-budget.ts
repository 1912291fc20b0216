/** Requests that a client may take back at once. */
const BURST = 200;
/** Requests per millisecond that it may go on taking back. */
const RATE = 20 / 1000;

/** Bounds how often a client may open a request and reset it, which costs the server more than the client. */
export class ResetBudget {
  #left = BURST;
  #at = 0;

  /** Counts one reset. `now` is a monotonic time in milliseconds. False if it was one too many. */
  take(now: number): boolean {
    this.#left = Math.min(BURST, this.#left + (now - this.#at) * RATE);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
