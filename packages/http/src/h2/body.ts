import type { ClientHttp2Stream, Http2Stream, ServerHttp2Stream } from 'node:http2';
import { constants } from 'node:http2';
import type { BodyConsumer, BodyStream } from '../body.ts';
import type { Headers } from '../headers.ts';
import { readFields } from './fields.ts';

/** A stream of HTTP/2 was closed before its message was complete. */
export class Http2StreamError extends Error {
  override readonly name = 'Http2StreamError';
  /** The error code of `RST_STREAM` (RFC 9113 §7). */
  readonly http2Code: number;
  readonly code = 'ERR_HTTP2_STREAM_ERROR';
  constructor(http2Code: number, cause?: Error | null) {
    super(`HTTP/2 stream closed with error code ${codeName(http2Code)}`, cause ? { cause } : undefined);
    this.http2Code = http2Code;
  }
}

const codeNames = new Map<number, string>(
  Object.entries(constants)
    .filter(([name, value]) => /^NGHTTP2_[A-Z_0-9]+$/.test(name) && typeof value === 'number')
    .filter(([name]) => !/_(FLAG|ERR|SETTINGS|STREAM_STATE|HCAT|NV|DEFAULT|SESSION)_/.test(name))
    .map(([name, value]) => [value as number, name.slice('NGHTTP2_'.length)]),
);

function codeName(code: number): string {
  return codeNames.get(code) ?? String(code);
}

/** The body that arrives on a stream of HTTP/2, with its trailers. */
export class Http2Body implements BodyStream {
  readonly length: number | undefined;
  readonly #stream: ServerHttp2Stream | ClientHttp2Stream;
  readonly #onRead: (() => void) | null;
  #consumer: BodyConsumer | null = null;
  #trailers: Headers | null = null;
  #failure: Error | null = null;
  #ended = false;
  /** Somebody began to read it. */
  wasRead = false;

  /** @param onRead Called when somebody begins to read. */
  constructor(stream: ServerHttp2Stream | ClientHttp2Stream, length: number | undefined, onRead: (() => void) | null) {
    this.#stream = stream;
    this.length = length;
    this.#onRead = onRead;
    // Node tells trailers when they arrive, which may be before the data in front of them has been read.
    stream.once('trailers', (_fields: unknown, _flags: unknown, raw?: string[]) => {
      this.#trailers = readFields(raw ?? []).headers;
    });
  }

  /** True once nothing more will be told to the consumer. */
  get done(): boolean {
    return this.#ended;
  }

  read(consumer: BodyConsumer): void {
    if (this.#ended) {
      const failure = this.#failure ?? new Http2StreamError(this.#stream.rstCode ?? 0);
      queueMicrotask(() => consumer.onError(failure));
      return;
    }
    this.#consumer = consumer;
    this.wasRead = true;
    this.#onRead?.();
    const stream = this.#stream;
    // Node emits `end` for a body without bytes as soon as it has arrived, whether or not anybody reads.
    if (stream.readableEnded) {
      queueMicrotask(() => this.#onEnd());
      return;
    }
    stream.on('data', (chunk: Buffer) => this.#consumer?.onData(chunk));
    stream.on('end', () => this.#onEnd());
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  cancel(_reason: Error): void {
    this.#consumer = null;
    this.#ended = true;
    this.onCancel();
  }

  /** What cancelling does to the stream; the owner decides. */
  onCancel: () => void = () => {};

  /** Whether the end that was read is that of the message; for a stream that cannot tell by being aborted. */
  isWhole: () => boolean = () => true;

  /** The stream broke. Later calls do nothing. */
  fail(error: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = error;
    const consumer = this.#consumer;
    this.#consumer = null;
    consumer?.onError(error);
  }

  #onEnd(): void {
    if (this.#ended) return;
    if (!endedCleanly(this.#stream) || !this.isWhole()) {
      this.fail(new Http2StreamError(this.#stream.rstCode ?? 0));
      return;
    }
    this.#ended = true;
    const consumer = this.#consumer;
    this.#consumer = null;
    if (consumer === null) return;
    if (this.#trailers !== null) consumer.onTrailers(this.#trailers);
    consumer.onEnd();
  }
}

/** Node ends a stream's readable side for RST_STREAM too; a cut body must not look like a whole one. */
function endedCleanly(stream: Http2Stream): boolean {
  const code = stream.rstCode ?? 0;
  return !stream.aborted && code === constants.NGHTTP2_NO_ERROR && !stream.session?.destroyed;
}
