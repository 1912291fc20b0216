import { type Body, type BodyConsumer, type BodyStream, BodyTooLarge } from '../body.ts';
import type { Headers } from '../headers.ts';
import { type Codec, type ContentCoding, createDecoder, createEncoder } from './encoding.ts';

/** The content was not what its coding says: damaged, or cut short. */
export class DecodingError extends Error {
  override readonly name = 'DecodingError';
  readonly coding: ContentCoding;
  constructor(coding: ContentCoding, cause: Error) {
    super(`body is not valid ${coding}: ${cause.message}`, { cause });
    this.coding = coding;
  }
}

/**
 * A body decoded while it is read. Every chunk is decoded when it comes, so events inside a compressed stream are not
 * delayed; a slow consumer stops the source.
 *
 * @param limit Bytes of decoded content; more breaks the stream with {@link BodyTooLarge} and cancels the source.
 * The stream breaks with {@link DecodingError} where the content is damaged or ends too early.
 */
export function decodeBody(body: Body, coding: ContentCoding, limit = Number.POSITIVE_INFINITY): BodyStream {
  return new CodedBody(body, createDecoder(coding), limit, (error) => new DecodingError(coding, error));
}

/** A body encoded while it is read. Every chunk leaves when it comes. */
export function encodeBody(body: Body, coding: ContentCoding): BodyStream {
  return new CodedBody(body, createEncoder(coding), Number.POSITIVE_INFINITY, (error) => error);
}

class CodedBody implements BodyStream, BodyConsumer {
  /** The size after coding is not known before the end. */
  readonly length = undefined;
  readonly #source: Body;
  readonly #codec: Codec;
  readonly #limit: number;
  readonly #wrapError: (error: Error) => Error;
  #consumer: BodyConsumer | null = null;
  #trailers: Headers | null = null;
  #size = 0;
  /** Some coded content has come. */
  #touched = false;
  /** What broke the source; told after the content that came before it. */
  #sourceError: Error | null = null;
  /** The source has told its end or was cancelled. */
  #sourceDone = false;

  constructor(source: Body, codec: Codec, limit: number, wrapError: (error: Error) => Error) {
    this.#source = source;
    this.#codec = codec;
    this.#limit = limit;
    this.#wrapError = wrapError;
  }

  read(consumer: BodyConsumer): void {
    this.#consumer = consumer;
    const codec = this.#codec;
    codec.on('data', (chunk: Buffer) => this.#onDecoded(chunk));
    codec.on('drain', () => this.#resumeSource());
    codec.on('end', () => this.#finish());
    codec.on('error', (error) => this.#fail(this.#sourceError ?? this.#wrapError(error)));
    const source = this.#source;
    if (source === null || Buffer.isBuffer(source)) {
      this.#sourceDone = true;
      // An empty message has no coded content at all, not even a header of the coding.
      if (source === null || source.length === 0) queueMicrotask(() => this.#finish());
      else codec.end(source);
      return;
    }
    source.read(this);
  }

  pause(): void {
    this.#codec.pause();
  }

  resume(): void {
    this.#codec.resume();
  }

  cancel(reason: Error): void {
    this.#consumer = null;
    this.#cancelSource(reason);
    this.#codec.destroy();
  }

  // What the source produces:

  onData(chunk: Buffer): void {
    if (this.#consumer === null) return;
    const codec = this.#codec;
    this.#touched = true;
    if (!codec.write(Buffer.from(chunk)) && !this.#sourceDone) (this.#source as BodyStream).pause();
  }

  onTrailers(trailers: Headers): void {
    this.#trailers = trailers;
  }

  onEnd(): void {
    this.#sourceDone = true;
    if (this.#touched) this.#codec.end();
    else queueMicrotask(() => this.#finish());
  }

  onError(error: Error): void {
    this.#sourceDone = true;
    this.#sourceError = error;
    if (this.#touched) this.#codec.end();
    else this.#fail(error);
  }

  #onDecoded(chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size > this.#limit) this.#fail(new BodyTooLarge(this.#limit));
    else this.#consumer?.onData(chunk);
  }

  #resumeSource(): void {
    if (!this.#sourceDone) (this.#source as BodyStream).resume();
  }

  #cancelSource(reason: Error): void {
    if (this.#sourceDone) return;
    this.#sourceDone = true;
    (this.#source as BodyStream | null)?.cancel(reason);
  }

  #finish(): void {
    const consumer = this.#consumer;
    if (consumer === null) return;
    if (this.#sourceError !== null) {
      this.#fail(this.#sourceError);
      return;
    }
    this.#consumer = null;
    this.#codec.destroy();
    // A coding may end before its carrier does; whatever follows the end of the coded content is not content.
    this.#cancelSource(new Error('the coded content has ended'));
    if (this.#trailers !== null) consumer.onTrailers(this.#trailers);
    consumer.onEnd();
  }

  #fail(error: Error): void {
    const consumer = this.#consumer;
    if (consumer === null) return;
    this.#consumer = null;
    this.#codec.destroy();
    this.#cancelSource(error);
    consumer.onError(error);
  }
}
