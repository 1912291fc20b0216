import { expect, test } from 'vitest';
import { keySetText, testKey, tokenOf } from '../src/policies/jwt/testing.ts';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { H2Client } from './support/h2-client.ts';
import { H2Upstream } from './support/h2-upstream.ts';
import { verifies } from './verifies.ts';

test('POL-5: the subject of a verified token is in the line', async () => {
  verifies('POL-5');
  await using upstream = await EchoServer.start();
  const key = testKey('k');
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- policies: { jwtAuth: { mode: strict, issuer: "https://issuer.test", jwks: '${keySetText(key)}' } }
  backends: [ { host: "${upstream.host}" } ]
`);
  const token = tokenOf(key, { iss: 'https://issuer.test', sub: 'ann', exp: 4_000_000_000 });
  await ask(gw.port, { headers: { authorization: `Bearer ${token}` } });
  expect(await gw.line()).toMatchObject({ 'http.status': 200, 'jwt.sub': 'ann' });
  expect(upstream.requests[0]?.headers).not.toHaveProperty('authorization');
});

test('POL-43: what an authorization service tells beside its decision may be logged', async () => {
  verifies('POL-43');
  await using service = await EchoServer.start('service', (_, response) => {
    response.setHeader('x-user', 'ann');
    response.end();
  });
  await using upstream = await EchoServer.start();
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
frontendPolicies: { accessLog: { add: { user: extauthz.user } } }
routes:
- policies:
    extAuthz: { host: "${service.host}", protocol: { http: { metadata: { user: 'response.headers["x-user"]' } } } }
    authorization: { rules: [ 'extauthz.user == "ann"' ] }
  backends: [ { host: "${upstream.host}" } ]
`);
  await ask(gw.port);
  expect(await gw.line()).toMatchObject({ 'http.status': 200, user: 'ann' });
});

test('TEL-11: expressions of the log see the status that the trailers brought', async () => {
  verifies('TEL-11');
  await using upstream = await H2Upstream.start((_, response) => {
    response.setHeader('content-type', 'application/grpc');
    response.addTrailers({ 'grpc-status': '13' });
    response.end('message');
  });
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
frontendPolicies: { accessLog: { add: { code: response.grpcStatus } } }
routes: [ { backends: [ { host: "${upstream.host}" } ] } ]
`);
  await using client = new H2Client(gw.url(''));
  await client.ask({ ':method': 'POST', ':path': '/p.S/M', 'content-type': 'application/grpc', te: 'trailers' }, 'x');
  expect(await gw.line()).toMatchObject({ 'grpc.status': 13, code: 13 });
});
