import type { BodyConsumer, BodyStream } from './body.ts';
import type { Headers } from './headers.ts';

/**
 * A body stream that is another one: everything passes as it comes, both ways. Who wants to see something of it extends this class and
 * calls what it overrides.
 */
export class PassingBody implements BodyStream, BodyConsumer {
  readonly length: number | undefined;
  readonly #source: BodyStream;
  #consumer!: BodyConsumer;

  constructor(source: BodyStream) {
    this.length = source.length;
    this.#source = source;
  }

  read(consumer: BodyConsumer): void {
    this.#consumer = consumer;
    this.#source.read(this);
  }

  pause(): void {
    this.#source.pause();
  }

  resume(): void {
    this.#source.resume();
  }

  cancel(reason: Error): void {
    this.#source.cancel(reason);
  }

  onData(chunk: Buffer): void {
    this.#consumer.onData(chunk);
  }

  onTrailers(trailers: Headers): void {
    this.#consumer.onTrailers(trailers);
  }

  onEnd(): void {
    this.#consumer.onEnd();
  }

  onError(error: Error): void {
    this.#consumer.onError(error);
  }
}
