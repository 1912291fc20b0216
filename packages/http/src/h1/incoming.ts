import type { BodyConsumer, BodyStream } from '../body.ts';
import type { Headers } from '../headers.ts';
import type { ChunkedDecoder, ChunkSink } from './chunked.ts';

/** The connection behind an {@link IncomingBody}. */
export interface BodySource {
  /** The consumer wants data now: at the first read, or after a pause. */
  bodyWanted(): void;
  bodyPaused(): void;
  /** The consumer wants no more of it, ever. */
  bodyCancelled(reason: Error): void;
}

/** Length of a body that ends with the connection. */
export const UNTIL_CLOSE = -1;

/** A message body that arrives on a connection: the connection feeds it, its consumer reads it. */
export class IncomingBody implements BodyStream, ChunkSink {
  readonly length: number | undefined;
  readonly #source: BodySource;
  readonly #chunked: ChunkedDecoder | null;
  #remaining: number;
  #consumer: BodyConsumer | null = null;
  #paused = true;
  #wasRead = false;
  /** Nothing more is told to the consumer. */
  #over = false;
  #error: Error | null = null;
  /** Bytes that may still be thrown away before the connection is given up; -1 while somebody reads. */
  #discard = -1;

  /** @param framing Bytes to come, {@link UNTIL_CLOSE}, or the decoder of the chunked coding. */
  constructor(source: BodySource, framing: number | ChunkedDecoder) {
    this.#source = source;
    this.#chunked = typeof framing === 'number' ? null : framing;
    this.#remaining = typeof framing === 'number' ? framing : UNTIL_CLOSE;
    this.length = this.#remaining === UNTIL_CLOSE ? undefined : this.#remaining;
  }

  /** True while bytes may be fed. */
  get flowing(): boolean {
    return !this.#paused;
  }

  /** True once the message's last byte was fed. */
  get complete(): boolean {
    return this.#chunked === null ? this.#remaining === 0 : this.#chunked.done;
  }

  /** True once somebody has begun to read. */
  get wasRead(): boolean {
    return this.#wasRead;
  }

  /** True if the end of the connection is the end of the body. */
  get endsWithConnection(): boolean {
    return this.#chunked === null && this.#remaining === UNTIL_CLOSE;
  }

  /** Bytes to come where that is known, or {@link UNTIL_CLOSE}. */
  get remaining(): number {
    return this.#remaining;
  }

  /** True if more was thrown away than {@link discard} allowed. */
  get overrun(): boolean {
    return this.#discard === 0;
  }

  read(consumer: BodyConsumer): void {
    if (this.#wasRead) throw new Error('a body is read once');
    this.#wasRead = true;
    if (this.#error !== null) {
      consumer.onError(this.#error);
      return;
    }
    if (this.#over) return;
    this.#consumer = consumer;
    this.#paused = false;
    this.#source.bodyWanted();
  }

  pause(): void {
    if (this.#consumer === null || this.#paused) return;
    this.#paused = true;
    this.#source.bodyPaused();
  }

  resume(): void {
    if (this.#consumer === null || !this.#paused) return;
    this.#paused = false;
    this.#source.bodyWanted();
  }

  cancel(reason: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#consumer = null;
    this.#paused = true;
    this.#source.bodyCancelled(reason);
  }

  /**
   * Takes bytes from `at` and returns the position behind those that belong to the body.
   *
   * @throws MalformedMessage if the chunked coding is broken.
   */
  feed(bytes: Buffer, at: number): number {
    if (this.#chunked !== null) at = this.#chunked.read(bytes, at, this);
    else {
      const left = bytes.length - at;
      const count = this.#remaining === UNTIL_CLOSE ? left : Math.min(left, this.#remaining);
      if (this.#remaining !== UNTIL_CLOSE) this.#remaining -= count;
      this.onChunk(at === 0 && count === bytes.length ? bytes : bytes.subarray(at, at + count));
      at += count;
    }
    if (this.complete) this.finish();
    return at;
  }

  /** @internal */
  onChunk(chunk: Buffer): boolean {
    if (this.#consumer !== null) this.#consumer.onData(chunk);
    else if (this.#discard > 0) this.#discard = Math.max(0, this.#discard - chunk.length);
    return this.#consumer !== null || this.#discard > 0;
  }

  /** @internal */
  onTrailers(trailers: Headers): void {
    this.#consumer?.onTrailers(trailers);
  }

  /** Tells the consumer the good end. Called by `feed`, and by the connection where its own end is that of the body. */
  finish(): void {
    if (this.#over) return;
    this.#over = true;
    const consumer = this.#consumer;
    this.#consumer = null;
    consumer?.onEnd();
  }

  /** Tells the consumer that the rest will not come. */
  fail(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    const consumer = this.#consumer;
    this.#consumer = null;
    consumer?.onError(error);
  }

  /** Lets the rest arrive and throws it away, up to `limit` bytes. The consumer must have been told or have cancelled. */
  discard(limit: number): void {
    this.#over = true;
    this.#consumer = null;
    this.#discard = limit;
    this.#paused = false;
  }
}
