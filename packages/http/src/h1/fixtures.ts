import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Body, BodyConsumer, BodyStream } from '../body.ts';
import { Headers } from '../headers.ts';
import { MemoryTransport } from '../memory-transport.ts';
import { Request, Response } from '../message.ts';
import { defaultServerOptions, type Handler, type ServedConnection, type ServerOptions } from '../server/handler.ts';
import type { ConnectionInfo, Transport, TransportHandler } from '../transport.ts';
import { serveHttp1 } from './server.ts';

/** Things that the tests of HTTP/1 share. */

export const info: ConnectionInfo = {
  id: 1,
  remoteAddress: '127.0.0.1',
  remotePort: 1,
  localAddress: '127.0.0.1',
  localPort: 2,
  tls: null,
};

/** Lets the loop turn `count` times. */
export async function turns(count = 12): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** The plain end of a connection: writes text, gathers what comes. */
export class Peer implements TransportHandler {
  readonly transport: Transport;
  text = '';
  ended = false;
  closed = false;
  error: Error | null = null;

  constructor(transport: Transport) {
    this.transport = transport;
    transport.start(this);
  }

  write(text: string | Buffer): void {
    this.transport.write(text);
  }

  onData(chunk: Buffer): void {
    this.text += chunk.toString('latin1');
  }

  onEnd(): void {
    this.ended = true;
  }

  onDrain(): void {}

  onClose(error: Error | null): void {
    this.closed = true;
    this.error = error;
  }
}

const open: ServedConnection[] = [];

/** Ends every {@link Served} connection, and with them the timer that looks after them. */
export function closeAll(): void {
  for (const connection of open.splice(0)) connection.destroy(new Error('the test is over'));
}

/** A server connection and the plain peer that talks to it. */
export class Served {
  readonly peer: Peer;
  readonly transport: MemoryTransport;
  readonly connection: ServedConnection;

  constructor(handler: Handler, options: Partial<ServerOptions> = {}) {
    const [server, client] = MemoryTransport.pair();
    this.transport = server;
    this.peer = new Peer(client);
    this.connection = serveHttp1(server, info, handler, { ...defaultServerOptions, ...options });
    open.push(this.connection);
  }

  /** Writes pieces, each delivered before the next, and waits until all is quiet. */
  async send(...pieces: (string | Buffer)[]): Promise<this> {
    for (const piece of pieces) {
      this.peer.write(piece);
      await turns(2);
      while (this.transport.waiting > 0 && !this.transport.destroyed && !this.peer.ended) await turns(1);
    }
    await turns();
    return this;
  }
}

/** A body stream that is fed by hand and tells what is asked of it. */
export class ManualBody implements BodyStream {
  readonly length: number | undefined;
  consumer: BodyConsumer | null = null;
  readonly calls: string[] = [];
  cancelled: Error | null = null;
  paused = false;

  constructor(length?: number) {
    this.length = length;
  }

  read(consumer: BodyConsumer): void {
    this.consumer = consumer;
    this.calls.push('read');
  }

  pause(): void {
    this.paused = true;
    this.calls.push('pause');
  }

  resume(): void {
    this.paused = false;
    this.calls.push('resume');
  }

  cancel(reason: Error): void {
    this.cancelled = reason;
    this.calls.push('cancel');
  }

  data(text: string | Buffer): void {
    this.consumer?.onData(typeof text === 'string' ? Buffer.from(text) : text);
  }
}

/** What a body came to: its bytes, trailers and end. */
export interface BodyResult {
  text: string;
  trailers: [string, string][];
  end: 'none' | 'end' | string;
}

/** Reads a body to its end, good or bad. */
export function readBody(body: Body, done: (result: BodyResult) => void = () => {}): BodyResult {
  const result: BodyResult = { text: '', trailers: [], end: 'none' };
  const finish = (end: string): void => {
    result.end = end;
    done(result);
  };
  if (body === null) finish('end');
  else if (Buffer.isBuffer(body)) {
    result.text = body.toString('latin1');
    finish('end');
  } else {
    body.read({
      onData(chunk) {
        result.text += chunk.toString('latin1');
      },
      onTrailers(trailers) {
        result.trailers = [...trailers];
      },
      onEnd: () => finish('end'),
      onError: (error) => finish(error.name),
    });
  }
  return result;
}

/** A handler that reads the body and answers with a line about what it saw; `seen` gets one line per request. */
export function recorder(seen: string[]): Handler {
  return (request, reply) => {
    readBody(request.body, (body) => {
      const line = JSON.stringify({
        method: request.method,
        scheme: request.scheme,
        authority: request.authority,
        path: request.path,
        version: request.version,
        headers: [...request.headers],
        body,
      });
      seen.push(line);
      if (body.end === 'end') reply.respond(text(200, 'ok'));
    });
  };
}

export function text(status: number, body: string): Response {
  return new Response(status, Headers.of(['date', 'x']), Buffer.from(body, 'latin1'));
}

export function get(path = '/', headers = new Headers(), method = 'GET', body: Body = null): Request {
  return new Request(method, 'http', 'a.test', path, 'HTTP/1.1', headers, body);
}

/** A transport on a socket, enough for tests. */
export function socketTransport(socket: Socket): Transport {
  let handler: TransportHandler | null = null;
  let failure: Error | null = null;
  socket.setNoDelay(true);
  socket.pause();
  return {
    start(next) {
      const first = handler === null;
      handler = next;
      if (first) {
        socket.on('data', (chunk: Buffer) => handler?.onData(chunk));
        socket.on('end', () => handler?.onEnd());
        socket.on('drain', () => handler?.onDrain());
        socket.on('error', (error) => {
          failure = error;
        });
        socket.on('close', () => handler?.onClose(failure));
      }
      socket.resume();
    },
    write: (bytes) => (typeof bytes === 'string' ? socket.write(bytes, 'latin1') : socket.write(bytes)),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end: () => void socket.end(),
    destroy: (error) => void socket.destroy(error),
    toDuplex(head): Duplex {
      for (const event of ['data', 'end', 'drain']) socket.removeAllListeners(event);
      if (head !== undefined) socket.unshift(head);
      return socket;
    },
  };
}
