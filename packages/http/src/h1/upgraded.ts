import type { Duplex } from 'node:stream';
import type { Transport, TransportHandler } from '../transport.ts';
import { Stash } from './stash.ts';

/** A connection that has left HTTP/1: begins with the bytes that came behind the last message. */
export class UpgradedTransport implements Transport, TransportHandler {
  readonly #transport: Transport;
  readonly #waiting = new Stash();
  #handler: TransportHandler | null = null;
  #onClosed: ((error: Error | null) => void) | null;
  #ended: boolean;
  #closed = false;
  #error: Error | null = null;

  /** @param ended Whether the other side has ended already. */
  constructor(transport: Transport, head: Buffer, ended: boolean, onClosed: ((error: Error | null) => void) | null) {
    this.#transport = transport;
    this.#ended = ended;
    this.#onClosed = onClosed;
    if (head.length > 0) this.#waiting.append(head);
    transport.start(this);
    transport.pause();
  }

  start(handler: TransportHandler): void {
    const first = this.#handler === null;
    this.#handler = handler;
    if (first) {
      if (this.#waiting.length > 0) handler.onData(this.#waiting.take());
      if (this.#ended) this.#handler.onEnd();
      if (this.#closed) this.#handler.onClose(this.#error);
    }
    if (!this.#closed) this.#transport.resume();
  }

  write(bytes: Buffer | string): boolean {
    return this.#transport.write(bytes);
  }

  pause(): void {
    this.#transport.pause();
  }

  resume(): void {
    this.#transport.resume();
  }

  end(): void {
    this.#transport.end();
  }

  destroy(error?: Error): void {
    this.#transport.destroy(error);
  }

  toDuplex(head?: Buffer): Duplex {
    const bytes = head === undefined ? this.#waiting.take() : Buffer.concat([this.#waiting.take(), head]);
    const duplex = bytes.length > 0 ? this.#transport.toDuplex(bytes) : this.#transport.toDuplex();
    let failure: Error | null = null;
    duplex.once('error', (error) => {
      failure = error;
    });
    duplex.once('close', () => this.#tell(failure));
    return duplex;
  }

  onData(chunk: Buffer): void {
    if (this.#handler === null) this.#waiting.append(chunk);
    else this.#handler.onData(chunk);
  }

  onEnd(): void {
    this.#ended = true;
    this.#handler?.onEnd();
  }

  onDrain(): void {
    this.#handler?.onDrain();
  }

  onClose(error: Error | null): void {
    this.#closed = true;
    this.#error = error;
    this.#tell(error);
    this.#handler?.onClose(error);
  }

  #tell(error: Error | null): void {
    const onClosed = this.#onClosed;
    this.#onClosed = null;
    onClosed?.(error);
  }
}
