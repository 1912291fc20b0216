import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { AddressSet, DnsError } from '@agentgateway/http';
import { afterAll, expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { Certificates } from './support/certificates.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { H2Client } from './support/h2-client.ts';
import { H2Upstream } from './support/h2-upstream.ts';
import { verifies } from './verifies.ts';

const certificates = new Certificates({ up: ['IP:127.0.0.1'] });
afterAll(() => certificates[Symbol.dispose]());

const to = (host: string, policies = '{}') => `
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${host}" } ], policies: ${policies} } ]
`;

test('names resolve to several addresses, used in turn; one that is unknown is a 503', async () => {
  verifies('PROXY-62');
  const reached: (string | undefined)[] = [];
  const server = http.createServer((request, response) => {
    reached.push(request.socket.localAddress);
    response.setHeader('connection', 'close').end();
  });
  server.listen(0, '0.0.0.0');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const known = new AddressSet(['127.0.0.1', '127.0.0.2']);
  const resolver = {
    lookup(host: string) {
      if (host === 'two.test') return known;
      throw new DnsError(host, 'ENOTFOUND');
    },
    close() {},
  };
  await using gw = await gateway(
    `
gateways: { default: { port: PORT } }
routes:
- { matches: [ { path: { exact: /two } } ], backends: [ { host: "two.test:${port}" } ] }
- { matches: [ { path: { exact: /none } } ], backends: [ { host: "none.test:${port}" } ] }
`,
    { resolver },
  );
  for (let i = 0; i < 4; i++) expect((await ask(gw.port, { path: '/two' })).status).toBe(200);
  expect(reached).toEqual(['127.0.0.1', '127.0.0.2', '127.0.0.1', '127.0.0.2']);
  const unknown = await ask(gw.port, { path: '/none' });
  expect([unknown.status, unknown.text]).toEqual([503, 'backends required DNS resolution which failed']);
  expect(await gw.line(5)).toMatchObject({ reason: 'NoHealthyBackend', endpoint: `none.test:${port}` });
  server.close();
  server.closeAllConnections();
});

test('an address where nobody listens is passed over', async () => {
  await using echo = await EchoServer.start();
  const resolver = { lookup: () => new AddressSet(['127.0.0.9', '127.0.0.1']), close() {} };
  await using gw = await gateway(to(`some.test:${echo.port}`), { resolver });
  for (let i = 0; i < 3; i++) expect((await ask(gw.port)).status).toBe(200);
});

test.each([
  [100, 1],
  [101, 2],
])('%i streams to an upstream of HTTP/2 share %i connections', async (streams, connections) => {
  verifies('PROXY-65');
  const waiting: (() => void)[] = [];
  const all = Promise.withResolvers<void>();
  await using upstream = await H2Upstream.start((_request, response) => {
    waiting.push(() => response.end());
    if (waiting.length === streams) all.resolve();
  });
  await using gw = await gateway(to(upstream.host));
  await using client = new H2Client(gw.url(''));
  const answers = Array.from({ length: streams }, () => client.ask({ ':path': '/' }));
  await all.promise;
  expect(upstream.connections).toBe(connections);
  for (const finish of waiting) finish();
  expect(new Set((await Promise.all(answers)).map(({ status }) => status))).toEqual(new Set([200]));
});

test('one connection finds out that an upstream speaks HTTP/1.1, then each request has its own', async () => {
  verifies('PROXY-65');
  const waiting: (() => void)[] = [];
  const all = Promise.withResolvers<void>();
  let connections = 0;
  const tls = { cert: certificates.read('up.pem'), key: certificates.read('up.key'), ALPNProtocols: ['http/1.1'] };
  const upstream = https.createServer(tls, (_request, response) => {
    waiting.push(() => response.end('done'));
    if (waiting.length === 10) all.resolve();
  });
  upstream.on('secureConnection', () => connections++);
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const { port } = upstream.address() as AddressInfo;
  await using gw = await gateway(to(`127.0.0.1:${port}`, '{ backendTLS: { root: ca.pem } }'), {
    directory: certificates.directory,
  });
  const answers = Array.from({ length: 10 }, () => ask(gw.port));
  await all.promise;
  expect(connections).toBe(10);
  for (const finish of waiting) finish();
  expect((await Promise.all(answers)).every(({ text }) => text === 'done')).toBe(true);
  upstream.close();
  upstream.closeAllConnections();
});

test('a kept connection that the upstream has closed is replaced, and the request sent again', async () => {
  let asked = 0;
  await using echo = await EchoServer.start('echo', (request, response) => {
    // As if the connection's time had been over the very moment in which the second request came.
    if (++asked === 2) request.socket.resetAndDestroy();
    else response.end();
  });
  await using gw = await gateway(to(echo.host));
  for (let i = 0; i < 2; i++) expect((await ask(gw.port)).status).toBe(200);
  expect([asked, echo.connections]).toEqual([3, 2]);
  const [second] = echo.sockets;
  second?.end();
  await once(second as NodeJS.EventEmitter, 'close');
  expect((await ask(gw.port, { method: 'POST', body: 'x' })).status).toBe(200);
  expect(echo.connections).toBe(3);
});

test('the same upstream of two routes is one pool, before and after a reload', async () => {
  await using echo = await EchoServer.start();
  const config = (more: string) => `
gateways: { default: { port: PORT } }
routes:
- { matches: [ { path: { exact: /a } } ], backends: [ { host: "${echo.host}" } ] }
- { matches: [ { path: { exact: /b } } ], backends: [ { host: "${echo.host}" } ] }
${more}`;
  await using gw = await gateway(config(''));
  for (const path of ['/a', '/b']) await ask(gw.port, { path });
  await gw.reload(config(`- { matches: [ { path: { exact: /c } } ], backends: [ { host: "${echo.host}" } ] }`));
  for (const path of ['/a', '/c']) await ask(gw.port, { path });
  expect([echo.requests.length, echo.connections]).toEqual([4, 1]);
});

test('no more connections are kept than allowed', async () => {
  let waiting: (() => void)[] = [];
  await using echo = await EchoServer.start('slow', (_request, response) => {
    waiting.push(() => response.end());
    if (waiting.length < 4) return;
    for (const finish of waiting) finish();
    waiting = [];
  });
  await using gw = await gateway(`config: { backend: { poolMaxSize: 1 } }\n${to(echo.host)}`);
  await Promise.all(Array.from({ length: 4 }, () => ask(gw.port)));
  expect(echo.connections).toBe(4);
  await Promise.all(Array.from({ length: 4 }, () => ask(gw.port)));
  expect(echo.connections).toBe(7);
});

test('a backend on a unix socket', async () => {
  const server = http.createServer((request, response) => response.end(request.headers.host));
  const path = certificates.path('backend.sock');
  server.listen(path);
  await once(server, 'listening');
  await using gw = await gateway(to(`unix:${path}`));
  expect((await ask(gw.port, { headers: { host: 'as.said' } })).text).toBe('as.said');
  expect(await gw.line()).toMatchObject({ endpoint: `unix:${path}` });
  server.close();
  server.closeAllConnections();
});

test('what may have been acted on is not sent again behind the client’s back', async () => {
  let asked = 0;
  await using echo = await EchoServer.start('dying', (request, response) => {
    if (++asked === 2) request.socket.resetAndDestroy();
    else response.end();
  });
  await using gw = await gateway(to(echo.host));
  const post = { method: 'POST', body: 'pay' };
  expect((await ask(gw.port, post)).status).toBe(200);
  const lost = await ask(gw.port, post);
  expect([lost.status, lost.text]).toEqual([503, 'upstream call failed: SendRequest']);
  expect(asked).toBe(2);
  expect((await ask(gw.port, post)).status).toBe(200);
});
