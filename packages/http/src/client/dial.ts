import type { Abort } from '../abort.ts';
import { Http1ClientConnection } from '../h1/client.ts';
import { Http2ClientConnection } from '../h2/client.ts';
import { connectTcp } from '../socket-transport.ts';
import { type ClientTlsOptions, connectTls, tlsKey } from '../tls/client.ts';
import type { Transport } from '../transport.ts';
import type { ClientConnection } from './connection.ts';
import type { Connector, Endpoint } from './connector.ts';
import type { Destination, DestinationTls, Target, Wire } from './destination.ts';
import { UpstreamError, type UpstreamErrorKind } from './errors.ts';
import { openTunnel } from './tunnel.ts';

/** TLS for a {@link Destination}. Its `alpn` counts before the destination's version. */
export function destinationTls(options: ClientTlsOptions): DestinationTls {
  return { options, key: tlsKey(options), alpn: options.alpn ?? null };
}

/** How connections of each protocol are made. */
export interface DialerOptions {
  /** Milliseconds between two PINGs on an HTTP/2 connection; 0 for none. */
  readonly http2KeepaliveInterval?: number;
}

/** Connects over the network: TCP or a unix socket, a proxy's tunnel, TLS, then the protocol. */
export class Dialer implements Connector {
  readonly #keepaliveInterval: number;

  constructor(options: DialerOptions = {}) {
    this.#keepaliveInterval = options.http2KeepaliveInterval ?? 0;
  }

  async connect(wire: Wire, endpoint: Endpoint, abort: Abort): Promise<ClientConnection> {
    const { transport, alpn } = await stream(wire, endpoint, abort);
    if ((alpn ?? wire.protocol) !== 'h2')
      return new Http1ClientConnection(transport, { absoluteForm: wire.absoluteForm });
    const connection = new Http2ClientConnection(transport, { keepaliveInterval: this.#keepaliveInterval });
    const onAbort = (reason: Error): void => connection.destroy(reason);
    abort.listen(onAbort);
    try {
      await connection.ready;
      return connection;
    } catch (error) {
      connection.destroy(error as Error);
      throw failure(error, 'Protocol', abort);
    } finally {
      abort.unlisten(onAbort);
    }
  }

  async open(wire: Wire, endpoint: Endpoint, abort: Abort): Promise<Transport> {
    return (await stream(wire, endpoint, abort)).transport;
  }
}

interface Stream {
  readonly transport: Transport;
  /** What ALPN settled on; null without TLS, or where the peer chose nothing. */
  readonly alpn: string | null;
}

/** Everything below the protocol. */
async function stream(wire: Wire, endpoint: Endpoint, abort: Abort): Promise<Stream> {
  const { destination, alpn } = wire;
  const { proxy, tls, target } = destination;
  let transport = await connect(destination, endpoint, abort);
  if (proxy !== null && proxy.tls !== null) {
    const offer = proxy.tls.alpn ?? ['http/1.1'];
    transport = (await secure(transport, proxy.tls, offer, hostOf(proxy.target), abort)).transport;
  }
  if (wire.tunnel && proxy !== null) {
    const request = { ...authorityOf(destination), authorization: proxy.authorization };
    transport = await openTunnel(transport, request, abort);
  }
  if (tls === null || alpn === null) return { transport, alpn: null };
  return secure(transport, tls, alpn, hostOf(target), abort);
}

async function connect({ keepalive }: Destination, endpoint: Endpoint, abort: Abort): Promise<Transport> {
  const target = 'path' in endpoint ? endpoint : { host: endpoint.address, port: endpoint.port };
  const keepAlive = keepalive === null ? { enabled: false } : { enabled: true, ...keepalive };
  try {
    return await connectTcp(target, { signal: abort, keepAlive });
  } catch (error) {
    throw failure(error, 'Connect', abort);
  }
}

async function secure(
  transport: Transport,
  tls: DestinationTls,
  alpn: readonly string[],
  host: string,
  abort: Abort,
): Promise<Stream> {
  try {
    return await connectTls(transport, withAlpn(tls.options as ClientTlsOptions, alpn), host, { signal: abort });
  } catch (error) {
    throw failure(error, 'Tls', abort);
  }
}

/** Variants of TLS options by what they offer: the same object each time, so that its context is found again by it. */
const variants = new WeakMap<ClientTlsOptions, Map<string, ClientTlsOptions>>();

function withAlpn(options: ClientTlsOptions, alpn: readonly string[]): ClientTlsOptions {
  let known = variants.get(options);
  if (known === undefined) {
    known = new Map();
    variants.set(options, known);
  }
  const key = alpn.join();
  let variant = known.get(key);
  if (variant === undefined) {
    variant = { ...options, alpn };
    known.set(key, variant);
  }
  return variant;
}

function hostOf(target: Target): string {
  if ('path' in target) return 'localhost';
  return 'host' in target ? target.host.replace(/\.$/, '') : target.address;
}

function authorityOf({ target }: Destination): { host: string; port: number } {
  if ('path' in target) throw new UpstreamError('Tunnel', 'a unix socket cannot be reached through a proxy');
  return { host: hostOf(target), port: target.port };
}

/** What was aborted failed for that reason, whatever it looked like from below. */
function failure(error: unknown, kind: UpstreamErrorKind, abort: Abort): UpstreamError {
  return UpstreamError.from(abort.reason ?? (error as Error), kind);
}
