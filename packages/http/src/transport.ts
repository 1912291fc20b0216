import type { Duplex } from 'node:stream';

/** What a transport's consumer is told. After `onClose` nothing more is called. */
export interface TransportHandler {
  /** `chunk` is only valid during the call: the buffer behind it may be read into again. */
  onData(chunk: Buffer): void;
  /** The peer has ended its side; ours may still write. */
  onEnd(): void;
  /** What was written has left; called after `write` returned false. */
  onDrain(): void;
  /** Closed for good, once. `error` says why where it was not asked for. */
  onClose(error: Error | null): void;
}

/**
 * A connected byte stream: the only thing that the HTTP codecs see of the network.
 *
 * TCP and TLS sockets, unix sockets and streams inside other streams (CONNECT, HTTP/2) implement it. A transport is paused
 * until `start`; `start` may be called again later to hand it to another consumer (a protocol that takes over).
 */
export interface Transport {
  /** Makes `handler` the consumer and lets data flow. */
  start(handler: TransportHandler): void;
  /** Writes bytes, or a latin1 string. The bytes belong to the transport from then on. False asks to wait for `onDrain`. */
  write(bytes: Buffer | string): boolean;
  pause(): void;
  resume(): void;
  /** Ends our side after everything written has left. */
  end(): void;
  /** Closes both sides at once. */
  destroy(error?: Error): void;
  /**
   * The same stream as Node's own interface, for a library that needs one (`node:tls`, `node:http2`); the transport must
   * not be used any more. `head` holds bytes that were read already and belong to the new owner.
   */
  toDuplex(head?: Buffer): Duplex;
}

/** Who is at the other end of a connection, and how it came. Made once per connection. */
export interface ConnectionInfo {
  /** Counts up from 1 within the process. */
  readonly id: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly tls: TlsInfo | null;
}

/** What TLS told about a connection. */
export interface TlsInfo {
  /** Server name indication in lower case; empty if the client sent none. */
  readonly sni: string;
  readonly alpn: string | null;
  /** The client's certificate, read when somebody asks. */
  peerCertificate(): import('node:tls').DetailedPeerCertificate | null;
}
