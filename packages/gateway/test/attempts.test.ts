import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { count } from './support/counts.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { leavesNothingOpen } from './support/open-resources.ts';
import { freePort } from './support/ports.ts';
import { RawClient } from './support/raw.ts';
import { verifies } from './verifies.ts';

const one = (host: string, policies: string) => `
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${host}" } ], policies: ${policies} } ]
`;

/** Answers with these statuses in turn, the last one for ever. */
const statuses = (...list: number[]) => {
  let at = 0;
  return EchoServer.start('flaky', (_request, response, seen) => {
    response.writeHead(list[Math.min(at++, list.length - 1)] as number).end(seen.body);
  });
};

test('a status that is worth it is tried again, as often as allowed', async () => {
  verifies('PROXY-48');
  await using echo = await statuses(503);
  await using gw = await gateway(one(echo.host, '{ retry: { attempts: 2, codes: [503] } }'));
  const answer = await ask(gw.port, { method: 'POST', body: 'again' });
  expect([answer.status, answer.text]).toEqual([503, 'again']);
  expect(echo.requests.map(({ headers }) => headers['x-retry-attempt'])).toEqual([undefined, '1', '2']);
  expect(echo.requests.map(({ body }) => body)).toEqual(['again', 'again', 'again']);
  expect(await gw.line()).toMatchObject({ 'retry.attempt': 2, 'http.status': 503 });
  expect(count(gw.metrics(), 'agentgateway_retries_total')).toBe(2);
  expect(count(gw.metrics(), 'agentgateway_requests_total')).toBe(1);
});

test('two failures and a success are one line', async () => {
  verifies('TEL-13');
  await using echo = await statuses(500, 502, 200);
  await using gw = await gateway(one(echo.host, '{ retry: { attempts: 2, codes: [500, 502] } }'));
  expect((await ask(gw.port)).status).toBe(200);
  expect(gw.lines).toHaveLength(1);
  expect(gw.lines[0]).toMatchObject({ 'retry.attempt': 2, 'http.status': 200 });
  expect(gw.lines[0]).not.toHaveProperty('reason');
});

test('nobody there is tried again too', async () => {
  verifies('PROXY-49', 'TEL-12');
  await using gw = await gateway(one(`127.0.0.1:${await freePort()}`, '{ retry: { attempts: 1, codes: [] } }'));
  const answer = await ask(gw.port);
  // What was refused, and where, is for the log (02 §6, row 23).
  expect([answer.status, answer.text]).toEqual([503, 'upstream call failed: Connect']);
  const line = await gw.line();
  expect(line).toMatchObject({ reason: 'UpstreamFailure', 'retry.attempt': 1 });
  expect(line.error).toMatch(/^upstream call failed: Connect: .*ECONNREFUSED/);
  const grpc = await ask(gw.port, { method: 'POST', headers: { 'content-type': 'application/grpc+proto' } });
  expect([grpc.status, grpc.headers['grpc-status'], grpc.text]).toEqual([200, '14', '']);
});

test('a body is sent again up to 64 KiB', async () => {
  verifies('PROXY-50');
  await using echo = await statuses(503, 200, 503);
  await using gw = await gateway(one(echo.host, '{ retry: { attempts: 1, codes: [503] } }'));
  const body = Buffer.alloc(65_536, 'abcdefg').toString();
  const kept = await ask(gw.port, { method: 'POST', body });
  expect([kept.status, kept.text === body]).toEqual([200, true]);
  expect((await ask(gw.port, { method: 'POST', body: `${body}+` })).status).toBe(503);
  expect(echo.requests).toHaveLength(3);
  const chunked = { method: 'POST', headers: { 'transfer-encoding': 'chunked' } };
  expect((await ask(gw.port, { ...chunked, body: `${body}+` })).status).toBe(503);
  expect(echo.requests).toHaveLength(4);
  expect((await ask(gw.port, { ...chunked, body })).status).toBe(503);
  expect(echo.requests.map((seen) => seen.body.length)).toEqual([65_536, 65_536, 65_537, 65_537, 65_536, 65_536]);
});

test('an upstream that does not answer in time is a 504', async () => {
  verifies('PROXY-52');
  await using echo = await EchoServer.start('silent', () => {});
  await using gw = await gateway(
    one(echo.host, '{ timeout: { backendRequestTimeout: 20ms }, retry: { attempts: 1, codes: [] } }'),
  );
  const answer = await ask(gw.port);
  expect([answer.status, answer.text]).toEqual([504, 'upstream call timeout']);
  expect(echo.requests.map(({ headers }) => headers['x-retry-attempt'])).toEqual([undefined, '1']);
  expect(await gw.line()).toMatchObject({ reason: 'Timeout' });

  await using whole = await gateway(
    one(
      echo.host,
      '{ timeout: { requestTimeout: 50ms, backendRequestTimeout: 20ms }, retry: { attempts: 200, codes: [] } }',
    ),
  );
  const late = await ask(whole.port);
  expect([late.status, late.text]).toEqual([504, 'request timeout']);
  const grpc = await ask(whole.port, { method: 'POST', headers: { 'content-type': 'application/grpc' } });
  expect([grpc.headers['grpc-status'], grpc.headers['grpc-message']]).toEqual(['14', 'request%20timeout']);
});

test('a deadline that passes between two tries ends them', async () => {
  await using echo = await statuses(503);
  await using gw = await gateway(
    one(echo.host, '{ timeout: { requestTimeout: 30ms }, retry: { attempts: 1, codes: [503], backoff: 1h } }'),
  );
  expect((await ask(gw.port)).text).toBe('request timeout');
  expect(echo.requests).toHaveLength(1);
});

test('a body that comes slowly is not cut by the deadline of its head', async () => {
  const head = Promise.withResolvers<() => void>();
  await using echo = await EchoServer.start('slow', (_request, response) => {
    response.write('first');
    head.resolve(() => response.end(' last'));
  });
  await using other = await EchoServer.start('silent', () => {});
  const timeout = '{ timeout: { requestTimeout: 40ms, backendRequestTimeout: 40ms } }';
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- { matches: [ { path: { exact: /slow } } ], backends: [ { host: "${echo.host}" } ], policies: ${timeout} }
- { matches: [ { path: { exact: /silent } } ], backends: [ { host: "${other.host}" } ], policies: ${timeout} }
`);
  const slow = ask(gw.port, { path: '/slow' });
  const finish = await head.promise;
  // A request with the same deadline that began later has missed it by now, so the first has too.
  expect((await ask(gw.port, { path: '/silent' })).status).toBe(504);
  finish();
  expect(await slow).toMatchObject({ status: 200, text: 'first last', whole: true });
});

test('an upstream that cannot be connected to in time is a 504', async () => {
  const sockets = new Set<net.Socket>();
  const mute = net.createServer((socket) => sockets.add(socket.on('error', () => {}))).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const { port } = mute.address() as AddressInfo;
  await using gw = await gateway(`
config: { backend: { connectTimeout: 30ms } }
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "127.0.0.1:${port}" } ], policies: { backendTLS: {} } } ]
`);
  // It accepts, but never shakes hands.
  const answer = await ask(gw.port);
  expect([answer.status, answer.text]).toEqual([504, 'upstream call timeout']);
  expect(await gw.line()).toMatchObject({ reason: 'Timeout' });
  for (const socket of sockets) socket.destroy();
  mute.close();
});

test('an upstream that answers before it has read all is heard, and is not asked again', async () => {
  await using echo = await EchoServer.start();
  echo.server.removeAllListeners('request');
  let asked = 0;
  echo.server.on('request', (_request, response) => {
    asked++;
    response.writeHead(503, { connection: 'close' }).end('early');
  });
  await using gw = await gateway(one(echo.host, '{ retry: { attempts: 1, codes: [503] } }'));
  await using client = await RawClient.connect(gw.port);
  client.write('POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\n12345');
  expect(await client.until('early')).toContain('HTTP/1.1 503');
  expect(asked).toBe(1);
});

test('a try that took too long is ended upstream as well', async () => {
  const ended = Promise.withResolvers<void>();
  await using echo = await EchoServer.start('silent', (request) => request.socket.on('close', () => ended.resolve()));
  await using gw = await gateway(one(echo.host, '{ timeout: { backendRequestTimeout: 20ms } }'));
  expect((await ask(gw.port)).status).toBe(504);
  await ended.promise;
});

test('a client that leaves between two tries ends them', async () => {
  const refused = Promise.withResolvers<void>();
  await using echo = await EchoServer.start('refusing', (_request, response) => {
    response.on('close', refused.resolve);
    response.writeHead(503).end();
  });
  await leavesNothingOpen(async () => {
    await using gw = await gateway(one(echo.host, '{ retry: { attempts: 5, codes: [503], backoff: 1h } }'));
    await using client = await RawClient.connect(gw.port);
    client.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
    await refused.promise;
    client.socket.destroy();
    expect(await gw.line()).not.toHaveProperty('http.status');
  });
  expect(echo.requests).toHaveLength(1);
});
