import { once } from 'node:events';
import http2, {
  type Http2SecureServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type SecureServerOptions,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';

export type H2Handler = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

/** An upstream on `node:http2`: with prior knowledge, or over TLS (then HTTP/1 too, unless `alpn` says otherwise). */
export class H2Upstream implements AsyncDisposable {
  /** `version method path authority` of every request so far. */
  readonly requests: string[] = [];
  readonly headers: Http2ServerRequest['headers'][] = [];
  readonly sessions = new Set<ServerHttp2Session>();
  readonly sockets = new Set<Socket>();
  /** Connections accepted so far. */
  connections = 0;
  readonly server: Http2Server | Http2SecureServer;

  private constructor(server: Http2Server | Http2SecureServer) {
    this.server = server;
    server.on('session', (session) => {
      this.sessions.add(session);
      session.on('close', () => this.sessions.delete(session));
      session.on('error', () => {});
    });
    server.on('sessionError', () => {});
    server.on('connection', (socket: Socket) => {
      this.connections++;
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('error', () => {});
    });
  }

  static async start(handler?: H2Handler, tls?: SecureServerOptions): Promise<H2Upstream> {
    const server = tls === undefined ? http2.createServer() : http2.createSecureServer({ allowHTTP1: true, ...tls });
    const upstream = new H2Upstream(server);
    server.on('request', (request: Http2ServerRequest, response: Http2ServerResponse) => {
      const authority = request.httpVersion === '2.0' ? request.headers[':authority'] : request.headers.host;
      upstream.requests.push(`${request.httpVersion} ${request.method} ${request.url} ${authority}`);
      upstream.headers.push(request.headers);
      if (handler !== undefined) handler(request, response);
      else response.end(request.httpVersion);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return upstream;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.sessions) session.destroy();
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}
