import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { Agent, request } from 'undici';
import { afterEach, expect, test } from 'vitest';
import type { Body, BodyStream } from '../body.ts';
import { collect } from '../body.ts';
import { Headers } from '../headers.ts';
import { Request, Response } from '../message.ts';
import { defaultServerOptions, type Handler } from '../server/handler.ts';
import { Http1ClientConnection } from './client.ts';
import { info, socketTransport } from './fixtures.ts';
import { serveHttp1 } from './server.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function listen(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

/** Our server on a real port. */
async function serve(handler: Handler): Promise<number> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket.once('close', () => sockets.delete(socket)));
    serveHttp1(socketTransport(socket), info, handler, defaultServerOptions);
  });
  const port = await listen(server);
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
  });
  return port;
}

/** Our client on a real connection. */
async function connect(port: number): Promise<Http1ClientConnection> {
  const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  await once(socket, 'connect');
  closers.push(() => socket.destroy());
  return new Http1ClientConnection(socketTransport(socket));
}

function send(client: Http1ClientConnection, request: Request): Promise<Response> {
  return new Promise((resolve, reject) => {
    client.send(request, { onResponse: resolve, onUpgrade() {}, onInform() {}, onError: reject }, null);
  });
}

/** Answers with the request's own body, as a stream where it is one. */
const echo: Handler = (incoming, reply) => {
  const headers = Headers.of(['x-method', incoming.method], ['x-path', incoming.path]);
  reply.respond(new Response(200, headers, incoming.body));
};

test('undici talks to this server: small, large, chunked, kept alive', async () => {
  const port = await serve(echo);
  const dispatcher = new Agent({ connections: 1 });
  closers.push(() => dispatcher.close());
  const large = Buffer.alloc(1_000_000, 'abc');
  for (const body of ['small', large, null]) {
    const response = await request(`http://127.0.0.1:${port}/x?y`, { method: 'POST', body, dispatcher });
    expect(response.statusCode).toBe(200);
    expect(response.headers['x-path']).toBe('/x?y');
    expect(Buffer.from(await response.body.arrayBuffer()).equals(Buffer.from(body ?? ''))).toBe(true);
  }
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let i = 0; i < 10; i++) yield large.subarray(0, 50_000);
  }
  const response = await request(`http://127.0.0.1:${port}/`, {
    method: 'PUT',
    body: Readable.from(chunks()),
    dispatcher,
  });
  expect((await response.body.arrayBuffer()).byteLength).toBe(500_000);
});

test('node:http talks to this server: 100-continue and trailers', async () => {
  const port = await serve((incoming, reply) => {
    collect(incoming.body, 1e6).then((body) => reply.respond(new Response(200, new Headers(), body)));
  });
  const outgoing = http.request({ port, method: 'POST', headers: { expect: '100-continue' }, agent: false });
  outgoing.flushHeaders();
  await once(outgoing, 'continue');
  outgoing.end('waited');
  const [response] = (await once(outgoing, 'response')) as [http.IncomingMessage];
  response.setEncoding('utf8');
  expect((await response.toArray()).join('')).toBe('waited');
});

test('a client that is destroyed is heard of while its response runs', async () => {
  const closed = Promise.withResolvers<Error | null>();
  const cancelled = Promise.withResolvers<Error>();
  const port = await serve((_request, reply) => {
    reply.onClosed = closed.resolve;
    let timer: NodeJS.Immediate;
    const body: BodyStream = {
      length: undefined,
      read(consumer) {
        const tick = (): void => {
          consumer.onData(Buffer.from('tick'));
          timer = setImmediate(tick);
        };
        tick();
      },
      pause() {},
      resume() {},
      cancel(reason) {
        clearImmediate(timer);
        cancelled.resolve(reason);
      },
    };
    reply.respond(new Response(200, new Headers(), body));
  });
  const outgoing = http.get({ port, agent: false });
  const [response] = (await once(outgoing, 'response')) as [http.IncomingMessage];
  response.on('error', () => {});
  await once(response, 'data');
  outgoing.destroy();
  expect(await closed.promise).toBeInstanceOf(Error);
  expect(await cancelled.promise).toBeInstanceOf(Error);
});

test('this client talks to node:http: small, large, chunked with trailers, kept alive', async () => {
  const port = await listen(
    http.createServer(async (incoming, response) => {
      const body = Buffer.concat(await incoming.toArray());
      if (incoming.url === '/chunked') {
        response.writeHead(200, { trailer: 'x-sum' });
        response.write(body);
        response.addTrailers({ 'x-sum': String(body.length) });
        response.end();
      } else response.end(body);
    }),
  );
  const client = await connect(port);
  const large = Buffer.alloc(1_000_000, 'abc');
  const cases: [string, Body, Buffer][] = [
    ['/', Buffer.from('small'), Buffer.from('small')],
    ['/', null, Buffer.alloc(0)],
    ['/', large, large],
    ['/chunked', large, large],
  ];
  for (const [path, body, expected] of cases) {
    const response = await send(
      client,
      new Request('POST', 'http', `a:${port}`, path, 'HTTP/1.1', new Headers(), body),
    );
    expect(response.status).toBe(200);
    expect((await collect(response.body, 1e7)).equals(expected)).toBe(true);
    expect(client.capacity).toBe(1);
  }
  const response = await send(client, new Request('POST', '', 'a', '/chunked', 'HTTP/1.1', new Headers(), large));
  const trailers = await new Promise((resolve, reject) => {
    let seen: unknown = null;
    (response.body as BodyStream).read({
      onData() {},
      onTrailers: (fields) => {
        seen = [...fields];
      },
      onEnd: () => resolve(seen),
      onError: reject,
    });
  });
  expect(trailers).toEqual([['x-sum', '1000000']]);
});

test('this client and node:http upgrade', async () => {
  const server = http.createServer();
  server.on('upgrade', (_request, socket: net.Socket, head) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello ');
    socket.write(head);
    socket.pipe(socket);
  });
  const client = await connect(await listen(server));
  const headers = Headers.of(['connection', 'upgrade'], ['upgrade', 'echo']);
  const got = await new Promise<string>((resolve, reject) => {
    client.send(
      new Request('GET', '', 'a', '/', 'HTTP/1.1', headers, null),
      {
        onResponse: () => reject(new Error('not upgraded')),
        onUpgrade(_response, transport) {
          const duplex = transport.toDuplex();
          let text = '';
          duplex.on('data', (chunk: Buffer) => {
            text += chunk.toString();
            if (text.length === 10) {
              resolve(text);
              duplex.end();
            }
          });
          duplex.resume();
          duplex.write('echo');
        },
        onInform() {},
        onError: reject,
      },
      null,
    );
  });
  expect(got).toBe('hello echo');
});
