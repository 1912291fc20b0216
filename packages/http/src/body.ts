import type { Headers } from './headers.ts';

/**
 * The content of a message: nothing, all of it in hand, or a stream.
 *
 * A codec hands over bytes when the whole message was already there, so that small messages never pay for streaming.
 */
export type Body = null | Buffer | BodyStream;

/**
 * Receives what a body stream produces. Exactly one of `onEnd` and `onError` is called, last; nothing is called after
 * {@link BodyStream.cancel}.
 */
export interface BodyConsumer {
  /** `chunk` is only valid during the call: the buffer behind it is read into again. Copy what outlives the call. */
  onData(chunk: Buffer): void;
  /** Trailer fields, after the last data and before `onEnd`. Not called where there are none. */
  onTrailers(trailers: Headers): void;
  onEnd(): void;
  /** The body broke: what came is not all of it. */
  onError(error: Error): void;
}

/**
 * A push stream with backpressure: the consumer is a handler, the producer can be paused, resumed and cancelled.
 *
 * Nothing flows before `read`; it is called once, and data may be delivered before it returns. After `pause`, what the
 * producer has already in hand may still be delivered in the same turn of the loop, never more than one read buffer.
 */
export interface BodyStream {
  /** Bytes announced by `content-length`, if it was announced. */
  readonly length: number | undefined;
  read(consumer: BodyConsumer): void;
  pause(): void;
  resume(): void;
  /** The consumer wants no more. Travels to the producer's source in the same turn of the loop. */
  cancel(reason: Error): void;
}

/** True for a body that has to be read as a stream. */
export function isStream(body: Body): body is BodyStream {
  return body !== null && !Buffer.isBuffer(body);
}

/** A body was larger than somebody was ready to hold. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
  /** Bytes. */
  readonly limit: number;
  constructor(limit: number) {
    super(`body exceeded max buffer size of ${limit} bytes`);
    this.limit = limit;
  }
}

/**
 * Reads a whole body into memory; trailers are dropped.
 *
 * @param limit Bytes; more than that cancels the stream and throws {@link BodyTooLarge}.
 * @throws what broke the stream.
 */
export function collect(body: Body, limit: number): Promise<Buffer> {
  if (body === null) return Promise.resolve(Buffer.alloc(0));
  if (Buffer.isBuffer(body)) {
    return body.length > limit ? Promise.reject(new BodyTooLarge(limit)) : Promise.resolve(body);
  }
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  if (body.length !== undefined && body.length > limit) {
    const error = new BodyTooLarge(limit);
    body.cancel(error);
    reject(error);
    return promise;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  body.read({
    onData(chunk) {
      size += chunk.length;
      if (size > limit) {
        const error = new BodyTooLarge(limit);
        body.cancel(error);
        reject(error);
        return;
      }
      chunks.push(Buffer.from(chunk));
    },
    onTrailers() {},
    onEnd: () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size)),
    onError: reject,
  });
  return promise;
}
