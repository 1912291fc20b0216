import type { Abort } from '../abort.ts';
import { UpgradedTransport } from '../h1/upgraded.ts';
import type { Transport, TransportHandler } from '../transport.ts';
import { UpstreamError } from './errors.ts';

/** Bytes that a proxy may answer before its head is over (spec 02 §3.17). */
const MAX_HEAD = 8_192;

/** What to ask a proxy for. */
export interface TunnelRequest {
  /** Name or address; IPv6 without brackets. A name is the proxy's to resolve. */
  readonly host: string;
  readonly port: number;
  /** Value of `proxy-authorization`; null sends none. */
  readonly authorization: string | null;
}

/**
 * Opens a tunnel through an HTTP proxy (CONNECT, RFC 9110 §9.3.6). What comes back begins with the tunnel's first byte, and waits.
 *
 * @throws UpstreamError of kind `Tunnel`; the transport is closed then.
 */
export function openTunnel(transport: Transport, request: TunnelRequest, abort: Abort): Promise<Transport> {
  const { promise, resolve, reject } = Promise.withResolvers<Transport>();
  const handler = new TunnelHandler(transport, abort, resolve, reject);
  abort.listen(handler.onAbort);
  if (abort.reason !== null) return promise;
  transport.start(handler);
  const authority = `${request.host.includes(':') ? `[${request.host}]` : request.host}:${request.port}`;
  const authorization = request.authorization === null ? '' : `Proxy-Authorization: ${request.authorization}\r\n`;
  transport.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`);
  return promise;
}

class TunnelHandler implements TransportHandler {
  readonly #transport: Transport;
  readonly #abort: Abort;
  readonly #resolve: (tunnel: Transport) => void;
  readonly #reject: (error: Error) => void;
  #received: Buffer = Buffer.alloc(0);
  #over = false;

  constructor(
    transport: Transport,
    abort: Abort,
    resolve: (tunnel: Transport) => void,
    reject: (error: Error) => void,
  ) {
    this.#transport = transport;
    this.#abort = abort;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  readonly onAbort = (reason: Error): void => this.#fail(UpstreamError.from(reason, 'Canceled'));

  onData(chunk: Buffer): void {
    if (this.#over) return;
    const searchFrom = Math.max(0, this.#received.length - 3);
    this.#received = Buffer.concat([this.#received, chunk]);
    const end = this.#received.indexOf('\r\n\r\n', searchFrom, 'latin1');
    if (end < 0 ? this.#received.length > MAX_HEAD : end + 4 > MAX_HEAD) {
      this.#fail(new UpstreamError('Tunnel', `tunnel failed: the proxy's head is larger than ${MAX_HEAD} bytes`));
      return;
    }
    if (end < 0) return;
    const head = this.#received.toString('latin1', 0, end);
    const status = statusOf(head);
    if (status === 200) {
      this.#over = true;
      this.#abort.unlisten(this.onAbort);
      // What came behind the head is the tunnel's first word already.
      this.#resolve(new UpgradedTransport(this.#transport, this.#received.subarray(end + 4), false, null));
    } else if (status === 407) {
      this.#fail(new UpstreamError('Tunnel', 'tunnel required auth'));
    } else {
      this.#fail(new UpstreamError('Tunnel', status === null ? 'tunnel failed' : `tunnel failed: status ${status}`));
    }
  }

  onEnd(): void {
    this.#fail(new UpstreamError('Tunnel', 'tunnel unexpected eof'));
  }

  onDrain(): void {}

  onClose(error: Error | null): void {
    this.#fail(new UpstreamError('Tunnel', 'tunnel unexpected eof', error ?? undefined));
  }

  #fail(error: UpstreamError): void {
    if (this.#over) return;
    this.#over = true;
    this.#abort.unlisten(this.onAbort);
    this.#transport.destroy();
    this.#reject(error);
  }
}

/** The status of an HTTP/1 status line; nothing if it is none. */
function statusOf(head: string): number | null {
  if (!head.startsWith('HTTP/1.1 ') && !head.startsWith('HTTP/1.0 ')) return null;
  const status = head.slice(9, 12);
  const after = head.charCodeAt(12);
  if (!/^[1-5]\d\d$/.test(status) || (head.length > 12 && after !== 0x20 && after !== 0x0d)) return null;
  return Number(status);
}
