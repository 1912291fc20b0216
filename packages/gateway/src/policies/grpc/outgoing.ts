import type { BodyConsumer, BodyStream } from '@agentgateway/http';

/** Bytes that may wait for a slow service before the sender is asked to pause. */
const ENOUGH = 65_536;

/** The body of a call that goes on: what is pushed leaves at once, or waits while the service does not read. */
export class OutgoingMessages implements BodyStream {
  readonly length = undefined;
  /** Room again after {@link full}. */
  onDrain: (() => void) | null = null;
  #consumer: BodyConsumer | null = null;
  #waiting: Buffer[] = [];
  #bytes = 0;
  #paused = false;
  #flushing = false;
  #wasFull = false;
  /** Something has left: what was sent cannot be sent again. */
  #begun = false;
  #ended = false;
  #over = false;

  get full(): boolean {
    return this.#bytes >= ENOUGH;
  }

  /** Does nothing once the call is over or half closed. */
  push(chunk: Buffer): void {
    if (this.#ended || this.#over) return;
    this.#waiting.push(chunk);
    this.#bytes += chunk.length;
    this.#flush();
    if (this.full) this.#wasFull = true;
  }

  /** Nothing more will be pushed. */
  end(): void {
    if (this.#ended || this.#over) return;
    this.#ended = true;
    this.#flush();
  }

  read(consumer: BodyConsumer): void {
    this.#consumer = consumer;
    this.#paused = false;
    this.#flush();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#flush();
  }

  cancel(_reason: Error): void {
    this.#consumer = null;
    // A connection that turned out to be dead: the pool reads once more, on another one.
    if (this.#begun) this.close();
  }

  /** The call is over. */
  close(): void {
    this.#over = true;
    this.#consumer = null;
    this.#waiting = [];
    this.#bytes = 0;
    this.#drained();
  }

  #flush(): void {
    // What takes a chunk may pause, resume, or push the next one in the same turn.
    if (this.#flushing) return;
    this.#flushing = true;
    while (!this.#paused && this.#consumer !== null && this.#waiting.length > 0) {
      const chunk = this.#waiting.shift() as Buffer;
      this.#bytes -= chunk.length;
      this.#begun = true;
      this.#consumer.onData(chunk);
    }
    this.#flushing = false;
    if (!this.full) this.#drained();
    if (!this.#ended || this.#waiting.length > 0 || this.#consumer === null || this.#over) return;
    this.#over = true;
    this.#consumer.onEnd();
  }

  #drained(): void {
    if (!this.#wasFull) return;
    this.#wasFull = false;
    this.onDrain?.();
  }
}
