/** Bytes of the shared memory that line writers of one output need. Zeroed is unlocked. */
export const LINE_LOCK_BYTES = 2 * Int32Array.BYTES_PER_ELEMENT;

const OWNER = 0;
const TORN = 1;

/**
 * Whose turn it is to write to an output that several threads share.
 *
 * A pipe keeps writes whole only up to `PIPE_BUF` (4096 bytes on Linux, 512 by POSIX), and lines may be longer: so a thread
 * holds this lock from the first to the last byte of a batch of whole lines. The owner's number stands in the cell: the
 * supervisor gives back the turn of a thread that died with it.
 */
export class LineLock {
  readonly #cell: Int32Array;
  readonly #id: number;

  /** `id` is positive and differs between the threads that share `memory` (`threadId + 1`). */
  constructor(memory: SharedArrayBuffer, id: number) {
    this.#cell = new Int32Array(memory);
    this.#id = id;
  }

  /** Takes the turn if nobody has it. */
  tryAcquire(): boolean {
    return Atomics.compareExchange(this.#cell, OWNER, 0, this.#id) === 0;
  }

  /** Blocks this thread until it has the turn; false if `milliseconds` passed first. */
  acquire(milliseconds: number): boolean {
    const deadline = performance.now() + milliseconds;
    for (;;) {
      if (this.tryAcquire()) return true;
      const left = deadline - performance.now();
      if (left <= 0) return false;
      const owner = Atomics.load(this.#cell, OWNER);
      if (owner !== 0) Atomics.wait(this.#cell, OWNER, owner, left);
    }
  }

  /** Gives the turn back; `torn` says that the output may have been left within a line. */
  release(torn: boolean): void {
    Atomics.store(this.#cell, TORN, torn ? 1 : 0);
    Atomics.store(this.#cell, OWNER, 0);
    Atomics.notify(this.#cell, OWNER, 1);
  }

  /** Marks the output as within a line until the batch is whole, and says whether it was left so by somebody else. */
  begin(): boolean {
    return Atomics.exchange(this.#cell, TORN, 1) === 1;
  }
}

/** Gives back the turn of thread `id`, which is gone: whoever writes next begins a new line if the dead one had begun one. */
export function releaseDeadWriter(memory: SharedArrayBuffer, id: number): void {
  const cell = new Int32Array(memory);
  if (Atomics.compareExchange(cell, OWNER, id, 0) === id) Atomics.notify(cell, OWNER, 1);
}
