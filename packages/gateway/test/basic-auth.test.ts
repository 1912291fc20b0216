import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { verifies } from './verifies.ts';

const fixtures = new URL('../src/policies/basic-auth/fixtures/', import.meta.url).pathname;
const known = readFileSync(`${fixtures}htpasswd`, 'utf8');
const as = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

function config(echo: EchoServer, basicAuth: string, phase = 'route') {
  const policy = `basicAuth: { htpasswd: { file: htpasswd }, ${basicAuth} }`;
  return `
gateways: { default: { port: PORT${phase === 'gateway' ? `, ${policy}` : ''} } }
routes: [ { backends: [ { host: "${echo.host}" } ], policies: { ${phase === 'route' ? policy : ''} } } ]
`;
}

test.each(['gateway', 'route'])('who has no password is asked for one, who has one gets in (%s)', async (phase) => {
  verifies('POL-16');
  await using echo = await EchoServer.start();
  await using gw = await gateway(config(echo, 'mode: strict', phase), { directory: fixtures });
  const none = await ask(gw.port);
  expect([none.status, none.headers['www-authenticate'], none.text]).toEqual([
    401,
    'Basic realm="Restricted"',
    'basic authentication failure: no basic authentication credentials found',
  ]);
  expect(await gw.line()).toMatchObject({ reason: 'BasicAuth', 'http.status': 401 });
  for (const user of ['sha', 'bcrypt']) {
    const right = await ask(gw.port, { headers: { host: 'h', authorization: as(user, `${user}-password`) } });
    expect(right.status).toBe(200);
  }
  expect(echo.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  const wrong = await ask(gw.port, { headers: { host: 'h', authorization: as('bcrypt', 'sha-password') } });
  expect(wrong.status).toBe(401);
  expect(known).toContain('bcrypt:$2y$');
});

test('a wrong password is refused where none is let pass', async () => {
  verifies('POL-18');
  await using echo = await EchoServer.start();
  await using gw = await gateway(config(echo, 'mode: optional'), { directory: fixtures });
  expect((await ask(gw.port)).status).toBe(200);
  expect((await ask(gw.port, { headers: { host: 'h', authorization: as('sha', 'x') } })).status).toBe(401);
  expect((await ask(gw.port, { headers: { host: 'h', authorization: as('bob', 'plaintext') } })).status).toBe(401);
});

test('a proxy asks as a proxy', async () => {
  verifies('POL-17');
  await using echo = await EchoServer.start();
  const location = 'authorizationLocation: { header: { name: proxy-authorization, prefix: "Basic " } }';
  await using gw = await gateway(config(echo, `mode: strict, ${location}`), { directory: fixtures });
  const wrong = await ask(gw.port, { headers: { host: 'h', 'proxy-authorization': as('sha', 'x') } });
  expect([wrong.status, wrong.headers['proxy-authenticate']]).toEqual([407, 'Basic realm="Restricted"']);
  const headers = { host: 'h', 'proxy-authorization': as('sha', 'sha-password'), authorization: 'Bearer mine' };
  expect((await ask(gw.port, { headers })).status).toBe(200);
  expect(echo.requests[0]?.headers).toMatchObject({ authorization: 'Bearer mine' });
  expect(echo.requests[0]?.headers).not.toHaveProperty('proxy-authorization');
});

test('a gRPC caller is told in its own words', async () => {
  await using echo = await EchoServer.start();
  await using gw = await gateway(config(echo, 'mode: strict'), { directory: fixtures });
  const answer = await ask(gw.port, { headers: { host: 'h', 'content-type': 'application/grpc' } });
  expect([answer.status, answer.headers['grpc-status'], answer.headers['www-authenticate']]).toEqual([
    200,
    '16',
    'Basic realm="Restricted"',
  ]);
});
