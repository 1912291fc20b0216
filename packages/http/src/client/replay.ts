import { type Body, type BodyConsumer, type BodyStream, isStream } from '../body.ts';
import type { Headers } from '../headers.ts';

/** Bytes of a request body that are kept for another try (spec 02 §3.12). */
export const REPLAY_LIMIT = 65_536;

/** A request body for several tries, one after the other. */
export interface Replayable {
  /**
   * True if `next` gives a body: always at first; later unless the body is larger than the limit, broke, or is still being
   * read by the previous try.
   */
  canReplay(): boolean;
  /**
   * The body for one more try. With `last` nothing is kept for later, and cancelling it cancels the source; without, the
   * source waits for the next try. @throws Error if it is not available.
   */
  next(last?: boolean): Body;
  /** There will be no more tries: cancels the source unless a try is reading it, whose cancelling then does. */
  release(reason: Error): void;
}

/**
 * Makes a body replayable, keeping up to `limit` bytes of a stream. A body that is known to be larger can be sent once.
 */
export function replayable(body: Body, limit = REPLAY_LIMIT): Replayable {
  return isStream(body) ? new StreamReplay(body, limit) : new WholeReplay(body, limit);
}

/** A body in hand needs nothing kept. */
class WholeReplay implements Replayable {
  readonly #body: Buffer | null;
  readonly #small: boolean;
  #used = false;

  constructor(body: Buffer | null, limit: number) {
    this.#body = body;
    this.#small = body === null || body.length <= limit;
  }

  canReplay(): boolean {
    return this.#small || !this.#used;
  }

  next(): Body {
    if (!this.canReplay()) throw new Error('the body cannot be sent again');
    this.#used = true;
    return this.#body;
  }

  release(): void {}
}

/** Reads the source once; every try starts with what is kept and goes on live. */
class StreamReplay implements Replayable, BodyConsumer {
  readonly source: BodyStream;
  readonly #limit: number;
  readonly kept: Buffer[] = [];
  #keptBytes = 0;
  /** False once something of it has been let go, or is going to be. */
  #complete: boolean;
  #started = false;
  ended = false;
  error: Error | null = null;
  trailers: Headers | null = null;
  #released = false;
  #current: Try | null = null;

  constructor(source: BodyStream, limit: number) {
    this.source = source;
    this.#limit = limit;
    this.#complete = source.length === undefined || source.length <= limit;
  }

  canReplay(): boolean {
    if (this.#current === null) return !this.#released;
    return this.#complete && !this.#released && this.error === null && this.#current.state !== 'reading';
  }

  next(last = false): Body {
    if (!this.canReplay()) throw new Error('the body cannot be sent again');
    if (this.#current?.state === 'unread') this.#current.state = 'over';
    if (last) this.#released = true;
    const attempt = new Try(this);
    this.#current = attempt;
    if (last) this.#complete = false;
    return attempt;
  }

  release(reason: Error): void {
    if (this.#released) return;
    this.#released = true;
    this.#complete = false;
    if (this.#current?.state === 'reading') return;
    if (this.#current !== null) this.#current.state = 'over';
    this.#drop(reason);
  }

  /** A try has caught up and wants more. */
  flow(): void {
    if (!this.#complete) this.#forget();
    if (this.#started) this.source.resume();
    else {
      this.#started = true;
      this.source.read(this);
    }
  }

  /** The reading try wants no more. */
  cancelled(reason: Error): void {
    if (this.#complete) {
      if (this.#started && !this.ended) this.source.pause();
    } else this.#drop(reason);
  }

  onData(chunk: Buffer): void {
    const reader = this.#current?.state === 'reading' ? this.#current : null;
    if (this.#complete) {
      this.#keptBytes += chunk.length;
      if (this.#keptBytes > this.#limit) this.#complete = false;
    }
    if (reader === null) {
      // Between two tries: a remainder that no longer fits ends the chance of another one.
      if (this.#complete) this.kept.push(Buffer.from(chunk));
      else this.#drop(new Error('the body is too large to be sent again'));
      return;
    }
    if (!reader.caughtUp) {
      this.kept.push(Buffer.from(chunk));
      return;
    }
    if (this.#complete) {
      this.kept.push(Buffer.from(chunk));
      reader.position++;
    } else this.#forget();
    reader.consumer.onData(chunk);
  }

  onTrailers(trailers: Headers): void {
    this.trailers = trailers;
  }

  onEnd(): void {
    this.ended = true;
    this.#current?.advance();
  }

  onError(error: Error): void {
    this.error = error;
    this.#current?.advance();
  }

  #forget(): void {
    this.kept.length = 0;
    if (this.#current !== null) this.#current.position = 0;
  }

  #drop(reason: Error): void {
    this.kept.length = 0;
    if (this.ended || this.error !== null) return;
    this.error = reason;
    this.source.cancel(reason);
  }
}

/** The body as one try sees it. */
class Try implements BodyStream {
  readonly length: number | undefined;
  readonly #replay: StreamReplay;
  state: 'unread' | 'reading' | 'over' = 'unread';
  consumer!: BodyConsumer;
  /** Kept chunks that were delivered. */
  position = 0;
  #paused = false;
  #delivering = false;

  constructor(replay: StreamReplay) {
    this.#replay = replay;
    this.length = replay.source.length;
  }

  get caughtUp(): boolean {
    return this.position === this.#replay.kept.length;
  }

  read(consumer: BodyConsumer): void {
    if (this.state !== 'unread') throw new Error('a body is read once, and only by the latest try');
    this.state = 'reading';
    this.consumer = consumer;
    this.advance();
  }

  pause(): void {
    this.#paused = true;
    if (this.caughtUp && this.state === 'reading') this.#replay.source.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.advance();
  }

  cancel(reason: Error): void {
    if (this.state === 'over') return;
    this.state = 'over';
    this.#replay.cancelled(reason);
  }

  /** Delivers what is kept, then the end if it has come, else lets the source flow. */
  advance(): void {
    if (this.state !== 'reading' || this.#delivering) return;
    const replay = this.#replay;
    this.#delivering = true;
    while (!this.caughtUp && !this.#paused && this.#isReading()) {
      const chunk = replay.kept[this.position++] as Buffer;
      this.consumer.onData(chunk);
    }
    this.#delivering = false;
    if (!this.#isReading() || !this.caughtUp) return;
    if (replay.error !== null) {
      this.state = 'over';
      this.consumer.onError(replay.error);
    } else if (replay.ended) {
      this.state = 'over';
      if (replay.trailers !== null) this.consumer.onTrailers(replay.trailers);
      this.consumer.onEnd();
    } else if (!this.#paused) {
      replay.flow();
    }
  }

  // A method, since what a consumer does in between changes the state behind the compiler's back.
  #isReading(): boolean {
    return this.state === 'reading';
  }
}
