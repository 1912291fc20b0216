import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { verifies } from './verifies.ts';

test('redirects, of a route and of one backend alone', async () => {
  verifies('PROXY-41', 'PROXY-42');
  await using echo = await EchoServer.start();
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- matches: [ { path: { pathPrefix: /api } } ]
  policies: { requestRedirect: { path: { prefix: /v1 }, authority: { host: b.test }, scheme: https } }
- matches: [ { path: { exact: /exact } } ]
  policies: { requestRedirect: { path: { prefix: /v1 } } }
- matches: [ { path: { pathPrefix: /backend } } ]
  policies: { urlRewrite: { path: { full: /inside } }, responseHeaderModifier: { set: { x-from: route } } }
  backends: [ { host: "${echo.host}", policies: { requestRedirect: { authority: { port: 9 }, status: 308 } } } ]
`);
  const headers = { host: 'a.test' };
  const moved = await ask(gw.port, { path: '/api/users?page=1', headers });
  expect([moved.status, moved.headers.location, moved.text]).toEqual([302, 'https://b.test/v1/users?page=1', '']);
  expect((await gw.line()).reason).toBe('DirectResponse');
  const exact = await ask(gw.port, { path: '/exact', headers });
  expect([exact.status, exact.text]).toEqual([
    500,
    'failed to apply filters: invalid filter configuration: prefix redirect requires prefix match',
  ]);
  const backend = await ask(gw.port, { path: '/backend?a', headers });
  expect([backend.status, backend.headers.location]).toEqual([308, 'http://a.test:9/backend?a']);
  expect(backend.headers['x-from']).toBe('route');
  expect(echo.requests).toEqual([]);
});

test('a page of another site cannot make a browser change anything', async () => {
  verifies('POL-23', 'POL-24');
  await using echo = await EchoServer.start();
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${echo.host}" } ], policies: { csrf: { additionalOrigins: ["https://friend.test"] } } } ]
`);
  const post = (headers: Record<string, string>) =>
    ask(gw.port, { method: 'POST', headers: { host: 'own.test', ...headers } });
  const refused = await post({ 'sec-fetch-site': 'cross-site', origin: 'https://evil.test' });
  expect([refused.status, refused.text]).toEqual([403, 'CSRF validation failed']);
  expect((await post({})).status).toBe(200);
  expect((await post({ origin: 'http://own.test' })).status).toBe(200);
  expect((await post({ 'sec-fetch-site': 'cross-site', origin: 'https://friend.test' })).status).toBe(200);
  const grpc = await post({ 'sec-fetch-site': 'cross-site', 'content-type': 'application/grpc+proto' });
  expect([grpc.status, grpc.headers['grpc-status']]).toEqual([200, '7']);
  expect(echo.requests).toHaveLength(3);
});
