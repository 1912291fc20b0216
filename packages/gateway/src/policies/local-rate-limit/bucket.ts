import type { BucketSpec } from './spec.ts';

/** Slots of a bucket inside its shared cell, in 64-bit words. */
const SPENT = 0;
const STARTED = 1;

/** Bytes that one bucket takes in shared memory. */
export const BUCKET_BYTES = 2 * BigInt64Array.BYTES_PER_ELEMENT;

/**
 * A token bucket that is exact across worker threads.
 *
 * All its state is one number on the line of tokens ever earned: how far they are spent. What time has earned is computed, not
 * stored; the bucket is full while spending lags behind earning, and `maxTokens` is how far it may run ahead. So taking is one
 * compare-and-exchange, no worker ever waits for another, and a worker that dies holds nothing. A cell of zeros is a full bucket.
 *
 * Fills come at whole intervals from the first use, however late somebody looks.
 */
export class Bucket {
  readonly maxTokens: number;
  readonly #cell: BigInt64Array;
  readonly #max: bigint;
  readonly #perFill: bigint;
  /** Nanoseconds. */
  readonly #interval: bigint;

  constructor(cell: SharedArrayBuffer, { maxTokens, tokensPerFill, fillInterval }: BucketSpec) {
    this.#cell = new BigInt64Array(cell);
    this.maxTokens = maxTokens;
    this.#max = BigInt(maxTokens);
    this.#perFill = BigInt(tokensPerFill);
    this.#interval = BigInt(Math.round(fillInterval * 1e6));
  }

  /**
   * Takes one token.
   *
   * @param now Nanoseconds of a clock that all threads share.
   * @returns how many are left, or -1 if there was none.
   */
  take(now: bigint): number {
    const earned = this.#earned(now);
    for (;;) {
      const spent = Atomics.load(this.#cell, SPENT);
      const next = (spent > earned ? spent : earned) + 1n;
      const left = this.#max - (next - earned);
      if (left < 0n) return -1;
      if (Atomics.compareExchange(this.#cell, SPENT, spent, next) === spent) return Number(left);
    }
  }

  /** Gives back a token that was taken. What time has filled up since is not exceeded. */
  giveBack(): void {
    Atomics.sub(this.#cell, SPENT, 1n);
  }

  /** Whole seconds until the next fill, rounded down as `x-ratelimit-reset` is. */
  secondsUntilFill(now: bigint): number {
    return Number(this.#untilFill(now) / 1_000_000_000n);
  }

  /** Whole seconds until one token can be had, for `Retry-After`: at least 1; null if it never can. */
  secondsUntilToken(now: bigint): number | null {
    if (this.#perFill === 0n || this.#max === 0n) return null;
    const missing = Atomics.load(this.#cell, SPENT) - this.#earned(now) + 1n - this.#max;
    const fills = missing <= 1n ? 1n : (missing + this.#perFill - 1n) / this.#perFill;
    const nanoseconds = this.#untilFill(now) + (fills - 1n) * this.#interval;
    return Math.max(1, Math.ceil(Number(nanoseconds) / 1e9));
  }

  #untilFill(now: bigint): bigint {
    return this.#interval - (this.#age(now) % this.#interval);
  }

  #earned(now: bigint): bigint {
    return (this.#age(now) / this.#interval) * this.#perFill;
  }

  /** Nanoseconds since the first use; a thread whose look at the clock is older than that sees none. */
  #age(now: bigint): bigint {
    let started = Atomics.load(this.#cell, STARTED);
    if (started === 0n) {
      started = Atomics.compareExchange(this.#cell, STARTED, 0n, now);
      if (started === 0n) return 0n;
    }
    return now > started ? now - started : 0n;
  }
}
