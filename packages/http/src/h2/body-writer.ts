import { constants, type Http2Stream, type OutgoingHttpHeaders } from 'node:http2';
import type { BodyConsumer, BodyStream } from '../body.ts';
import type { Headers } from '../headers.ts';
import { isConnectionField } from './fields.ts';

/**
 * Writes a body stream into a stream of HTTP/2, which must have been begun with `waitForTrailers`.
 *
 * A body that breaks resets the stream with INTERNAL_ERROR: the receiver never sees a clean end.
 */
export class Http2BodyWriter implements BodyConsumer {
  /** Bytes handed to the stream. */
  bytes = 0;
  /** The body has ended or broken, or was cancelled. */
  done = false;
  /** What broke the body. */
  error: Error | null = null;
  /** The end of the body, with the trailers if there are any, was handed to the stream. */
  onTrailersSent: (() => void) | null = null;
  readonly #stream: Http2Stream;
  readonly #body: BodyStream;
  #trailers: Headers | null = null;

  constructor(stream: Http2Stream, body: BodyStream) {
    this.#stream = stream;
    this.#body = body;
  }

  start(): void {
    this.#stream.on('drain', () => {
      if (!this.done) this.#body.resume();
    });
    this.#stream.on('wantTrailers', () => this.#sendTrailers());
    this.#body.read(this);
  }

  onData(chunk: Buffer): void {
    if (this.done || !this.#stream.writable) return;
    this.bytes += chunk.length;
    // The chunk is its reader's again after this call.
    if (!this.#stream.write(Buffer.from(chunk))) this.#body.pause();
  }

  onTrailers(trailers: Headers): void {
    this.#trailers = trailers;
  }

  onEnd(): void {
    this.done = true;
    this.#stream.end();
  }

  onError(error: Error): void {
    this.done = true;
    this.error = error;
    const reset = () => this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    // A reset overtakes what waits: the last words, which may say what broke, leave first.
    if (this.#stream.writableLength === 0) reset();
    else this.#stream.write('', reset);
  }

  /** The receiver wants no more. */
  cancel(reason: Error): void {
    if (this.done) return;
    this.done = true;
    this.#body.cancel(reason);
  }

  #sendTrailers(): void {
    // A stream that was reset in between has nobody to send them to.
    if (this.error !== null || this.#stream.destroyed || this.#stream.closed) return;
    const fields: OutgoingHttpHeaders = {};
    const trailers = this.#trailers;
    if (trailers !== null) {
      for (const [name, value] of trailers) {
        if (isConnectionField(name) || name.charCodeAt(0) === 58) continue;
        const before = fields[name];
        fields[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [String(before)]), value];
      }
    }
    this.#stream.sendTrailers(fields);
    this.onTrailersSent?.();
  }
}
