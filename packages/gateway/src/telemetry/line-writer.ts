import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import type { LineSink } from './app-log.ts';
import { LineLock } from './line-lock.ts';

export interface LineWriterOptions {
  /** File descriptor: 1 for standard output. */
  readonly fd: number;
  /** Memory that all threads share that write to this output: `LINE_LOCK_BYTES`, zeroed. */
  readonly lock: SharedArrayBuffer;
  /** Number of this thread among those, positive: `threadId + 1`. */
  readonly id: number;
  /** Lines that may wait; beyond it the producer waits. Default 10,000. */
  readonly capacity?: number;
  /** Milliseconds for which lines are gathered. Default 10. */
  readonly delay?: number;
}

const CAPACITY = 10_000;
const DELAY = 10;
/** UTF-16 units of a batch: at most three bytes each, and a pipe holds 64 KiB. */
const BATCH_LENGTH = 32_768;
/** Milliseconds between two tries when the reader is slow or another thread has its turn. */
const RETRY_DELAY = 2;
/** Milliseconds that one round of a blocked producer waits for its turn. */
const TURN_WAIT = 1_000;

/**
 * Writes lines to a file descriptor that several threads share, without losing or tearing any.
 *
 * `process.stdout` of a worker goes through the main thread; this does not. Lines are gathered for some milliseconds and
 * written by one `write` per batch. A pipe or terminal is opened again without blocking, so that a slow reader costs neither the
 * event loop nor a thread of the pool: what it does not take waits, up to the capacity, and only then the producer does.
 * Other outputs (regular files, which share one offset and never wait; sockets, which cannot be opened again) are written
 * to as they are.
 */
export class LineWriter implements LineSink, Disposable {
  readonly #fd: number;
  readonly #opened: boolean;
  readonly #lock: LineLock;
  readonly #capacity: number;
  readonly #delay: number;
  readonly #pause = new Int32Array(new SharedArrayBuffer(4));

  /** Lines not yet in a batch, and whole batches behind them in age order. */
  #gathered = '';
  #gatheredLines = 0;
  #batches: { readonly text: string; readonly lines: number }[] = [];
  #waiting = 0;

  /** The batch being written, and how far it is. Set only while this thread has its turn. */
  #batch: Buffer | null = null;
  #batchLines = 0;
  #offset = 0;

  #timer: NodeJS.Timeout | undefined;
  #broken = false;
  #lost = 0;

  constructor(options: LineWriterOptions) {
    const reopened = reopenNonBlocking(options.fd);
    this.#opened = reopened !== null;
    this.#fd = reopened ?? options.fd;
    this.#lock = new LineLock(options.lock, options.id);
    this.#capacity = options.capacity ?? CAPACITY;
    this.#delay = options.delay ?? DELAY;
  }

  /** Lines that could not be written because the output is gone or refuses them. */
  get lost(): number {
    return this.#lost;
  }

  /** Takes one line, its newline included. Waits for the output if as many lines wait as may. */
  write(line: string): void {
    if (this.#broken) {
      this.#lost += 1;
      return;
    }
    this.#gathered += line;
    this.#gatheredLines += 1;
    this.#waiting += 1;
    if (this.#gathered.length >= BATCH_LENGTH) {
      this.#seal();
      if (this.#timer === undefined || this.#batch === null) this.#pump();
    } else {
      this.#timer ??= setTimeout(this.#onTimer, this.#delay);
    }
    if (this.#waiting >= this.#capacity) this.#drain(this.#capacity - 1, Number.POSITIVE_INFINITY);
  }

  /**
   * Writes everything before it returns, blocking this thread; for shutdown. False if `milliseconds` passed and the reader
   * had not taken all.
   */
  flush(milliseconds = Number.POSITIVE_INFINITY): boolean {
    return this.#drain(0, milliseconds);
  }

  /** Writes what waits, for five seconds at most, and closes what was opened. */
  [Symbol.dispose](): void {
    this.flush(5_000);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#batch !== null) this.#finish(true);
    if (this.#opened && !this.#broken) closeSync(this.#fd);
    this.#broken = true;
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#seal();
    this.#pump();
  };

  /** Blocks until no more than `target` lines wait. */
  #drain(target: number, milliseconds: number): boolean {
    const deadline = performance.now() + milliseconds;
    this.#seal();
    while (this.#waiting > target) {
      const left = deadline - performance.now();
      if (left <= 0) return false;
      if (this.#batch === null && !this.#lock.acquire(Math.min(left, TURN_WAIT))) continue;
      this.#step();
      if (this.#batch !== null) Atomics.wait(this.#pause, 0, 0, RETRY_DELAY);
    }
    clearTimeout(this.#timer);
    this.#timer = this.#waiting > 0 ? setTimeout(this.#onTimer, RETRY_DELAY) : undefined;
    return true;
  }

  #seal(): void {
    if (this.#gatheredLines === 0) return;
    this.#batches.push({ text: this.#gathered, lines: this.#gatheredLines });
    this.#gathered = '';
    this.#gatheredLines = 0;
  }

  /** Writes batches until none is left or the output or another thread says wait. */
  #pump(): void {
    while (this.#batch !== null || this.#batches.length > 0) {
      if (this.#batch === null && !this.#lock.tryAcquire()) break;
      this.#step();
      if (this.#batch !== null) break;
    }
    if (this.#batch !== null || this.#batches.length > 0) this.#timer ??= setTimeout(this.#onTimer, RETRY_DELAY);
  }

  /** Goes on with the batch at hand, or begins the next; the turn is this thread's. */
  #step(): void {
    let batch = this.#batch;
    if (batch === null) {
      const next = this.#batches.shift();
      if (next === undefined) {
        this.#lock.release(false);
        return;
      }
      // Somebody died within a line: end it, so that only that line is lost.
      batch = Buffer.from(this.#lock.begin() ? `\n${next.text}` : next.text, 'utf8');
      this.#batch = batch;
      this.#batchLines = next.lines;
      this.#offset = 0;
    }
    try {
      while (this.#offset < batch.length) this.#offset += writeSync(this.#fd, batch, this.#offset);
      this.#finish(false);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EAGAIN' || code === 'EINTR') return;
      this.#lost += this.#batchLines;
      this.#finish(this.#offset > 0);
      if (code === 'EPIPE' || code === 'EBADF') this.#giveUp();
    }
  }

  #finish(torn: boolean): void {
    this.#waiting -= this.#batchLines;
    this.#batch = null;
    this.#batchLines = 0;
    this.#lock.release(torn);
  }

  /** Nobody reads any more: what waits, and what will come, has nowhere to go. */
  #giveUp(): void {
    this.#broken = true;
    if (this.#opened) closeSync(this.#fd);
    this.#lost += this.#waiting;
    this.#waiting = 0;
    this.#batches = [];
    this.#gathered = '';
    this.#gatheredLines = 0;
  }
}

/**
 * Opens a pipe or terminal again with its own non-blocking flag: setting it on the descriptor itself would set it for every
 * process that shares it. Null where that cannot be done.
 */
function reopenNonBlocking(fd: number): number | null {
  if (process.platform !== 'linux') return null;
  try {
    const stat = fstatSync(fd);
    if (!stat.isFIFO() && !stat.isCharacterDevice()) return null;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return null;
  }
}
