import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { verifies } from './verifies.ts';

const limit = (maxTokens: number) =>
  `localRateLimit: [ { maxTokens: ${maxTokens}, tokensPerFill: 1, fillInterval: 1h } ]`;

function config(echo: EchoServer, a: string, b = '') {
  return `
gateways: { default: { port: PORT } }
routes:
- { name: a, matches: [ { path: { pathPrefix: /a } } ], backends: [ { host: "${echo.host}" } ], policies: { ${a} } }
- { name: b, matches: [ { path: { pathPrefix: /b } } ], backends: [ { host: "${echo.host}" } ], policies: { ${b} } }
`;
}

const grpc = { host: 'h', 'content-type': 'application/grpc' };

test('a bucket of two lets two requests through and refuses the third', async () => {
  verifies('POL-51');
  await using echo = await EchoServer.start();
  await using gw = await gateway(config(echo, limit(2), limit(2)));
  const answers = [];
  for (let i = 0; i < 3; i++) answers.push(await ask(gw.port, { path: '/a' }));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
  expect(answers.map(({ headers }) => headers['x-ratelimit-remaining'])).toEqual(['1', '0', '0']);
  expect(answers.map(({ headers }) => headers['x-ratelimit-limit'])).toEqual(['2', '2', '2']);
  expect(answers[2]).toMatchObject({ text: 'rate limit exceeded', headers: { 'content-type': 'text/plain' } });
  expect(await gw.line(3)).toMatchObject({ reason: 'RateLimit', 'http.status': 429 });
  expect(echo.requests).toHaveLength(2);

  const asGrpc = await ask(gw.port, { path: '/a', headers: grpc });
  expect([asGrpc.status, asGrpc.headers['grpc-status'], asGrpc.headers['x-ratelimit-remaining']]).toEqual([
    200,
    '14',
    '0',
  ]);

  // The same words on another route are another bucket.
  expect((await ask(gw.port, { path: '/b' })).headers['x-ratelimit-remaining']).toBe('1');
});

test('a reload keeps what is spent as long as the limits stay as they are', async () => {
  await using echo = await EchoServer.start();
  await using gw = await gateway(config(echo, limit(2)));
  const remaining = async () => (await ask(gw.port, { path: '/a' })).headers['x-ratelimit-remaining'];
  expect(await remaining()).toBe('1');
  await gw.reload(config(echo, `${limit(2)}, timeout: { requestTimeout: 10s }`, limit(7)));
  expect(await remaining()).toBe('0');
  expect((await ask(gw.port, { path: '/a' })).status).toBe(429);
  await gw.reload(config(echo, limit(3)));
  expect(await remaining()).toBe('2');
});

test('a retry takes no second token', async () => {
  await using echo = await EchoServer.start('echo', (_request, response) => response.writeHead(503).end());
  await using gw = await gateway(config(echo, `${limit(5)}, retry: { attempts: 2, codes: [503] }`));
  const answer = await ask(gw.port, { path: '/a' });
  expect([answer.status, answer.headers['x-ratelimit-remaining'], echo.requests.length]).toEqual([503, '4', 3]);
});
