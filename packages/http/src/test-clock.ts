import type { Clock, Timer } from './clock.ts';

interface Due {
  readonly at: number;
  readonly fire: () => void;
}

/** A clock for tests: time passes when `advance` says so, and timers fire in their order. */
export class TestClock implements Clock {
  #now = 0;
  readonly #timers = new Set<Due>();

  now(): number {
    return this.#now;
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  after(milliseconds: number, fire: () => void): Timer {
    const due = { at: this.#now + milliseconds, fire };
    this.#timers.add(due);
    return { cancel: () => void this.#timers.delete(due) };
  }

  /** Lets time pass; between two timers, promises get their turn. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    for (;;) {
      await turn();
      let next: Due | null = null;
      for (const due of this.#timers) if (due.at <= end && (next === null || due.at < next.at)) next = due;
      if (next === null) break;
      this.#timers.delete(next);
      this.#now = next.at;
      next.fire();
    }
    this.#now = end;
    await turn();
  }
}

/** Lets every promise that is ready have its turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
