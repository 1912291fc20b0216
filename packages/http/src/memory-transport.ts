import { Duplex } from 'node:stream';
import type { Transport, TransportHandler } from './transport.ts';

/** How a pair of {@link MemoryTransport}s behaves. */
export interface MemoryTransportOptions {
  /** Bytes that may wait for the other side before `write` returns false. Default 65,536. */
  readonly highWaterMark?: number;
  /** Bytes delivered at once. Default 65,536. */
  readonly chunkSize?: number;
}

/**
 * One end of an in-memory connection, for tests and in-process connections. Delivers in later turns of the loop, like a
 * socket, and out of one buffer that it overwrites afterwards: who keeps a chunk without copying it is found out.
 */
export class MemoryTransport implements Transport {
  /** Calls of `pause` so far. */
  pauses = 0;
  /** Everything written here so far, in bytes. */
  bytesWritten = 0;
  /** Writes so far. */
  writes = 0;
  /** The most bytes that ever waited to be read here. */
  mostWaiting = 0;
  destroyed = false;
  ended = false;
  readonly #highWaterMark: number;
  readonly #scratch: Buffer;
  #peer: MemoryTransport = this;
  #handler: TransportHandler | null = null;
  #paused = true;
  #inbox: Buffer[] = [];
  #waiting = 0;
  #peerEnded = false;
  #endTold = false;
  #closeTold = false;
  #closeError: Error | null = null;
  #full = false;
  #scheduled = false;

  private constructor(options: MemoryTransportOptions) {
    this.#highWaterMark = options.highWaterMark ?? 65_536;
    this.#scratch = Buffer.alloc(options.chunkSize ?? 65_536);
  }

  /** Two ends of one connection. */
  static pair(options: MemoryTransportOptions = {}): [MemoryTransport, MemoryTransport] {
    const one = new MemoryTransport(options);
    const other = new MemoryTransport(options);
    one.#peer = other;
    other.#peer = one;
    return [one, other];
  }

  /** Bytes that wait to be read here. */
  get waiting(): number {
    return this.#waiting;
  }

  start(handler: TransportHandler): void {
    this.#handler = handler;
    this.resume();
  }

  write(bytes: Buffer | string): boolean {
    if (this.destroyed || this.ended) return true;
    const chunk = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    this.writes++;
    this.bytesWritten += chunk.length;
    const peer = this.#peer;
    if (peer.destroyed) this.#reset();
    else if (chunk.length > 0) {
      peer.#inbox.push(chunk);
      peer.#waiting += chunk.length;
      peer.mostWaiting = Math.max(peer.mostWaiting, peer.#waiting);
      peer.#schedule();
    }
    this.#full = peer.#waiting > this.#highWaterMark;
    return !this.#full;
  }

  pause(): void {
    this.pauses++;
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  end(): void {
    if (this.ended || this.destroyed) return;
    this.ended = true;
    this.#peer.#peerEnded = true;
    this.#peer.#schedule();
    this.#schedule();
  }

  destroy(error?: Error): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#closeError = error ?? null;
    const peer = this.#peer;
    // Like a socket: a reset where bytes were left unread, an ordinary end otherwise.
    if (this.#waiting > 0 && !this.#peerEnded) peer.#reset();
    else peer.#peerEnded = true;
    peer.#schedule();
    this.#schedule();
  }

  toDuplex(head?: Buffer): Duplex {
    const transport = this;
    let pending: (() => void) | null = null;
    const duplex: Duplex = new Duplex({
      read: () => transport.resume(),
      write(chunk: Buffer, _encoding, done) {
        if (transport.write(chunk)) done();
        else pending = done;
      },
      final(done) {
        transport.end();
        done();
      },
      destroy(error, done) {
        transport.destroy(error ?? undefined);
        done(error);
      },
    });
    if (head !== undefined && head.length > 0) duplex.push(head);
    this.start({
      onData(chunk) {
        if (!duplex.push(Buffer.from(chunk))) transport.pause();
      },
      onEnd: () => duplex.push(null),
      onDrain() {
        const done = pending;
        pending = null;
        done?.();
      },
      onClose: (error) => duplex.destroy(error ?? undefined),
    });
    return duplex;
  }

  #reset(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#closeError = new Error('read ECONNRESET');
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#handler === null) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const handler = this.#handler;
    if (handler === null || this.#closeTold) return;
    if (this.destroyed) {
      this.#close(handler);
      return;
    }
    if (this.#full && this.#peer.#waiting === 0) {
      this.#full = false;
      handler.onDrain();
    }
    if (!this.#paused && this.#inbox.length > 0) {
      handler.onData(this.#take());
      this.#scratch.fill(0x5a);
      if (this.#waiting === 0 && this.#peer.#full) this.#peer.#schedule();
      this.#schedule();
      return;
    }
    if (this.#inbox.length === 0 && this.#peerEnded && !this.#endTold && !this.#paused) {
      this.#endTold = true;
      handler.onEnd();
    }
    if (this.#endTold && this.ended && !this.destroyed) this.destroyed = true;
    if (this.destroyed) this.#close(handler);
  }

  #close(handler: TransportHandler): void {
    if (this.#closeTold) return;
    this.#closeTold = true;
    this.#inbox = [];
    this.#waiting = 0;
    handler.onClose(this.#closeError);
  }

  /** Moves the next bytes into the buffer that is shared by all deliveries. */
  #take(): Buffer {
    let size = 0;
    while (this.#inbox.length > 0 && size < this.#scratch.length) {
      const chunk = this.#inbox[0] as Buffer;
      const count = Math.min(chunk.length, this.#scratch.length - size);
      chunk.copy(this.#scratch, size, 0, count);
      size += count;
      if (count === chunk.length) this.#inbox.shift();
      else this.#inbox[0] = chunk.subarray(count);
    }
    this.#waiting -= size;
    return this.#scratch.subarray(0, size);
  }
}
