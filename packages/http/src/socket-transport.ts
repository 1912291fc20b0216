import net from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Abort } from './abort.ts';
import { DuplexTransport } from './duplex-transport.ts';

/**
 * What all dialled sockets of this thread read into. Their callbacks are synchronous, so that one buffer serves them all;
 * nobody keeps a chunk beyond its call.
 */
const readBuffer = Buffer.allocUnsafeSlow(65_536);

/** TCP keep-alive probes. Times in milliseconds. */
export interface TcpKeepAlive {
  readonly enabled: boolean;
  /** Idle time before the first probe. */
  readonly time?: number;
  /** Time between probes. */
  readonly interval?: number;
  /** Unanswered probes after which the connection is dead. */
  readonly retries?: number;
}

/** Where to connect to. `host` is an IP address: resolving names is the caller's business. */
export type ConnectTarget = { readonly host: string; readonly port: number } | { readonly path: string };

export interface ConnectOptions {
  readonly signal?: Abort | undefined;
  /** Milliseconds; 0 or nothing waits as long as the system does. */
  readonly timeout?: number | undefined;
  readonly keepAlive?: TcpKeepAlive | undefined;
}

/** No connection within the time allowed. */
export class ConnectTimeout extends Error {
  override readonly name = 'ConnectTimeout';
  readonly code = 'ETIMEDOUT';
  constructor(target: string, timeout: number) {
    super(`no connection to ${target} within ${timeout} ms`);
  }
}

/**
 * A transport over a TCP, TLS or unix socket.
 *
 * Sockets of {@link connectTcp} read into a buffer that all of them share and emit no `data` events. `toDuplex` hands out
 * the socket itself: `node:tls` and `node:http2` read its handle beneath both, which is what it is for. Wrap the transport
 * in a `TransportDuplex` where some other library wants a stream.
 */
export class SocketTransport extends DuplexTransport {
  readonly socket: net.Socket;
  readonly #onread: boolean;

  /** @param onread True for a socket made with `onread`; only `connectTcp` does that. */
  constructor(socket: net.Socket, onread = false) {
    super(socket);
    this.socket = socket;
    this.#onread = onread;
  }

  protected override listen(): void {
    if (!this.#onread) super.listen();
  }

  /**
   * With an error, a TCP connection is reset: an end that was not meant must not look like an orderly one to a peer that
   * reads until the end.
   */
  override destroy(error?: Error): void {
    const { socket } = this;
    const tcp = socket.remotePort !== undefined && !(socket instanceof TLSSocket);
    if (error === undefined || socket.destroyed || !tcp) {
      super.destroy(error);
      return;
    }
    this.broke(error);
    socket.resetAndDestroy();
  }

  /** For the `onread` callback: the socket has read a chunk. */
  receive(chunk: Buffer): void {
    this.deliver(chunk);
  }
}

/** Sets TCP keep-alive on a socket. */
export function setKeepAlive(socket: net.Socket, keepAlive: TcpKeepAlive): void {
  if (!keepAlive.enabled) socket.setKeepAlive(false);
  else socket.setKeepAlive(true, keepAlive.time, keepAlive.interval, keepAlive.retries);
}

/**
 * Connects to an address. `TCP_NODELAY` is set; the transport is paused until it is started.
 *
 * @throws the system's error with its `code`, {@link ConnectTimeout}, the reason of `signal`, or a TypeError where `host` is
 * not an IP address.
 */
export function connectTcp(target: ConnectTarget, options: ConnectOptions = {}): Promise<SocketTransport> {
  if ('host' in target && net.isIP(target.host) === 0) {
    return Promise.reject(new TypeError(`not an IP address: ${target.host}`));
  }
  const { signal, timeout = 0, keepAlive } = options;
  const { promise, resolve, reject } = Promise.withResolvers<SocketTransport>();
  if (signal !== undefined && signal.reason !== null) {
    reject(signal.reason);
    return promise;
  }
  let transport: SocketTransport | null = null;
  const socket = net.connect({
    ...('path' in target ? { path: target.path } : { host: target.host, port: target.port, noDelay: true }),
    allowHalfOpen: true,
    onread: {
      buffer: readBuffer,
      callback: (length) => {
        transport?.receive(readBuffer.subarray(0, length));
        return true;
      },
    },
  });
  transport = new SocketTransport(socket, true);
  socket.pause();
  if (keepAlive !== undefined && 'host' in target) setKeepAlive(socket, keepAlive);

  const name = 'path' in target ? target.path : `${target.host}:${target.port}`;
  const timer = timeout > 0 ? setTimeout(() => socket.destroy(new ConnectTimeout(name, timeout)), timeout) : null;
  const onAbort = (reason: Error): void => {
    socket.destroy(reason);
  };
  const settle = (): void => {
    if (timer !== null) clearTimeout(timer);
    signal?.unlisten(onAbort);
    socket.off('error', onFailure).off('connect', onConnect);
  };
  const onFailure = (error: Error): void => {
    settle();
    reject(error);
  };
  const onConnect = (): void => {
    settle();
    resolve(transport as SocketTransport);
  };
  socket.once('error', onFailure).once('connect', onConnect);
  signal?.listen(onAbort);
  return promise;
}
