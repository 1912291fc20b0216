import net from 'node:net';
import { SocketTransport, setKeepAlive, type TcpKeepAlive } from '../socket-transport.ts';
import type { ConnectionInfo } from '../transport.ts';

/** Where to listen. `::` takes IPv4 as well. */
export type ListenTarget = { readonly host: string; readonly port: number } | { readonly path: string };

export interface ListenOptions {
  /** Several listeners, one per thread, share the port. Not for unix sockets. */
  readonly reusePort?: boolean;
  /** Connections that the system queues; default 1024. */
  readonly backlog?: number;
  /** TCP keep-alive of accepted connections; the system's where there is none. */
  readonly keepAlive?: TcpKeepAlive;
  /** Told about errors after listening has begun. A fatal one has stopped the listener. */
  readonly onError?: (error: NodeJS.ErrnoException, fatal: boolean) => void;
}

/** An open listening socket. */
export interface Listening {
  /** Where it listens: port 0 has become a port. Empty for a unix socket. */
  readonly address: { readonly host: string; readonly port: number };
  /** The path of a unix socket, or null. */
  readonly path: string | null;
  /** Accepted connections that are still open. */
  readonly connections: ReadonlySet<SocketTransport>;
  /** Stops accepting; accepted connections go on. Resolves when the socket is closed. */
  close(): Promise<void>;
}

let connectionIds = 0;

/** The next connection id of this thread, for connections that come by another way than `listen`. */
export function nextConnectionId(): number {
  return ++connectionIds;
}

/** An address as it is shown and compared: IPv4 mapped into IPv6 is IPv4. */
export function canonicalAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/**
 * Opens a listening socket. `TCP_NODELAY` is set on what it accepts; each connection is paused until it is started.
 *
 * @throws the system's error with its `code` (`EADDRINUSE`, `EACCES`, …).
 */
export function listen(
  target: ListenTarget,
  options: ListenOptions,
  onConnection: (transport: SocketTransport, info: ConnectionInfo) => void,
): Promise<Listening> {
  const connections = new Set<SocketTransport>();
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
  server.on('connection', (socket) => {
    if (options.keepAlive !== undefined && !('path' in target)) setKeepAlive(socket, options.keepAlive);
    const transport = new SocketTransport(socket);
    connections.add(transport);
    socket.once('close', () => connections.delete(transport));
    onConnection(transport, connectionInfo(socket));
  });
  const { promise, resolve, reject } = Promise.withResolvers<Listening>();
  server.once('error', reject);
  server.listen({ ...listenTarget(target, options), backlog: options.backlog ?? 1024 }, () => {
    server.off('error', reject);
    server.on('error', (error: NodeJS.ErrnoException) => {
      const fatal = isFatal(error);
      if (fatal) server.close();
      options.onError?.(error, fatal);
    });
    const path = 'path' in target ? target.path : null;
    resolve({ address: addressOf(server), path, connections, close: () => closeServer(server) });
  });
  return promise;
}

/** Accept errors after which the socket is of no use; the others concern one connection or pass. */
function isFatal(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EBADF' || error.code === 'ENOTSOCK' || error.code === 'EINVAL';
}

function listenTarget(target: ListenTarget, options: ListenOptions): net.ListenOptions {
  if ('path' in target) return { path: target.path };
  return { host: target.host, port: target.port, ipv6Only: false, reusePort: options.reusePort === true };
}

function addressOf(server: net.Server): Listening['address'] {
  const address = server.address();
  if (address === null || typeof address === 'string') return { host: '', port: 0 };
  return { host: address.address, port: address.port };
}

function closeServer(server: net.Server): Promise<void> {
  if (!server.listening) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  // Node calls back when the last connection has ended; the listening socket itself is closed in this turn.
  server.close();
  setImmediate(resolve);
  return promise;
}

function connectionInfo(socket: net.Socket): ConnectionInfo {
  return {
    id: nextConnectionId(),
    remoteAddress: canonicalAddress(socket.remoteAddress),
    remotePort: socket.remotePort ?? 0,
    localAddress: canonicalAddress(socket.localAddress),
    localPort: socket.localPort ?? 0,
    tls: null,
  };
}
