import { Duplex } from 'node:stream';
import type { Transport, TransportHandler } from './transport.ts';

const owner = Symbol('transport');

/** A stream that knows the transport reading it, so that its listeners can be shared by all of them. */
type Owned = Duplex & { [owner]?: DuplexTransport };

/**
 * A transport over one of Node's duplex streams: TLS sockets, HTTP/2 streams, in-process pairs.
 *
 * The stream must have been made with `allowHalfOpen`, or the end of the peer's side ends ours as well.
 */
export class DuplexTransport implements Transport {
  readonly stream: Duplex;
  protected handler: TransportHandler | null = null;
  #listening = false;
  #ended = false;
  #closed = false;
  #error: Error | null = null;

  constructor(stream: Duplex) {
    this.stream = stream;
    (stream as Owned)[owner] = this;
    stream.on('end', DuplexTransport.#onEnd).on('drain', DuplexTransport.#onDrain);
    stream.on('error', DuplexTransport.#onError).on('close', DuplexTransport.#onClose);
    this.#ended = stream.readableEnded;
    this.#closed = stream.destroyed;
    this.#error = stream.errored;
  }

  /** True once nothing can be read or written any more. */
  get closed(): boolean {
    return this.#closed;
  }

  start(handler: TransportHandler): void {
    this.handler = handler;
    if (this.#closed) {
      queueMicrotask(() => {
        if (this.handler !== handler) return;
        this.handler = null;
        handler.onClose(this.#error);
      });
      return;
    }
    if (this.#ended) queueMicrotask(() => this.handler === handler && handler.onEnd());
    this.listen();
    this.stream.resume();
  }

  /** Begins to receive data; called by every `start`. */
  protected listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    this.stream.on('data', DuplexTransport.#onData);
  }

  write(bytes: Buffer | string): boolean {
    return typeof bytes === 'string' ? this.stream.write(bytes, 'latin1') : this.stream.write(bytes);
  }

  pause(): void {
    this.stream.pause();
  }

  resume(): void {
    this.stream.resume();
  }

  end(): void {
    this.stream.end();
  }

  destroy(error?: Error): void {
    this.stream.destroy(error);
  }

  toDuplex(head?: Buffer): Duplex {
    const stream = this.stream;
    this.handler = null;
    stream.pause();
    stream
      .off('data', DuplexTransport.#onData)
      .off('end', DuplexTransport.#onEnd)
      .off('drain', DuplexTransport.#onDrain);
    stream.off('error', DuplexTransport.#onError).off('close', DuplexTransport.#onClose);
    delete (stream as Owned)[owner];
    if (head !== undefined && head.length > 0) stream.unshift(Buffer.from(head));
    return stream;
  }

  /** Remembers why the stream is about to close, for the consumer. */
  protected broke(error: Error): void {
    this.#error ??= error;
  }

  /** Hands a chunk to whoever consumes this transport now. */
  protected deliver(chunk: Buffer): void {
    this.handler?.onData(chunk);
  }

  // One set of listeners for all streams: a connection costs no closures.

  static readonly #onData = function (this: Owned, chunk: Buffer): void {
    this[owner]?.handler?.onData(chunk);
  };

  static readonly #onEnd = function (this: Owned): void {
    const transport = this[owner];
    if (transport === undefined) return;
    transport.#ended = true;
    transport.handler?.onEnd();
  };

  static readonly #onDrain = function (this: Owned): void {
    this[owner]?.handler?.onDrain();
  };

  static readonly #onError = function (this: Owned, error: Error): void {
    const transport = this[owner];
    if (transport !== undefined) transport.#error ??= error;
  };

  static readonly #onClose = function (this: Owned): void {
    const transport = this[owner];
    if (transport === undefined) return;
    transport.#closed = true;
    const handler = transport.handler;
    transport.handler = null;
    handler?.onClose(transport.#error);
  };
}

/**
 * Node's duplex interface over any transport, for libraries that need one (`node:tls`, `node:http2`) and for transports
 * that have no stream beneath them.
 *
 * @param head Bytes that were read already; they come out first.
 */
export class TransportDuplex extends Duplex implements TransportHandler {
  readonly #transport: Transport;
  #started = false;
  #closed = false;
  #written: ((error?: Error | null) => void) | null = null;

  constructor(transport: Transport, head?: Buffer) {
    super({ allowHalfOpen: true, decodeStrings: true });
    this.#transport = transport;
    if (head !== undefined && head.length > 0) this.push(Buffer.from(head));
  }

  onData(chunk: Buffer): void {
    // The chunk is the transport's again after this call; what a Readable keeps must be its own.
    if (!this.push(Buffer.from(chunk))) this.#transport.pause();
  }

  onEnd(): void {
    this.push(null);
  }

  onDrain(): void {
    const written = this.#written;
    this.#written = null;
    written?.();
  }

  onClose(error: Error | null): void {
    this.#closed = true;
    if (error === null && !this.readableEnded) this.push(null);
    this.destroy(error ?? undefined);
  }

  override _read(): void {
    if (this.#started) {
      this.#transport.resume();
      return;
    }
    this.#started = true;
    this.#transport.start(this);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (!this.#started) this._read();
    if (this.#transport.write(chunk)) done();
    else this.#written = done;
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#transport.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const written = this.#written;
    this.#written = null;
    if (!this.#closed) this.#transport.destroy(error ?? undefined);
    written?.(error ?? new Error('the stream was closed'));
    done(error);
  }
}
