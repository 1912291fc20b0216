import { expect, test } from 'vitest';
import { Abort } from '../abort.ts';
import type { BodyStream } from '../body.ts';
import type { ResponseHandler } from '../client/connection.ts';
import { Headers } from '../headers.ts';
import { MemoryTransport } from '../memory-transport.ts';
import { Request, type Response } from '../message.ts';
import type { Transport } from '../transport.ts';
import { Http1ClientConnection, type Http1ClientOptions } from './client.ts';
import { get, ManualBody, Peer, readBody, turns } from './fixtures.ts';

interface Asked extends ResponseHandler {
  readonly responses: Response[];
  readonly errors: [string, boolean, boolean][];
  readonly informed: number[];
  upgraded: Transport | null;
}

function asked(): Asked {
  const handler: Asked = {
    responses: [],
    errors: [],
    informed: [],
    upgraded: null,
    onResponse: (response) => handler.responses.push(response),
    onUpgrade: (_response, transport) => {
      handler.upgraded = transport;
    },
    onInform: (status) => handler.informed.push(status),
    onError: (error, { clean, bodyUntouched }) => handler.errors.push([error.message, clean, bodyUntouched]),
  };
  return handler;
}

function connect(options: Partial<Http1ClientOptions> = {}): {
  client: Http1ClientConnection;
  server: Peer;
  near: MemoryTransport;
  far: MemoryTransport;
  changes: [number, boolean][];
} {
  const [near, far] = MemoryTransport.pair();
  const client = new Http1ClientConnection(near, options);
  const changes: [number, boolean][] = [];
  client.onChange = () => changes.push([client.capacity, client.usable]);
  return { client, server: new Peer(far), near, far, changes };
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

const written: [name: string, request: Request, options: Partial<Http1ClientOptions>, wire: string][] = [
  ['a plain request', get('/a?b'), {}, 'GET /a?b HTTP/1.1\r\nhost: a.test\r\n\r\n'],
  [
    'fields in their order, without framing of others',
    get('/', Headers.of(['X-B', '1'], ['content-length', '7'], ['transfer-encoding', 'chunked'], ['a', '2'])),
    {},
    'GET / HTTP/1.1\r\nhost: a.test\r\nx-b: 1\r\na: 2\r\n\r\n',
  ],
  [
    'bytes',
    get('/', new Headers(), 'POST', Buffer.from('hi')),
    {},
    'POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 2\r\n\r\nhi',
  ],
  [
    'no content where some is expected',
    get('/', new Headers(), 'POST'),
    {},
    'POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 0\r\n\r\n',
  ],
  [
    'the authority without the port of the scheme',
    new Request('GET', 'https', 'a:443', '/', 'HTTP/2.0', Headers.of(['host', 'b']), null),
    {},
    'GET / HTTP/1.1\r\nhost: a\r\n\r\n',
  ],
  [
    'the authority with another port',
    new Request('GET', 'https', '[::1]:80', '/', 'HTTP/1.1', new Headers(), null),
    {},
    'GET / HTTP/1.1\r\nhost: [::1]:80\r\n\r\n',
  ],
  [
    'absolute form for a proxy',
    get('/foo', Headers.of(['proxy-authorization', 'Bearer k'])),
    { absoluteForm: true },
    'GET http://a.test/foo HTTP/1.1\r\nhost: a.test\r\nproxy-authorization: Bearer k\r\n\r\n',
  ],
  [
    'CONNECT',
    new Request('CONNECT', '', 'h:443', '', 'HTTP/1.1', new Headers(), null),
    {},
    'CONNECT h:443 HTTP/1.1\r\nhost: h:443\r\n\r\n',
  ],
  ['OPTIONS of the server', get('*', new Headers(), 'OPTIONS'), {}, 'OPTIONS * HTTP/1.1\r\nhost: a.test\r\n\r\n'],
  [
    'the spelling of names',
    get('/', new Headers(['x-a', '1'], ['X-A'])),
    {},
    'GET / HTTP/1.1\r\nhost: a.test\r\nX-A: 1\r\n\r\n',
  ],
];

test.each(written)('writes %s', async (_name, request, options, wire) => {
  const { client, server, near } = connect(options);
  client.send(request, asked(), null);
  await turns();
  expect(server.text).toBe(wire);
  expect(near.writes).toBe(1);
});

test.each([
  ['a value', get('/', Headers.of(['x', 'a\r\nb']))],
  ['a name', get('/', new Headers(['x y', '1']))],
  ['a path with a space', get('/a b')],
  ['a path with a line end', get('/a\r\nx: y')],
  ['a path beyond latin1', get('/\u0120')],
  ['a relative path', get('a')],
  ['a method', get('/', new Headers(), 'GET /')],
  ['an authority', new Request('GET', '', 'a\r\nb', '/', 'HTTP/1.1', new Headers(), null)],
])('refuses to write what breaks the message: %s', async (_name, request) => {
  const { client, server } = connect();
  const handler = asked();
  client.send(request, handler, null);
  await turns();
  expect(handler.errors.length).toBe(1);
  expect(handler.errors[0]?.[1]).toBe(false);
  expect(server.text).toBe('');
  expect(client.capacity).toBe(1);
});

test('a connection is used again and again', async () => {
  const { client, server, changes } = connect();
  for (let i = 0; i < 3; i++) {
    const handler = asked();
    expect(client.capacity).toBe(1);
    client.send(get(), handler, null);
    expect(client.capacity).toBe(0);
    expect(() => client.send(get(), handler, null)).toThrow();
    await turns();
    server.write(OK);
    await turns();
    expect(handler.responses[0]?.body).toEqual(Buffer.from('ok'));
    expect(changes.length).toBe(i + 1);
  }
  client.close();
  expect(client.usable).toBe(false);
});

test.each([
  ['the server says so', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'],
  ['it is HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['bytes came behind the response', `${OK}HTTP/1.1 200 OK\r\n`],
])('a connection is not used again if %s', async (_name, response) => {
  const { client, server, near } = connect();
  const handler = asked();
  client.send(get(), handler, null);
  server.write(response);
  await turns();
  expect(handler.responses.length).toBe(1);
  expect(client.usable).toBe(false);
  expect(near.destroyed).toBe(true);
});

test('bytes that nobody asked for end an idle connection, and so does its end', async () => {
  for (const act of [(peer: Peer) => peer.write(OK), (peer: Peer) => peer.transport.end()]) {
    const { client, server, changes, near } = connect();
    act(server);
    await turns();
    expect(client.usable).toBe(false);
    expect(changes).toEqual([[0, false]]);
    expect(near.destroyed).toBe(true);
  }
});

test.each([
  ['before a byte', '', true],
  ['in the head', 'HTTP/1.1 2', false],
  ['behind an interim response', 'HTTP/1.1 103 Early\r\n\r\n', false],
])('the server leaves %s', async (_name, bytes, clean) => {
  const { client, server } = connect();
  const handler = asked();
  client.send(get(), handler, null);
  if (bytes !== '') server.write(bytes);
  await turns();
  server.transport.end();
  await turns();
  expect(handler.errors).toEqual([[expect.any(String), clean, true]]);
  expect(client.usable).toBe(false);
});

test('a body stream that was asked for bytes is touched', async () => {
  const { client, server } = connect();
  const handler = asked();
  client.send(get('/', new Headers(), 'POST', new ManualBody()), handler, null);
  server.transport.end();
  await turns();
  expect(handler.errors).toEqual([[expect.any(String), true, false]]);
});

test('abort ends everything in the same turn', async () => {
  const { client, server, near } = connect();
  const handler = asked();
  const abort = new Abort();
  const body = new ManualBody();
  client.send(get('/', new Headers(), 'POST', body), handler, abort);
  body.data('x');
  await turns();
  expect(server.text).toContain('transfer-encoding: chunked\r\n\r\n1\r\nx\r\n');
  abort.abort(new Error('enough'));
  expect(near.destroyed).toBe(true);
  expect(body.cancelled?.message).toBe('enough');
  expect(handler.errors).toEqual([['enough', true, false]]);
});

test('an abort that came before is an error at once, and one that comes after is nothing', async () => {
  const { client, server } = connect();
  const before = new Abort();
  before.abort(new Error('early'));
  const handler = asked();
  client.send(get(), handler, before);
  expect(handler.errors).toEqual([['early', true, true]]);
  const after = new Abort();
  client.send(get(), handler, after);
  server.write(OK);
  await turns();
  after.abort(new Error('late'));
  expect(client.capacity).toBe(1);
});

test('cancelling a response body ends the connection in the same turn', async () => {
  const { client, server, near, changes } = connect();
  const handler = asked();
  client.send(get(), handler, null);
  server.write('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello');
  await turns();
  const body = handler.responses[0]?.body as BodyStream;
  body.cancel(new Error('enough'));
  expect(near.destroyed).toBe(true);
  expect(changes).toEqual([[0, false]]);
});

test('a slow reader stops the server', async () => {
  const { client, server, near } = connect();
  const handler = asked();
  client.send(get(), handler, null);
  server.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n');
  await turns();
  const body = handler.responses[0]?.body as BodyStream;
  let read = 0;
  let ended = false;
  body.read({
    onData(chunk) {
      read += chunk.length;
      body.pause();
    },
    onTrailers() {},
    onEnd: () => {
      ended = true;
    },
    onError() {},
  });
  server.write(Buffer.alloc(1_000_000));
  await turns();
  expect(read).toBe(65_536);
  expect(near.waiting).toBe(1_000_000 - 65_536);
  while (!ended) {
    body.resume();
    await turns(1);
  }
  expect(read).toBe(1_000_000);
  expect(client.capacity).toBe(1);
});

test('an early response arrives while the request is sent; the connection ends with it', async () => {
  const { client, server, near } = connect();
  const handler = asked();
  const body = new ManualBody(1000);
  client.send(get('/', new Headers(), 'POST', body), handler, null);
  body.data('x');
  server.write('HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nno');
  await turns();
  const read = readBody(handler.responses[0]?.body ?? null);
  expect(read.text).toBe('no');
  expect(body.cancelled).toBeNull();
  server.write('pe');
  await turns();
  expect(read).toMatchObject({ text: 'nope', end: 'end' });
  expect(body.cancelled).not.toBeNull();
  expect(near.destroyed).toBe(true);
});

test('a request body that breaks breaks the request', async () => {
  const { client, server, near } = connect();
  const handler = asked();
  const body = new ManualBody();
  client.send(get('/', new Headers(), 'POST', body), handler, null);
  body.data('x');
  await turns();
  body.consumer?.onError(new Error('client left'));
  expect(handler.errors).toEqual([['client left', true, false]]);
  expect(near.destroyed).toBe(true);
  await turns();
  expect(server.text.endsWith('0\r\n\r\n')).toBe(false);
});

test('HEAD has no body, whatever its head says', async () => {
  const { client, server } = connect();
  const handler = asked();
  client.send(get('/', new Headers(), 'HEAD'), handler, null);
  server.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
  await turns();
  expect(handler.responses[0]?.body).toBeNull();
  client.send(get('/', new Headers(), 'HEAD'), handler, null);
  server.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n');
  await turns();
  expect(handler.responses[1]?.headers.get('content-length')).toBe('100');
  expect(client.capacity).toBe(1);
});

test('an upgraded connection begins with the bytes behind the response', async () => {
  for (const request of [
    get('/', Headers.of(['connection', 'upgrade'], ['upgrade', 'echo'])),
    new Request('CONNECT', '', 'h:1', '', 'HTTP/1.1', new Headers(), null),
  ]) {
    const { client, server, changes } = connect();
    const handler = asked();
    client.send(request, handler, null);
    server.write(`HTTP/1.1 ${request.method === 'GET' ? 101 : 200} x\r\nUpgrade: echo\r\n\r\nearly`);
    await turns();
    expect(changes).toEqual([[0, false]]);
    const peer = new Peer(handler.upgraded as Transport);
    server.write(' late');
    await turns();
    expect(peer.text).toBe('early late');
    peer.write('back');
    await turns();
    expect(server.text.endsWith('back')).toBe(true);
  }
});

test('a switch that nobody asked for is an error', async () => {
  const { client, server } = connect();
  const handler = asked();
  client.send(get(), handler, null);
  server.write('HTTP/1.1 101 x\r\nUpgrade: echo\r\n\r\n');
  await turns();
  expect(handler.errors.length).toBe(1);
});

test.each([
  ['no HTTP', 'SSH-2.0-x\r\n\r\n'],
  ['a broken version', 'HTTP/2.0 200 OK\r\n\r\n'],
  ['a broken status', 'HTTP/1.1 20 OK\r\n\r\n'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
  ['a lone LF', 'HTTP/1.1 200 OK\nX: y\n\n'],
  ['NUL in the reason', 'HTTP/1.1 200 O\0K\r\n\r\n'],
  ['length and coding', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n'],
  ['a folded field', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n'],
  ['a head without end', `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(300_000)}`],
])('a response that is %s is an error', async (_name, bytes) => {
  const { client, server, near } = connect();
  const handler = asked();
  client.send(get(), handler, null);
  server.write(bytes);
  await turns(30);
  expect(handler.errors).toEqual([[expect.any(String), false, true]]);
  expect(near.destroyed).toBe(true);
});

test('close waits for the exchange', async () => {
  const { client, server, near } = connect();
  const handler = asked();
  client.send(get(), handler, null);
  client.close();
  expect(near.destroyed).toBe(false);
  server.write(OK);
  await turns();
  expect(handler.responses.length).toBe(1);
  expect(near.destroyed).toBe(true);
});
