import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { expect, test } from 'vitest';
import { keySetText, testKey, tokenOf } from '../src/policies/jwt/testing.ts';
import { ask } from './support/ask.ts';
import { Certificates } from './support/certificates.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { verifies } from './verifies.ts';

const statusOf = async (port: number, path: string, headers: Record<string, string> = {}) =>
  (await ask(port, { path, headers })).status;

test('POL-28: rules of the gateway and of the route make one decision', async () => {
  verifies('POL-28', 'CFG-34');
  await using upstream = await EchoServer.start();
  await using under = await gateway(`
gateways: { default: { port: PORT } }
policies:
- name: { name: everywhere, namespace: default }
  target: { gateway: { gatewayName: default, gatewayNamespace: default } }
  policy: { authorization: { rules: [ { allow: 'request.headers["x-team"] == "a"' } ] } }
routes:
- policies: { authorization: { rules: [ { require: 'request.path != "/closed"' } ] } }
  backends: [ { host: "${upstream.host}" } ]
`);
  const a = { 'x-team': 'a' };
  expect(await statusOf(under.port, '/open', a)).toBe(200);
  expect(await statusOf(under.port, '/closed', a)).toBe(403);
  expect(await statusOf(under.port, '/open')).toBe(403);
});

test('in the gateway phase the sets of listener and gateway are joined as well', async () => {
  await using upstream = await EchoServer.start();
  await using under = await gateway(`
gateways:
  default: { port: PORT, authorization: { rules: [ { deny: 'request.path == "/listener"' } ] } }
policies:
- name: { name: phase, namespace: default }
  target: { gateway: { gatewayName: default, gatewayNamespace: default } }
  phase: gateway
  policy: { authorization: { rules: [ { deny: 'request.path == "/gateway"' } ] } }
routes: [ { backends: [ { host: "${upstream.host}" } ] } ]
`);
  expect(await statusOf(under.port, '/listener')).toBe(403);
  expect(await statusOf(under.port, '/gateway')).toBe(403);
  expect(await statusOf(under.port, '/')).toBe(200);
});

test('a backend decides for every attempt, on what the route made of the request', async () => {
  await using upstream = await EchoServer.start();
  await using under = await gateway(`
gateways: { default: { port: PORT } }
policies:
- name: { name: one, namespace: default }
  target: { backend: { backend: { name: store, namespace: "" } } }
  policy: { authorization: { rules: [ { deny: 'default(request.headers["x-from"], "") == "route"' } ] } }
backends:
- name: store
  host: "${upstream.host}"
  policies: { authorization: { rules: [ { require: 'request.method == "GET"' } ] } }
routes:
- matches: [ { path: { exact: /marked } } ]
  policies: { requestHeaderModifier: { set: { x-from: route } } }
  backends: [ { backend: store } ]
- backends: [ { backend: store } ]
`);
  expect(await statusOf(under.port, '/')).toBe(200);
  expect(await statusOf(under.port, '/marked')).toBe(403);
  expect((await ask(under.port, { method: 'POST' })).status).toBe(403);
});

test('targeted policies: the most specific of a kind wins, and the phase says where it runs', async () => {
  verifies('CFG-33');
  await using upstream = await EchoServer.start();
  await using under = await gateway(`
gateways: { default: { port: PORT } }
policies:
- name: { name: of-gateway, namespace: default }
  target: { gateway: { gatewayName: default, gatewayNamespace: default } }
  policy: { requestHeaderModifier: { set: { x-level: gateway } } }
- name: { name: of-route, namespace: default }
  target: { route: { name: targeted, namespace: default } }
  policy: { requestHeaderModifier: { set: { x-level: route } } }
routes:
- { name: targeted, matches: [ { path: { pathPrefix: /t } } ], backends: [ { host: "${upstream.host}" } ] }
- name: inline
  matches: [ { path: { pathPrefix: /i } } ]
  policies: { requestHeaderModifier: { set: { x-level: inline } } }
  backends: [ { host: "${upstream.host}" } ]
- { name: plain, backends: [ { host: "${upstream.host}" } ] }
`);
  for (const path of ['/t', '/i', '/']) await ask(under.port, { path });
  expect(upstream.requests.map(({ headers }) => headers['x-level'])).toEqual(['route', 'inline', 'gateway']);
});

test('POL-90: a connection that the network rules refuse is closed before HTTP', async () => {
  verifies('POL-90');
  await using upstream = await EchoServer.start();
  const text = (rule: string) => `
gateways: { default: { port: PORT } }
frontendPolicies: { networkAuthorization: { rules: [ { allow: '${rule}' } ] } }
routes: [ { backends: [ { host: "${upstream.host}" } ] } ]
`;
  await using under = await gateway(text('cidr("10.0.0.0/8").containsIP(source.address)'));
  const socket = net.connect(under.port, '127.0.0.1');
  const received: Buffer[] = [];
  socket.on('data', (chunk) => received.push(chunk));
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  await once(socket, 'close');
  expect(received).toEqual([]);
  expect(upstream.requests).toEqual([]);
  await under.reload(text('cidr("127.0.0.0/8").containsIP(source.address)'));
  expect(await statusOf(under.port, '/')).toBe(200);
});

test('the network rules see the certificate of the client', async () => {
  using certificates = new Certificates({ 'gateway.test': ['DNS:gateway.test'], good: ['DNS:good'], bad: ['DNS:bad'] });
  await using upstream = await EchoServer.start();
  await using under = await gateway(
    `
gateways:
  default:
    port: PORT
    protocol: HTTPS
    tls: { cert: ${certificates.path('gateway.test.pem')}, key: ${certificates.path('gateway.test.key')}, root: ${certificates.path('ca.pem')} }
frontendPolicies: { networkAuthorization: { rules: [ { require: 'source.subjectCn == "good"' } ] } }
routes: [ { backends: [ { host: "${upstream.host}" } ] } ]
`,
  );
  const as = (name: string) =>
    ask(under.port, {
      secure: true,
      servername: 'gateway.test',
      ca: certificates.read('ca.pem'),
      cert: certificates.read(`${name}.pem`),
      key: certificates.read(`${name}.key`),
      headers: { host: 'gateway.test' },
    });
  expect((await as('good')).status).toBe(200);
  await expect(as('bad')).rejects.toThrow();
});

test('POL-14: what is known of a key may be asked for', async () => {
  verifies('POL-14');
  await using upstream = await EchoServer.start();
  await using under = await gateway(`
gateways: { default: { port: PORT } }
routes:
- policies:
    apiKey:
      mode: strict
      location: { header: { name: x-api-key } }
      keys:
      - { keyHash: "sha256:${createHash('sha256').update('k-admin').digest('hex')}", metadata: { role: admin } }
      - { key: k-guest, metadata: { role: guest } }
    authorization: { rules: [ 'apiKey.role == "admin" && apiKey.key != "k-admin"' ] }
  backends: [ { host: "${upstream.host}" } ]
`);
  expect(await statusOf(under.port, '/', { 'x-api-key': 'k-admin' })).toBe(200);
  expect(await statusOf(under.port, '/', { 'x-api-key': 'k-guest' })).toBe(403);
  expect(upstream.requests[0]?.headers).not.toHaveProperty('x-api-key');
});

test('POL-82: authentication that is optional lets nobody in whom a rule asks for a token', async () => {
  verifies('POL-82');
  await using upstream = await EchoServer.start();
  const key = testKey('k');
  await using under = await gateway(`
gateways: { default: { port: PORT } }
routes:
- policies:
    jwtAuth: { issuer: "https://issuer.test", jwks: '${keySetText(key)}' }
    authorization: { rules: [ { require: 'has(jwt.sub)' } ] }
  backends: [ { host: "${upstream.host}" } ]
`);
  expect(await statusOf(under.port, '/')).toBe(403);
  const token = tokenOf(key, { iss: 'https://issuer.test', sub: 'ann', exp: 4_000_000_000 });
  expect(await statusOf(under.port, '/', { authorization: `Bearer ${token}` })).toBe(200);
});
