import type { Transport, TransportHandler } from './transport.ts';

/** Two transports joined by {@link splice}. */
export interface Splice {
  /** Bytes copied from the first transport to the second. */
  readonly sent: number;
  /** Bytes copied from the second transport to the first. */
  readonly received: number;
  /** Closes both sides at once; `onEnd` is called with the reason. */
  destroy(error: Error): void;
}

/** One direction's end of a splice: what `from` says is passed to `to`. */
class Side implements TransportHandler {
  bytes = 0;
  ended = false;
  closed = false;
  readonly from: Transport;
  readonly to: Transport;
  readonly joint: Joint;

  constructor(from: Transport, to: Transport, joint: Joint) {
    this.from = from;
    this.to = to;
    this.joint = joint;
  }

  onData(chunk: Buffer): void {
    this.bytes += chunk.length;
    // The chunk is the reader's buffer; the writer keeps what it is given.
    if (!this.to.write(Buffer.from(chunk))) this.from.pause();
  }

  onEnd(): void {
    this.ended = true;
    this.to.end();
  }

  onDrain(): void {
    // What this side was written has left: its peer may read on.
    this.to.resume();
  }

  onClose(error: Error | null): void {
    this.closed = true;
    this.joint.onSideClosed(this, error);
  }
}

class Joint implements Splice {
  readonly #first: Side;
  readonly #second: Side;
  readonly #onEnd: (error: Error | null) => void;
  #error: Error | null = null;

  constructor(a: Transport, b: Transport, onEnd: (error: Error | null) => void) {
    this.#first = new Side(a, b, this);
    this.#second = new Side(b, a, this);
    this.#onEnd = onEnd;
    a.start(this.#first);
    b.start(this.#second);
  }

  get sent(): number {
    return this.#first.bytes;
  }

  get received(): number {
    return this.#second.bytes;
  }

  destroy(error: Error): void {
    this.#error ??= error;
    if (!this.#first.closed) this.#first.from.destroy(error);
    if (!this.#second.closed) this.#second.from.destroy(error);
  }

  onSideClosed(side: Side, error: Error | null): void {
    const other = side === this.#first ? this.#second : this.#first;
    this.#error ??= error;
    if (other.closed) {
      this.#onEnd(this.#error);
      return;
    }
    // After an orderly end of both, the other still writes out what it was given. Otherwise nobody is left to receive.
    if (error !== null || !side.ended || !other.ended) side.to.destroy(error ?? undefined);
  }
}

/**
 * Copies both ways between two transports until both are closed: WebSocket, CONNECT, plain TCP.
 *
 * A slow receiver pauses the sender; the end of one side is passed on and the other may go on writing; a side that breaks
 * takes the other with it in the same turn of the loop.
 *
 * @param onEnd Called once, when both are closed: null after an orderly end, or what broke first.
 */
export function splice(a: Transport, b: Transport, onEnd: (error: Error | null) => void): Splice {
  return new Joint(a, b, onEnd);
}
