import { once } from 'node:events';
import { lstatSync, unlinkSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Log } from '../pipeline/step.ts';
import type { ServerAddress } from '../resources/settings.ts';
import { acceptProxyHeader } from './proxy-header.ts';

/** Not imported: as a namespace, this module brings a WebSocket client with it, which takes 50 ms to load. */
const { createServer } = process.getBuiltinModule('node:http');

/** Answers one request of a server of the gateway's own. What it throws becomes a 500. */
export type ManagementHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export interface ManagementServerOptions {
  /** `admin`, `stats` or `readiness`: a log field. */
  readonly component: string;
  readonly address: ServerAddress;
  readonly handler: ManagementHandler;
  readonly log: Log;
  /** Take a PROXY protocol header before the request, if one comes. */
  readonly proxyProtocol?: boolean;
}

/** A server that listens; nothing is left of it after `close`. */
export interface ManagementServer extends AsyncDisposable {
  /** Where it listens: `host:port` each, or `unix:PATH`. Empty if it is off. */
  readonly addresses: readonly string[];
  /** The port; 0 if it is off or on a path. */
  readonly port: number;
  /** Stops accepting, lets answers on their way end, and resolves when every connection is gone. */
  close(): Promise<void>;
  /** Cuts what `close` still waits for. */
  cut(): void;
}

/** Milliseconds for a request's head, bytes of it, milliseconds of a connection without a request. */
const HEAD_TIMEOUT = 2_000;
const HEAD_BYTES = 8 * 1024;
const IDLE_TIMEOUT = 15_000;

/**
 * Starts a server for operators: HTTP/1.1 in plain text, on its own address, never part of the data path.
 *
 * @throws Error if no address can be listened on, or if a path is taken by something that is not a dead socket
 */
export async function startManagementServer(options: ManagementServerOptions): Promise<ManagementServer> {
  const { address, component, log } = options;
  if ('off' in address) {
    log.info('admin', 'listener disabled', { component });
    return { addresses: [], port: 0, close: async () => {}, cut: () => {}, [Symbol.asyncDispose]: async () => {} };
  }

  const servers: Endpoint[] = [];
  const listen = async (target: { path: string } | { host: string; port: number }): Promise<AddressInfo | string> => {
    const endpoint = createEndpoint(options);
    endpoint.http.listen(target);
    await once(endpoint.http, 'listening');
    servers.push(endpoint);
    return endpoint.http.address() ?? '';
  };

  const addresses: string[] = [];
  let port = 0;
  try {
    if ('path' in address) {
      await removeStaleSocket(address.path);
      await listen({ path: address.path });
      addresses.push(`unix:${address.path}`);
    } else {
      port = address.port;
      for (const [index, host] of address.hosts.entries()) {
        try {
          const bound = await listen({ host, port });
          if (typeof bound !== 'string') port = bound.port;
          addresses.push(host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);
        } catch (error) {
          // `localhost` is served on the loopback addresses that the machine has.
          if (index === 0 || !isMissingAddress(error)) throw error;
        }
      }
    }
  } catch (error) {
    for (const { http } of servers) http.close();
    throw error;
  }
  for (const one of addresses) log.info('admin', 'listener established', { address: one, component });

  const close = async (): Promise<void> => {
    await Promise.all(servers.map((endpoint) => endpoint.close()));
  };
  const cut = (): void => {
    for (const endpoint of servers) endpoint.cut();
  };
  return {
    addresses,
    port,
    close,
    cut,
    [Symbol.asyncDispose]: async () => {
      const closed = close();
      cut();
      await closed;
    },
  };
}

/** One listening socket. */
interface Endpoint {
  readonly http: Server;
  close(): Promise<void>;
  cut(): void;
}

function createEndpoint({ handler, log, component, proxyProtocol }: ManagementServerOptions): Endpoint {
  let draining = false;
  const http = createServer(
    {
      maxHeaderSize: HEAD_BYTES,
      headersTimeout: HEAD_TIMEOUT,
      requestTimeout: IDLE_TIMEOUT,
      keepAliveTimeout: IDLE_TIMEOUT,
      connectionsCheckingInterval: 500,
    },
    (request, response) => {
      response.shouldKeepAlive &&= !draining;
      const { socket } = request;
      quiet.delete(socket);
      response.once('close', () => {
        if (!socket.destroyed) quiet.add(socket);
      });
      // No route reads a body: what comes is thrown away.
      request.resume();
      void answer(handler, request, response, (message) =>
        log.warn('admin', 'request failed', { component, error: message }),
      );
    },
  );
  // Those without a request of theirs being answered; the server's own list leaves out those that never sent one.
  const quiet = new Set<Socket>();
  const serve = http.listeners('connection');
  http.removeAllListeners('connection');
  http.on('connection', (socket: Socket) => {
    quiet.add(socket);
    socket.once('close', () => quiet.delete(socket));
    const ready = (): void => {
      for (const listener of serve) listener.call(http, socket);
    };
    if (proxyProtocol === true) acceptProxyHeader(socket, ready);
    else ready();
  });
  const dropQuiet = (): void => {
    for (const socket of quiet) socket.destroy();
  };
  return {
    http,
    close: () => {
      draining = true;
      dropQuiet();
      return new Promise((resolve) => {
        http.close(() => resolve());
      });
    },
    cut: () => {
      dropQuiet();
      http.closeAllConnections();
    },
  };
}

async function answer(
  handler: ManagementHandler,
  request: IncomingMessage,
  response: ServerResponse,
  failed: (message: string) => void,
): Promise<void> {
  try {
    await handler(request, response);
  } catch (error) {
    const message = error instanceof Error ? error.message : 'internal error';
    failed(message);
    if (response.headersSent) response.destroy();
    else respond(response, 500, `${message}\n`);
  }
}

/** Sends a whole body; a text unless the headers say otherwise. */
export function respond(
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    ...(body.length === 0 ? {} : { 'content-type': 'text/plain; charset=utf-8' }),
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    ...headers,
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

/** Path and query of a request. */
export function targetOf(request: IncomingMessage): { readonly path: string; readonly query: URLSearchParams } {
  const url = request.url ?? '/';
  const at = url.indexOf('?');
  return at < 0
    ? { path: url, query: new URLSearchParams() }
    : { path: url.slice(0, at), query: new URLSearchParams(url.slice(at + 1)) };
}

/** Removes what a gateway that is gone left behind. A socket that answers is in use, and anything else is not ours. */
async function removeStaleSocket(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw new Error(`refusing to remove non-socket file at ${path}`);
  if (await answers(path)) throw new Error(`address already in use: unix:${path}`);
  unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

function isMissingAddress(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT';
}
