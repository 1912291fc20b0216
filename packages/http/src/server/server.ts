import { serveHttp1 } from '../h1/server.ts';
import { serveHttp2 } from '../h2/server.ts';
import type { ConnectionInfo, Transport, TransportHandler } from '../transport.ts';
import type { Handler, ServedConnection, ServerOptions } from './handler.ts';
import { sniff } from './sniff.ts';

/**
 * Serves HTTP on a connection: HTTP/2 if it begins with HTTP/2's preface (RFC 9113 §3.4), HTTP/1 otherwise. What ALPN
 * agreed on is not asked: clients with prior knowledge are served on TLS and on plain text.
 *
 * @param head Bytes read from the transport already.
 */
export function serveConnection(
  transport: Transport,
  info: ConnectionInfo,
  handler: Handler,
  options: ServerOptions,
  head?: Buffer,
): ServedConnection {
  return new Detecting(transport, info, handler, options, head);
}

/** A connection whose protocol is not known yet, and afterwards stands for the one that serves it. */
class Detecting implements ServedConnection, TransportHandler {
  readonly #transport: Transport;
  readonly #info: ConnectionInfo;
  readonly #handler: Handler;
  readonly #options: ServerOptions;
  readonly #timer: NodeJS.Timeout | null = null;
  #served: ServedConnection | null = null;
  #head: Buffer | null = null;

  constructor(transport: Transport, info: ConnectionInfo, handler: Handler, options: ServerOptions, head?: Buffer) {
    this.#transport = transport;
    this.#info = info;
    this.#handler = handler;
    this.#options = options;
    if (head !== undefined && head.length > 0 && this.#decide(head)) return;
    const patience = shorter(options.idleTimeout, options.maxConnectionAge);
    if (patience > 0) this.#timer = setTimeout(() => transport.destroy(), patience);
    transport.start(this);
  }

  get active(): number {
    return this.#served?.active ?? 0;
  }

  drain(): void {
    // A connection that has not sent the first bytes of a request has nothing to finish.
    if (this.#served !== null) this.#served.drain();
    else this.#transport.destroy();
  }

  destroy(error: Error): void {
    if (this.#served !== null) this.#served.destroy(error);
    else this.#transport.destroy(error);
  }

  onData(chunk: Buffer): void {
    this.#decide(this.#head === null ? chunk : Buffer.concat([this.#head, chunk]));
  }

  onEnd(): void {
    this.#stopWaiting();
    this.#transport.destroy();
  }

  onDrain(): void {}

  onClose(): void {
    this.#stopWaiting();
  }

  #stopWaiting(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** Hands the connection over once its first bytes say to whom. */
  #decide(bytes: Buffer): boolean {
    const protocol = sniff(bytes);
    if (protocol === null) {
      this.#head = Buffer.from(bytes);
      return false;
    }
    this.#stopWaiting();
    this.#head = null;
    this.#transport.pause();
    const serve = protocol === 'h2' ? serveHttp2 : serveHttp1;
    this.#served = serve(this.#transport, this.#info, this.#handler, this.#options, bytes);
    return true;
  }
}

/** The shorter of two times, of which 0 is none. */
function shorter(a: number, b: number): number {
  return a === 0 || b === 0 ? Math.max(a, b) : Math.min(a, b);
}
