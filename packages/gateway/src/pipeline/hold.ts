import type { Abort, Body, BodyConsumer, BodyStream, Headers } from '@agentgateway/http';

/** What holding a body back came to. */
export type Held =
  /** All of it is here. */
  | { readonly whole: true; readonly body: Body; readonly bytes: Buffer }
  /** It is longer than may be held: what came of it and the rest, as one stream. `bytes` is what came, a little over the limit. */
  | { readonly whole: false; readonly body: BodyStream; readonly bytes: Buffer };

/**
 * Holds a body back until it is whole or more than `limit` bytes of it are here. Trailers stay with it.
 *
 * @throws what broke the body, or the reason of the abort.
 */
export function hold(body: BodyStream, limit: number, abort: Abort): Promise<Held> {
  return new Promise((resolve, reject) => {
    const stop = (reason: Error) => {
      body.cancel(reason);
      reject(reason);
    };
    const settle = (held: Held) => {
      abort.unlisten(stop);
      resolve(held);
    };
    const fail = (error: Error) => {
      abort.unlisten(stop);
      reject(error);
    };
    abort.listen(stop);
    if (abort.reason === null) body.read(new Holding(body, limit, settle, fail));
  });
}

/** First the consumer of a stream, then a stream itself, of what it consumed and of what follows. */
class Holding implements BodyConsumer, BodyStream {
  readonly length: number | undefined;
  readonly #source: BodyStream;
  readonly #limit: number;
  #settle: ((held: Held) => void) | null;
  readonly #reject: (error: Error) => void;
  #chunks: Buffer[] = [];
  #size = 0;
  #trailers: Headers | null = null;
  #end: { readonly error: Error | null } | null = null;
  #consumer: BodyConsumer | null = null;
  #paused = false;
  #draining = false;
  #cancelled = false;

  constructor(source: BodyStream, limit: number, settle: (held: Held) => void, reject: (error: Error) => void) {
    this.#source = source;
    this.#limit = limit;
    this.length = source.length;
    this.#settle = settle;
    this.#reject = reject;
  }

  onData(chunk: Buffer): void {
    if (this.#consumer !== null && this.#chunks.length === 0 && !this.#paused) {
      this.#consumer.onData(chunk);
      return;
    }
    this.#chunks.push(Buffer.from(chunk));
    this.#size += chunk.length;
    if (this.#size <= this.#limit || this.#settle === null) return;
    this.#source.pause();
    this.#settled({ whole: false, body: this, bytes: Buffer.concat(this.#chunks) });
  }

  onTrailers(trailers: Headers): void {
    this.#trailers = trailers;
  }

  onEnd(): void {
    this.#end = { error: null };
    if (this.#settle === null) {
      this.#drain();
      return;
    }
    const [first] = this.#chunks;
    const bytes = this.#chunks.length === 1 ? (first as Buffer) : Buffer.concat(this.#chunks);
    if (this.#trailers !== null) this.#settled({ whole: true, body: this, bytes });
    else this.#settled({ whole: true, body: first === undefined ? null : bytes, bytes });
  }

  onError(error: Error): void {
    this.#end = { error };
    if (this.#settle === null) {
      this.#drain();
      return;
    }
    this.#settle = null;
    this.#reject(error);
  }

  read(consumer: BodyConsumer): void {
    this.#consumer = consumer;
    this.#drain();
    if (!this.#paused && this.#end === null && !this.#cancelled) this.#source.resume();
  }

  pause(): void {
    this.#paused = true;
    if (this.#end === null) this.#source.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#drain();
    if (!this.#paused && this.#end === null && !this.#cancelled) this.#source.resume();
  }

  cancel(reason: Error): void {
    this.#cancelled = true;
    this.#chunks = [];
    if (this.#end === null) this.#source.cancel(reason);
  }

  #settled(held: Held): void {
    this.#settle?.(held);
    this.#settle = null;
  }

  /** Hands over what is held, as far as the consumer takes it; it may pause, resume or cancel from inside. */
  #drain(): void {
    const consumer = this.#consumer;
    if (consumer === null || this.#draining) return;
    this.#draining = true;
    while (this.#chunks.length > 0 && !this.#paused && !this.#cancelled)
      consumer.onData(this.#chunks.shift() as Buffer);
    this.#draining = false;
    if (this.#paused || this.#cancelled || this.#chunks.length > 0 || this.#end === null) return;
    this.#cancelled = true;
    if (this.#end.error !== null) {
      consumer.onError(this.#end.error);
      return;
    }
    if (this.#trailers !== null) consumer.onTrailers(this.#trailers);
    consumer.onEnd();
  }
}
