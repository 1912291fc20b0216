import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { count } from './support/counts.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { freePort } from './support/ports.ts';
import { verifies } from './verifies.ts';

const config = (echo: EchoServer, mirror: string, rest = '') => `
gateways: { default: { port: PORT } }
routes:
- backends: [ { host: "${echo.host}", policies: { backendAuth: { key: upstream-key } } } ]
  policies: { requestMirror: ${mirror}, requestHeaderModifier: { set: { x-route: phase } }${rest} }
`;

/** A server that tells when it was asked so many times. */
async function watched() {
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  let seen = 0;
  const server = await EchoServer.start('mirror', (_request, response) => {
    seen += 1;
    response.writeHead(500).end('nobody reads this');
    for (const { count: wanted, resolve } of waiting) if (seen >= wanted) resolve();
  });
  const asked = (wanted: number) =>
    seen >= wanted ? Promise.resolve() : new Promise<void>((resolve) => waiting.push({ count: wanted, resolve }));
  return { server, asked };
}

test('a mirror gets the head of the request, not its body, and its answer is nobody’s', async () => {
  verifies('PROXY-47');
  await using echo = await EchoServer.start();
  const { server, asked } = await watched();
  await using mirror = server;
  await using gw = await gateway(config(echo, `{ backend: { host: "${mirror.host}" }, percentage: 1.0 }`));
  const headers = { host: 'a.test', 'x-client': '1', 'content-length': '5' };
  const answer = await ask(gw.port, { method: 'POST', path: '/p?q=1', headers, body: 'hello' });
  await asked(1);
  expect([answer.status, JSON.parse(answer.text).body]).toEqual([200, 'hello']);
  expect(mirror.requests[0]).toMatchObject({
    method: 'POST',
    url: '/p?q=1',
    body: '',
    headers: { host: 'a.test', 'x-client': '1', 'x-route': 'phase' },
  });
  // What belongs to the primary upstream stays with it.
  expect(mirror.requests[0]?.headers).not.toHaveProperty('authorization');
  expect(echo.requests[0]?.headers.authorization).toBe('Bearer upstream-key');
  expect(await gw.line()).toMatchObject({ 'http.status': 200, endpoint: echo.host });
  expect(gw.lines).toHaveLength(1);
});

test('a mirror that is not there changes nothing', async () => {
  verifies('PROXY-47');
  await using echo = await EchoServer.start();
  const nowhere = await freePort();
  await using gw = await gateway(config(echo, `{ backend: { host: "127.0.0.1:${nowhere}" }, percentage: 1 }`));
  for (let i = 0; i < 3; i++) expect((await ask(gw.port)).status).toBe(200);
  expect(echo.requests).toHaveLength(3);
});

test('retries are not copied; a named backend brings its own policies', async () => {
  await using echo = await EchoServer.start('echo', (_request, response) => response.writeHead(503).end());
  const { server, asked } = await watched();
  await using mirror = server;
  const named = `\nbackends: [ { name: copies, host: "${mirror.host}", policies: { backendAuth: { key: mirror-key } } } ]`;
  const retry = ', retry: { attempts: 2, codes: [503] }';
  await using gw = await gateway(config(echo, '{ backend: { backend: copies }, percentage: 1 }', retry) + named);
  expect((await ask(gw.port)).status).toBe(503);
  expect((await ask(gw.port)).status).toBe(503);
  await asked(2);
  expect(echo.requests).toHaveLength(6);
  expect(mirror.requests.map(({ headers }) => headers.authorization)).toEqual([
    'Bearer mirror-key',
    'Bearer mirror-key',
  ]);
  expect(count(gw.metrics(), 'agentgateway_upstream_call_duration_seconds_count', { kind: 'Primary' })).toBe(6);
});

test('none of the requests is copied at 0', async () => {
  await using echo = await EchoServer.start();
  await using mirror = await EchoServer.start('mirror');
  await using gw = await gateway(config(echo, `{ backend: { host: "${mirror.host}" }, percentage: 0 }`));
  for (let i = 0; i < 5; i++) await ask(gw.port);
  expect(mirror.connections).toBe(0);
});

test('policies of the mirror see what policies of the request found', async () => {
  await using echo = await EchoServer.start();
  const { server, asked } = await watched();
  await using mirror = server;
  const kept = `, transformations: { request: { metadata: { from: string(request.body) } } }`;
  const policies = `{ transformations: { request: { set: { x-from: metadata.from, x-body: string(request.body) } } } }`;
  const named = `
backends: [ { name: copy, host: "${mirror.host}", policies: ${policies} } ]`;
  await using gw = await gateway(`${config(echo, '{ backend: { backend: copy }, percentage: 1.0 }', kept)}${named}`);
  await ask(gw.port, { method: 'POST', body: 'hello' });
  await asked(1);
  expect(mirror.requests[0]).toMatchObject({ headers: { 'x-from': 'hello', 'x-body': 'hello' }, body: '' });
});
