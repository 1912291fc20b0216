/** A timer that a {@link Clock} started. */
export interface Timer {
  /** Takes it back; nothing happens if it has fired already. */
  cancel(): void;
}

/** Time as logic sees it, so that tests can move it by hand. Milliseconds, monotonic, from an arbitrary start. */
export interface Clock {
  now(): number;
  /** Calls `fire` once. A timer in the background does not keep the process alive. */
  after(milliseconds: number, fire: () => void, background?: boolean): Timer;
}

class NodeTimer implements Timer {
  readonly #timer: NodeJS.Timeout;
  constructor(timer: NodeJS.Timeout) {
    this.#timer = timer;
  }
  cancel(): void {
    clearTimeout(this.#timer);
  }
}

/** The longest time that a timer of Node's can wait; it would take more for one millisecond. */
const MAX_DELAY = 2_147_483_647;

/** The clock of this process. Timers of more than 24 days fire after 24 days. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, fire, background = false) {
    const timer = setTimeout(fire, Math.min(milliseconds, MAX_DELAY));
    if (background) timer.unref();
    return new NodeTimer(timer);
  },
};
