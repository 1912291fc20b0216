import { expect, test } from 'vitest';
import { loaded, refusedPolicy } from '../src/config/testing.ts';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { H2Upstream } from './support/h2-upstream.ts';

const to = (host: string, policies: string, route = '') => `
gateways: { default: { port: PORT } }
routes: [ { ${route === '' ? '' : `policies: { ${route} }, `}backends: [ { host: "${host}", policies: { ${policies} } } ] } ]
`;

test('a backend says what is spoken to it, whatever the client speaks', async () => {
  await using upstream = await H2Upstream.start((_, response) => response.end('over HTTP/2'));
  await using gw = await gateway(to(upstream.host, 'http: { version: HTTP/2.0 }'));
  expect((await ask(gw.port)).text).toBe('over HTTP/2');
});

test('its request timeout goes before the route’s', async () => {
  await using upstream = await EchoServer.start('silent', () => {});
  const timeout = 'timeout: { backendRequestTimeout: 1h }';
  await using gw = await gateway(to(upstream.host, 'http: { requestTimeout: 30ms }', timeout));
  const answer = await ask(gw.port);
  expect([answer.status, answer.text]).toEqual([504, 'upstream call timeout']);
});

test('a service that policies ask has its own timeout, also before a route is chosen', async () => {
  await using service = await EchoServer.start('silent', () => {});
  await using upstream = await EchoServer.start();
  await using gw = await gateway(`
gateways:
  default:
    port: PORT
    extAuthz: { host: "${service.host}", policies: { http: { requestTimeout: 30ms } }, protocol: { http: {} } }
routes: [ { backends: [ { host: "${upstream.host}" } ] } ]
`);
  expect((await ask(gw.port)).status).toBe(403);
  expect(upstream.requests).toEqual([]);
});

test('connections of a backend may be other than those of all', () => {
  const { resources } = loaded(
    to('a:1', 'tcp: { connectTimeout: 1s, keepalives: { enabled: false } }').replace('PORT', '1'),
  );
  expect(resources.find(({ kind }) => kind === 'route')).toMatchObject({
    backends: [{ policies: [{ kind: 'tcp', spec: { connectTimeout: 1000, keepalives: { enabled: false } } }] }],
  });
});

test.each([
  ['http: {version: HTTP/3.0}', 'not supported yet: extAuthz.policies.http.version: HTTP/3.0'],
  ['tcp: {}', 'extAuthz.policies.tcp.keepalives: is required'],
])('%s', (fields, message) => {
  expect(refusedPolicy(`extAuthz: {host: "a:1", policies: {${fields}}}`)[0]).toBe(message);
});
