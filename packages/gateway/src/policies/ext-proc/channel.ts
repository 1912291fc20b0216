import type { BodyConsumer, BodyStream, Headers } from '@agentgateway/http';

/** What a {@link Channel} tells whoever writes into it. */
export interface ChannelOwner {
  /** Less is waiting than before, or somebody began to read. */
  onDrained(): void;
  /** The reader wants no more. */
  onCancelled(reason: Error): void;
}

/** A body that is written: what its reader does not take waits, and `waiting` says how much. */
export class Channel implements BodyStream {
  length: number | undefined = undefined;
  readonly #owner: ChannelOwner;
  #queue: Buffer[] = [];
  #waiting = 0;
  #end: { readonly trailers: Headers | null } | { readonly error: Error } | null = null;
  #consumer: BodyConsumer | null = null;
  #paused = false;
  #delivering = false;
  #over = false;

  constructor(owner: ChannelOwner) {
    this.#owner = owner;
  }

  /** Bytes that the reader has not taken. */
  get waiting(): number {
    return this.#waiting;
  }

  /** `bytes` must not change any more. */
  write(bytes: Buffer): void {
    if (this.#over || this.#end !== null) return;
    this.#queue.push(bytes);
    this.#waiting += bytes.length;
    this.#deliver();
  }

  end(trailers: Headers | null): void {
    this.#end ??= { trailers };
    this.#deliver();
  }

  /** Breaks the body off at once: what waits is not worth waiting for. */
  fail(error: Error): void {
    if (this.#over) return;
    this.#drop();
    this.#end = { error };
    this.#paused = false;
    this.#deliver();
  }

  read(consumer: BodyConsumer): void {
    this.#consumer = consumer;
    this.#deliver();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliver();
  }

  cancel(reason: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#drop();
    this.#owner.onCancelled(reason);
  }

  /** The consumer may pause, resume or cancel from inside, and writing may follow from what it does. */
  #deliver(): void {
    const consumer = this.#consumer;
    if (consumer === null || this.#delivering || this.#over) return;
    this.#delivering = true;
    let taken = false;
    while (this.#queue.length > 0 && !this.#paused && !this.#over) {
      const bytes = this.#queue.shift() as Buffer;
      this.#waiting -= bytes.length;
      taken = true;
      consumer.onData(bytes);
    }
    this.#delivering = false;
    if (this.#over || this.#paused || this.#queue.length > 0) {
      if (taken && !this.#over) this.#owner.onDrained();
      return;
    }
    const end = this.#end;
    if (end === null) {
      if (taken) this.#owner.onDrained();
      return;
    }
    this.#over = true;
    if ('error' in end) {
      consumer.onError(end.error);
      return;
    }
    if (end.trailers !== null) consumer.onTrailers(end.trailers);
    consumer.onEnd();
  }

  #drop(): void {
    this.#queue = [];
    this.#waiting = 0;
  }
}
