import { expect, test } from 'vitest';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { verifies } from './verifies.ts';

test('a request goes to the backend of its route and comes back', async () => {
  verifies('CFG-3', 'TEL-1');
  await using echo = await EchoServer.start();
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- name: api
  matches: [ { path: { pathPrefix: /api } } ]
  backends: [ { host: "${echo.host}" } ]
`);
  const answer = await fetch(gw.url('/api/x?y=1'), { method: 'POST', body: 'hello' });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ method: 'POST', url: '/api/x?y=1', body: 'hello' });
  expect(await gw.line()).toMatchObject({
    level: 'info',
    scope: 'request',
    'http.method': 'POST',
    'http.path': '/api/x?y=1',
    'http.version': 'HTTP/1.1',
    'http.status': 200,
    protocol: 'http',
    route: 'default/api',
    endpoint: echo.host,
  });
});

test('nothing matches: 404 as text, and for gRPC as a status', async () => {
  verifies('PROXY-12');
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes: [ { matches: [ { path: { exact: /only } } ], policies: { directResponse: { status: 200, body: hi } } } ]
`);
  const answer = await fetch(gw.url('/other'));
  expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
    404,
    'text/plain',
    'route not found',
  ]);
  expect(await gw.line()).toMatchObject({ reason: 'NotFound', error: 'route not found' });

  const grpc = await fetch(gw.url('/pkg.Service/Method'), {
    method: 'POST',
    headers: { 'content-type': 'application/grpc' },
  });
  expect([grpc.status, grpc.headers.get('grpc-status'), grpc.headers.get('grpc-message')]).toEqual([
    200,
    '12',
    'route%20not%20found',
  ]);
});
