import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo, type Socket } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { Certificates } from './support/certificates.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { answerOn, H2Client } from './support/h2-client.ts';
import { H2Upstream } from './support/h2-upstream.ts';
import { RawClient } from './support/raw.ts';

const certificates = new Certificates({ a: ['DNS:a.com'] });
afterAll(() => certificates[Symbol.dispose]());

const to = (host: string, policies = '{}') => `
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${host}" } ], policies: ${policies} } ]
`;

/** An upstream that the test plays byte for byte. */
async function rawUpstream(onSocket: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

test('an upload that the client breaks off never looks whole upstream', async () => {
  const seen = Promise.withResolvers<string>();
  const started = Promise.withResolvers<void>();
  await using echo = await EchoServer.start();
  echo.server.removeAllListeners('request');
  echo.server.on('request', (incoming) => {
    incoming.on('data', () => started.resolve());
    incoming.on('end', () => seen.resolve('whole'));
    incoming.on('error', () => seen.resolve('broken'));
  });
  await using gw = await gateway(to(echo.host));
  await using client = await RawClient.connect(gw.port);
  client.write('POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n');
  await started.promise;
  client.socket.end();
  expect(await seen.promise).toBe('broken');
  await gw.line();
});

test('an upload over HTTP/2 that is reset never looks whole upstream', async () => {
  const seen = Promise.withResolvers<string>();
  const started = Promise.withResolvers<void>();
  await using upstream = await H2Upstream.start((incoming) => {
    incoming.on('data', () => started.resolve());
    incoming.on('aborted', () => seen.resolve('broken'));
    incoming.on('end', () => seen.resolve('whole'));
  });
  await using gw = await gateway(to(upstream.host));
  await using client = new H2Client(gw.url(''));
  const stream = client.open({ ':path': '/', ':method': 'POST' });
  stream.write('hello');
  await started.promise;
  stream.close(http2.constants.NGHTTP2_CANCEL);
  expect(await seen.promise).toBe('broken');
  expect(await gw.line()).not.toHaveProperty('reason');
});

test('an upstream of HTTP/2 that breaks off is a reset for the client, and in the record', async () => {
  await using upstream = await H2Upstream.start((_incoming, response) => {
    response.write('half', () => response.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
  });
  await using gw = await gateway(to(upstream.host));
  await using client = new H2Client(gw.url(''));
  const answer = await client.ask({ ':path': '/' });
  expect(answer).toMatchObject({ status: 200, code: http2.constants.NGHTTP2_INTERNAL_ERROR });
  expect(await gw.line()).toMatchObject({ reason: 'UpstreamFailure', 'http.status': 200 });
});

test('a connection of HTTP/2 that dies takes only what was on it', async () => {
  let asked = 0;
  await using upstream = await H2Upstream.start((incoming, response) => {
    if (++asked === 1) incoming.stream.session?.destroy();
    else response.end('again');
  });
  await using gw = await gateway(to(upstream.host));
  await using client = new H2Client(gw.url(''));
  expect((await client.ask({ ':path': '/' })).status).toBe(503);
  expect(await client.ask({ ':path': '/' })).toMatchObject({ status: 200, text: 'again' });
});

test('an upstream that says GOAWAY is left, and nothing is lost', async () => {
  await using upstream = await H2Upstream.start((incoming, response) => {
    if (incoming.url === '/go') incoming.stream.session?.goaway();
    response.end(incoming.url);
  });
  await using gw = await gateway(to(upstream.host));
  await using client = new H2Client(gw.url(''));
  for (const path of ['/a', '/go', '/b', '/go', '/c']) {
    expect(await client.ask({ ':path': path })).toMatchObject({ status: 200, text: path });
  }
});

test('what has no length ends with the connection; a client of HTTP/1.1 gets chunks', async () => {
  await using upstream = await rawUpstream((socket) => {
    socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\nuntil the end'));
  });
  await using gw = await gateway(to(upstream.host));
  const answer = await ask(gw.port);
  expect(answer).toMatchObject({ text: 'until the end', whole: true });
  expect(answer.headers['transfer-encoding']).toBe('chunked');
});

test('an old upstream that is reset in the middle is not a whole answer', async () => {
  await using upstream = await rawUpstream((socket) => {
    socket.once('data', () => socket.write('HTTP/1.0 200 OK\r\n\r\nhalf', () => socket.resetAndDestroy()));
  });
  await using gw = await gateway(to(upstream.host));
  const answer = await ask(gw.port).catch(() => null);
  // Whether the head was still read before the reset is the system's business; a whole answer it is in no case.
  expect(answer === null || !answer.whole || answer.status === 503).toBe(true);
  expect(await gw.line()).toMatchObject({ reason: 'UpstreamFailure' });
});

test('answers without a body keep their headers and their connection', async () => {
  await using echo = await EchoServer.start('bodiless', (request, response) => {
    if (request.url === '/204') response.writeHead(204).end();
    else if (request.url === '/304') response.writeHead(304, { etag: '"a"', 'content-length': '10' }).end();
    else response.setHeader('content-length', '10').end(request.method === 'HEAD' ? '' : '0123456789');
  });
  await using gw = await gateway(to(echo.host));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const head = await ask(gw.port, { agent, method: 'HEAD', path: '/' });
  expect([head.status, head.headers['content-length'], head.text]).toEqual([200, '10', '']);
  expect((await ask(gw.port, { agent, path: '/204' })).status).toBe(204);
  const fresh = await ask(gw.port, { agent, path: '/304' });
  expect([fresh.status, fresh.headers.etag]).toEqual([304, '"a"']);
  expect((await ask(gw.port, { agent, path: '/' })).text).toBe('0123456789');
  agent.destroy();
  expect(echo.connections).toBe(1);
  expect(new Set(gw.lines.map((line) => line['src.addr'])).size).toBe(1);
});

test('an answer that comes before the request is whole reaches the client', async () => {
  await using echo = await EchoServer.start();
  echo.server.removeAllListeners('request');
  echo.server.on('request', (_incoming, response) => {
    response.writeHead(413, { connection: 'close' }).end('too much');
  });
  await using gw = await gateway(to(echo.host));
  await using client = await RawClient.connect(gw.port);
  client.write('POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1000\r\n\r\nhello');
  expect(await client.until('too much')).toContain('HTTP/1.1 413');
});

test('uploads of HTTP/2 go to HTTP/1.1 with the length they announced, or in chunks', async () => {
  await using echo = await EchoServer.start();
  await using gw = await gateway(
    `
gateways: { default: { port: PORT, tls: { cert: a.pem, key: a.key } } }
routes: [ { backends: [ { host: "${echo.host}" } ] } ]
`,
    { directory: certificates.directory },
  );
  await using client = new H2Client(`https://127.0.0.1:${gw.port}`, {
    ca: certificates.read('ca.pem'),
    servername: 'a.com',
  });
  const post = { ':authority': 'a.com', ':path': '/', ':method': 'POST' };
  await client.ask({ ...post, 'content-length': 5 }, 'hello');
  await client.ask(post, 'world');
  const piecewise = client.open(post);
  const answer = answerOn(piecewise);
  for (let i = 0; i < 100; i++) piecewise.write(`${i},`);
  piecewise.end();
  expect((await answer).status).toBe(200);
  expect(echo.requests.map(({ headers }) => [headers['content-length'], headers['transfer-encoding']])).toEqual([
    ['5', undefined],
    [undefined, 'chunked'],
    [undefined, 'chunked'],
  ]);
  expect(echo.requests.map(({ body }) => body.length)).toEqual([5, 5, 290]);
});

test('cookies of HTTP/2 are one line for HTTP/1.1', async () => {
  await using echo = await EchoServer.start();
  await using gw = await gateway(
    `
gateways: { default: { port: PORT, tls: { cert: a.pem, key: a.key } } }
routes: [ { backends: [ { host: "${echo.host}" } ] } ]
`,
    { directory: certificates.directory },
  );
  await using client = new H2Client(`https://127.0.0.1:${gw.port}`, {
    ca: certificates.read('ca.pem'),
    servername: 'a.com',
  });
  await client.ask({ ':authority': 'a.com', ':path': '/', cookie: ['a=1', 'b=2'] });
  expect(echo.requests[0]?.headers.cookie).toBe('a=1; b=2');
});

test('interim answers do not become the answer', async () => {
  await using upstream = await rawUpstream((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n');
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    });
  });
  await using gw = await gateway(to(upstream.host));
  expect(await ask(gw.port)).toMatchObject({ status: 200, text: 'ok' });
});

test('a retry of an upload that is still coming sends it whole', async () => {
  let asked = 0;
  await using echo = await EchoServer.start('flaky', (request, response, seen) => {
    if (++asked === 1) request.socket.destroy();
    else response.end(seen.body);
  });
  await using gw = await gateway(to(echo.host, '{ retry: { attempts: 2, codes: [] } }'));
  await using client = await RawClient.connect(gw.port);
  client.write('POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n');
  for (let i = 0; i < 10; i++) client.write(`5\r\npart${i}\r\n`);
  client.write('0\r\n\r\n');
  expect(await client.until('part9')).toContain('part0part1part2');
  expect(asked).toBe(2);
});

test('a client that leaves resets its stream upstream; the connection stays for others', async () => {
  const gone = Promise.withResolvers<number>();
  await using upstream = await H2Upstream.start((incoming, response) => {
    if (incoming.url !== '/endless') {
      response.end('other');
      return;
    }
    incoming.stream.on('close', () => gone.resolve(incoming.stream.rstCode ?? 0));
    response.write('first');
  });
  await using gw = await gateway(to(upstream.host));
  await using client = new H2Client(gw.url(''));
  const stream = client.open({ ':path': '/endless' });
  await once(stream, 'data');
  stream.close(http2.constants.NGHTTP2_CANCEL);
  expect(await gone.promise).toBe(http2.constants.NGHTTP2_CANCEL);
  expect(await client.ask({ ':path': '/other' })).toMatchObject({ status: 200, text: 'other' });
  expect(upstream.connections).toBe(1);
});
