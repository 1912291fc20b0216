import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** What an upstream was asked. */
export interface Echo {
  readonly upstream: string;
  readonly method: string;
  readonly url: string;
  /** Names as received, in order. */
  readonly rawHeaders: readonly string[];
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/**
 * An upstream on Node's own HTTP server, which shares no code with the gateway. Answers with what it was asked, as JSON,
 * unless a handler is given.
 */
export class EchoServer implements AsyncDisposable {
  readonly name: string;
  /** Every request so far, bodies included once they are whole. */
  readonly requests: Echo[] = [];
  readonly sockets = new Set<Socket>();
  connections = 0;
  readonly #server: http.Server;

  constructor(name: string, handler?: (request: IncomingMessage, response: ServerResponse, echo: Echo) => void) {
    this.name = name;
    this.#server = http.createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('error', () => {});
      request.on('end', () => {
        const echo: Echo = {
          upstream: name,
          method: request.method ?? '',
          url: request.url ?? '',
          rawHeaders: request.rawHeaders,
          headers: request.headers,
          body: Buffer.concat(chunks).toString(),
        };
        this.requests.push(echo);
        if (handler !== undefined) handler(request, response, echo);
        else response.setHeader('content-type', 'application/json').end(JSON.stringify(echo));
      });
    });
    this.#server.on('connection', (socket) => {
      this.connections++;
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => this.sockets.delete(socket));
    });
  }

  static async start(name = 'echo', handler?: ConstructorParameters<typeof EchoServer>[1]): Promise<EchoServer> {
    const server = new EchoServer(name, handler);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** `host:port`, as a backend names it. */
  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  get server(): http.Server {
    return this.#server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
