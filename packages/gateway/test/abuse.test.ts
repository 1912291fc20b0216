import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { H2Client } from './support/h2-client.ts';
import { H2Upstream } from './support/h2-upstream.ts';
import { leavesNothingOpen } from './support/open-resources.ts';
import { RawClient } from './support/raw.ts';

const to = (host: string, frontend = '{}') => `
frontendPolicies: { http: ${frontend} }
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${host}" } ] } ]
`;
const direct = (frontend = '{}') => `
frontendPolicies: { http: ${frontend} }
gateways: { default: { port: PORT } }
routes: [ { policies: { directResponse: { status: 200, body: ok } } } ]
`;

test('heads that come drop by drop, or not at all, are not waited for', async () => {
  await using gw = await gateway(direct('{ http1IdleTimeout: 50ms }'));
  await using silent = await RawClient.connect(gw.port);
  await using slow = await RawClient.connect(gw.port);
  slow.write('GET / HTTP/1.1\r\nhost: h\r\nx-a: ');
  const drip = setInterval(() => slow.state === 'open' && slow.write('a'), 5);
  await using idle = await RawClient.connect(gw.port);
  idle.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  await idle.until('ok');
  expect([await silent.end(), await slow.end(), await idle.end()]).toEqual(['', '', '']);
  clearInterval(drip);
  expect((await ask(gw.port)).status).toBe(200);
});

test('heads that are too large, or have too many lines, are 431', async () => {
  await using gw = await gateway(direct());
  const answer = async (head: string) => {
    await using client = await RawClient.connect(gw.port);
    client.write(`GET / HTTP/1.1\r\nhost: h\r\n${head}\r\n`);
    return (await client.until('\r\n\r\n')).slice(0, 12);
  };
  expect(await answer(`x-large: ${'a'.repeat(70_000)}\r\n`)).toBe('HTTP/1.1 431');
  expect(await answer(`x-large: ${'a'.repeat(60_000)}\r\n`)).toBe('HTTP/1.1 200');
  expect(await answer('x-many: 1\r\n'.repeat(100))).toBe('HTTP/1.1 431');
  expect(await answer('x-many: 1\r\n'.repeat(99))).toBe('HTTP/1.1 200');
  await using few = await gateway(direct('{ http1MaxHeaders: 3 }'));
  expect((await ask(few.port, { headers: ['host', 'h', 'a', '1', 'b', '2', 'c', '3'] })).status).toBe(431);
});

test('a head that never ends is refused before it is whole', async () => {
  await using gw = await gateway(direct());
  await using client = await RawClient.connect(gw.port);
  client.write(`GET / HTTP/1.1\r\nhost: h\r\nx-large: ${'a'.repeat(70_000)}`);
  expect(await client.until('\r\n\r\n')).toContain(' 431 ');
  await using line = await RawClient.connect(gw.port);
  line.write(`GET /${'a'.repeat(70_000)}`);
  expect(await line.until('\r\n\r\n')).toMatch(/ 4(14|31) /);
});

test.each([
  'GET / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  'GET / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na',
  'GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n',
  'GET / HTTP/1.1\r\nhost : h\r\n\r\n',
  'GET / HTTP/1.1\nhost: h\n\n',
  'GET  / HTTP/1.1\r\nhost: h\r\n\r\n',
  'GET / HTTP/3.0\r\nhost: h\r\n\r\n',
])('what could be read in two ways is read in none: %j', async (text) => {
  await using echo = await EchoServer.start();
  await using gw = await gateway(to(echo.host));
  await using client = await RawClient.connect(gw.port);
  client.write(text);
  expect(await client.end()).toMatch(/^(HTTP\/1\.1 (400|505) [\s\S]*)?$/);
  expect(echo.requests).toEqual([]);
});

test('a reader that stops reading stops the upstream, and nobody else', async () => {
  const chunk = Buffer.alloc(65_536, 120);
  let sent = 0;
  await using echo = await EchoServer.start('flood', (request, response) => {
    if (request.url === '/other') {
      response.end(chunk);
      return;
    }
    const more = () => {
      do sent += chunk.length;
      while (sent < 1_000_000_000 && response.write(chunk));
      response.once('drain', more);
    };
    more();
  });
  await using gw = await gateway(to(echo.host));
  const socket = net.connect(gw.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  // Meanwhile others are served, one after the other: time enough for an upstream that is not stopped.
  for (let i = 0; i < 200; i++) expect((await ask(gw.port, { path: '/other' })).text.length).toBe(chunk.length);
  // What the sockets between here and the client hold.
  expect(sent).toBeLessThan(50_000_000);
  expect(sent).toBeGreaterThan(100_000);
  socket.destroy();
  await gw.line(201);
});

test('an upstream that stops reading stops the client', async () => {
  await using echo = await EchoServer.start('deaf', (_request, response) => response.end('ok'));
  const [onRequest] = echo.server.listeners('request') as [(...args: unknown[]) => void];
  echo.server.removeAllListeners('request');
  echo.server.on('request', (incoming, response) => {
    if (incoming.url === '/other') onRequest(incoming, response);
  });
  await using gw = await gateway(to(echo.host));
  await using client = await RawClient.connect(gw.port);
  client.write('POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000000\r\n\r\n');
  const chunk = 'x'.repeat(65_536);
  let sent = 0;
  const more = () => {
    do sent += chunk.length;
    while (sent < 1_000_000_000 && client.socket.write(chunk));
    client.socket.once('drain', more);
  };
  more();
  for (let i = 0; i < 200; i++) await ask(gw.port, { path: '/other' });
  expect(sent).toBeLessThan(50_000_000);
  expect(sent).toBeGreaterThan(100_000);
});

test('a large body comes back as it went', async () => {
  await using echo = await EchoServer.start();
  echo.server.removeAllListeners('request');
  echo.server.on('request', (incoming, response) => incoming.pipe(response));
  await using gw = await gateway(to(echo.host));
  const [up, down] = [createHash('sha256'), createHash('sha256')];
  const request = http.request({ port: gw.port, host: '127.0.0.1', method: 'POST', agent: false });
  const done = new Promise<void>((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response) => {
      response.on('data', (bytes: Buffer) => down.update(bytes));
      response.on('end', resolve);
    });
  });
  for (let i = 0; i < 64; i++) {
    const chunk = Buffer.alloc(1_048_576, `${i} `);
    up.update(chunk);
    if (!request.write(chunk)) await once(request, 'drain');
  }
  request.end();
  await done;
  expect(down.digest('hex')).toBe(up.digest('hex'));
});

test('a thousand requests on one connection, two hundred at once', async () => {
  await using echo = await EchoServer.start('echo', (_request, response, seen) => response.end(seen.url));
  await using gw = await gateway(to(echo.host));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < 1000; i++) {
    if ((await ask(gw.port, { agent, path: `/${i}` })).text !== `/${i}`) expect.unreachable(`request ${i}`);
  }
  expect(echo.connections).toBe(1);
  agent.destroy();
  const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => ask(gw.port, { path: `/${i}` })));
  expect(answers.map(({ text }) => text)).toEqual(Array.from({ length: 200 }, (_, i) => `/${i}`));
  expect(gw.lines).toHaveLength(1200);
});

test('a client that opens and resets streams rapidly is sent away; the others are served', async () => {
  await using upstream = await H2Upstream.start((incoming, response) => {
    if (incoming.url === '/good') response.end();
  });
  await using gw = await gateway(to(upstream.host));
  await using bad = new H2Client(gw.url(''));
  const attack = () => {
    for (let i = 0; i < 50 && !bad.session.closed && !bad.session.destroyed; i++) {
      bad.open({ ':path': '/' }).close(http2.constants.NGHTTP2_CANCEL);
    }
    if (!bad.session.closed && !bad.session.destroyed) setImmediate(attack);
  };
  attack();
  expect(await bad.goaway).toBe(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
  expect(upstream.requests.length).toBeLessThan(400);
  await using good = new H2Client(gw.url(''));
  expect((await good.ask({ ':path': '/good' })).status).toBe(200);
});

test('an upstream that answers nonsense is a 503', async () => {
  const answers = [
    'nonsense\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na',
    `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(300_000)}\r\n\r\n`,
    '',
  ];
  let at = 0;
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(answers[at++] ?? ''));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  await using gw = await gateway(to(`127.0.0.1:${port}`));
  for (const _ of answers) {
    const answer = await ask(gw.port);
    expect([answer.status, answer.text]).toEqual([503, 'upstream call failed: SendRequest']);
  }
  expect(new Set(gw.lines.map((line) => line.reason))).toEqual(new Set(['UpstreamFailure']));
  server.close();
});

test('an upstream that sends more than it announced does not poison the next answer', async () => {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () =>
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 500 Poison\r\ncontent-length: 0\r\n\r\n'),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  await using gw = await gateway(to(`127.0.0.1:${port}`));
  for (let i = 0; i < 3; i++) expect(await ask(gw.port)).toMatchObject({ status: 200, text: 'ok' });
  server.close();
});

test('nothing stays open', async () => {
  // The first gateway of a process loads what stays.
  await using warm = await gateway(direct());
  await ask(warm.port);
  await leavesNothingOpen(async () => {
    await using echo = await EchoServer.start('slow', (request, response) => {
      if (request.url === '/whole') response.end('whole');
      else response.write('first');
    });
    await using upstream = await H2Upstream.start();
    await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- { backends: [ { host: "${echo.host}" } ], policies: { timeout: { requestTimeout: 1h, backendRequestTimeout: 1h } } }
- { matches: [ { path: { exact: /h2 } } ], backends: [ { host: "${upstream.host}" } ] }
`);
    const agent = new http.Agent({ keepAlive: true });
    await ask(gw.port, { agent, path: '/whole' });
    await using h2 = new H2Client(gw.url(''));
    await h2.ask({ ':path': '/h2' });
    await using open = await RawClient.connect(gw.port);
    open.write('GET /open HTTP/1.1\r\nhost: h\r\n\r\n');
    await open.until('first');
    await using half = await RawClient.connect(gw.port);
    half.write('POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\n12345');
    agent.destroy();
  });
});
