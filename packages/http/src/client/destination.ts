import { addressOf, normalizeName } from '../dns/name.ts';
import type { Request } from '../message.ts';
import { UpstreamError } from './errors.ts';

/** Where a connection goes: a name to be resolved, an address, or a unix socket. */
export type Target =
  | { readonly host: string; readonly port: number }
  | { readonly address: string; readonly port: number }
  | { readonly path: string };

/** TLS to a peer, as much of it as scheduling has to know. */
export interface DestinationTls<Options = unknown> {
  readonly options: Options;
  /** Equal for equal options (without ALPN): part of the pool's key. */
  readonly key: string;
  /** Protocols to offer, whatever version is asked for; null lets the version decide. */
  readonly alpn: readonly string[] | null;
}

/** TCP keepalive; times in milliseconds. */
export interface Keepalive {
  /** Silence before the first probe. */
  readonly time: number;
  /** Between two probes. */
  readonly interval?: number;
  /** Unanswered probes after which the connection is dead. */
  readonly retries?: number;
}

/** A proxy that connections go through (spec 02 §3.17). */
export interface TunnelProxy {
  readonly target: Target;
  readonly tls: DestinationTls | null;
  /** Value of `proxy-authorization`; null sends none. */
  readonly authorization: string | null;
}

/** What to speak: decided, or by ALPN under TLS and by the request without. */
export type VersionPolicy = 'http1' | 'http2' | 'auto';

export interface DestinationOptions {
  readonly target: Target;
  readonly tls?: DestinationTls | null;
  readonly proxy?: TunnelProxy | null;
  readonly version?: VersionPolicy;
  /** Milliseconds for TCP, tunnel, TLS and HTTP/2 preface together. */
  readonly connectTimeout?: number;
  /** Milliseconds. */
  readonly poolIdleTimeout?: number;
  /** Idle connections kept per key; the oldest goes first. */
  readonly poolMaxSize?: number;
  /** Connections per key, idle or not. */
  readonly maxConnections?: number;
  /** Requests per key that may wait for a connection. */
  readonly maxPending?: number;
  readonly keepalive?: Keepalive | null;
}

/** How a connection reaches its peer, as metrics name it. */
export type TransportName = 'plaintext' | 'tls' | 'tunnel' | 'tunnel-tls';

/**
 * One way to speak to a destination: the protocol is decided, or ALPN decides it. Requests of the same wire and address
 * share connections.
 */
export class Wire {
  readonly destination: Destination;
  /** Everything about it except the resolved address. */
  readonly key: string;
  /** Under TLS: what to offer. Without: null. */
  readonly alpn: readonly string[] | null;
  /** What a connection speaks where ALPN says nothing. */
  readonly protocol: 'http/1.1' | 'h2';
  /** Requests go to the proxy in absolute form. */
  readonly absoluteForm: boolean;
  /** A CONNECT comes first. */
  readonly tunnel: boolean;
  /** True if a connection may turn out to carry many requests. */
  readonly mayMultiplex: boolean;
  readonly transportName: TransportName;

  constructor(destination: Destination, version: VersionPolicy, content: string) {
    const { tls, proxy } = destination;
    this.destination = destination;
    this.alpn = tls === null ? null : (tls.alpn ?? alpnOf(version));
    this.protocol = version === 'http2' && (tls === null || tls.alpn === null) ? 'h2' : 'http/1.1';
    this.absoluteForm = proxy !== null && tls === null && this.protocol === 'http/1.1';
    this.tunnel = proxy !== null && !this.absoluteForm;
    this.mayMultiplex = this.alpn === null ? this.protocol === 'h2' : this.alpn.includes('h2');
    this.key = `${content} ${this.alpn === null ? this.protocol : `alpn=${this.alpn.join()}`}`;
    if (this.tunnel) this.transportName = tls === null ? 'tunnel' : 'tunnel-tls';
    else this.transportName = tls === null && (proxy === null || proxy.tls === null) ? 'plaintext' : 'tls';
  }
}

/**
 * An upstream as the pool sees it: immutable, compiled once per backend.
 *
 * Two destinations of equal content share connections, whoever made them.
 *
 * @throws UpstreamError of kind `Dns` where a host is neither a name nor an address.
 */
export class Destination {
  readonly target: Target;
  readonly tls: DestinationTls | null;
  readonly proxy: TunnelProxy | null;
  readonly version: VersionPolicy;
  readonly connectTimeout: number;
  readonly poolIdleTimeout: number;
  readonly poolMaxSize: number;
  readonly maxConnections: number;
  readonly maxPending: number;
  readonly keepalive: Keepalive | null;
  /** What is dialled: the proxy if there is one. */
  readonly dialled: Target;
  readonly #http1: Wire;
  readonly #http2: Wire;
  readonly #auto: Wire;

  constructor(options: DestinationOptions) {
    this.target = normalize(options.target);
    this.tls = options.tls ?? null;
    this.proxy = options.proxy ? { ...options.proxy, target: normalize(options.proxy.target) } : null;
    this.version = options.version ?? 'auto';
    this.connectTimeout = options.connectTimeout ?? 10_000;
    this.poolIdleTimeout = options.poolIdleTimeout ?? 90_000;
    this.poolMaxSize = options.poolMaxSize ?? Number.POSITIVE_INFINITY;
    this.maxConnections = options.maxConnections ?? Number.POSITIVE_INFINITY;
    this.maxPending = options.maxPending ?? 16_384;
    this.keepalive =
      options.keepalive === undefined ? { time: 180_000, interval: 180_000, retries: 9 } : options.keepalive;
    this.dialled = this.proxy === null ? this.target : this.proxy.target;
    const content = JSON.stringify([
      this.target,
      this.tls?.key,
      this.proxy && [this.proxy.target, this.proxy.tls?.key, this.proxy.tls?.alpn, this.proxy.authorization],
      this.keepalive && [this.keepalive.time, this.keepalive.interval, this.keepalive.retries],
      this.connectTimeout,
      this.poolIdleTimeout,
      // JSON has no infinity: it stands there as null, which is as distinct as needed.
      this.poolMaxSize,
      this.maxConnections,
      this.maxPending,
    ]);
    this.#http1 = new Wire(this, 'http1', content);
    this.#http2 = new Wire(this, 'http2', content);
    this.#auto = new Wire(this, 'auto', content);
  }

  /**
   * The wire for a request (spec 02 §3.11).
   *
   * @param preferred What to speak where neither this destination nor ALPN decides; the request's own version if undefined.
   */
  wireFor(request: Request, preferred?: 'http1' | 'http2'): Wire {
    if (this.version !== 'auto') return this.version === 'http1' ? this.#http1 : this.#http2;
    // A protocol switch exists in HTTP/1.1 only (RFC 9110 §7.8).
    if (request.headers.has('upgrade')) return this.#http1;
    if (this.tls !== null) return this.#auto;
    const own = request.version === 'HTTP/2.0' && this.proxy === null ? 'http2' : 'http1';
    return (preferred ?? own) === 'http2' ? this.#http2 : this.#http1;
  }

  /** The wire for bytes that are not HTTP, or not ours to look into. */
  rawWire(): Wire {
    return this.#http1;
  }
}

function alpnOf(version: VersionPolicy): readonly string[] {
  if (version === 'auto') return ['h2', 'http/1.1'];
  return version === 'http2' ? ['h2'] : ['http/1.1'];
}

function normalize(target: Target): Target {
  if ('path' in target) return { path: target.path };
  if ('address' in target) return { address: target.address, port: target.port };
  const address = addressOf(target.host);
  if (address !== null) return { address, port: target.port };
  const host = normalizeName(target.host);
  if (host === null) throw new UpstreamError('Dns', `${JSON.stringify(target.host)} is not a host name`);
  return { host, port: target.port };
}
