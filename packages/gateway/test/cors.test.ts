import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { verifies } from './verifies.ts';

const cors = '{ allowOrigins: ["https://*.ex.com"], allowMethods: [GET], allowCredentials: true }';
const keys = '{ keys: [ { key: right } ], mode: strict }';

const preflight = (origin: string) => ({
  method: 'OPTIONS',
  headers: { host: 'h', origin, 'access-control-request-method': 'GET' },
});

test.each(['gateway', 'route'])('preflights end in the %s phase, before authentication', async (phase) => {
  verifies('POL-21', 'POL-22');
  await using echo = await EchoServer.start();
  const policies = `cors: ${cors}, apiKey: ${keys}`;
  await using gw = await gateway(`
gateways: { default: { port: PORT${phase === 'gateway' ? `, ${policies}` : ''} } }
routes: [ { backends: [ { host: "${echo.host}" } ], policies: { ${phase === 'route' ? policies : ''} } } ]
`);
  const allowed = await ask(gw.port, preflight('https://a.ex.com:443'));
  expect([allowed.status, allowed.text]).toEqual([200, '']);
  expect(allowed.headers).toMatchObject({
    'access-control-allow-origin': 'https://a.ex.com:443',
    'access-control-allow-methods': 'GET',
    'access-control-allow-credentials': 'true',
    vary: 'origin',
  });
  const foreign = await ask(gw.port, preflight('https://evil.test'));
  expect([foreign.status, foreign.text]).toEqual([200, '']);
  expect(Object.keys(foreign.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  expect(echo.requests).toEqual([]);
  expect((await gw.line(2)).reason).toBe('DirectResponse');
});

test('a browser can read a refusal of authentication', async () => {
  await using echo = await EchoServer.start();
  await using gw = await gateway(`
gateways: { default: { port: PORT, cors: ${cors} } }
routes: [ { backends: [ { host: "${echo.host}" } ], policies: { apiKey: ${keys} } } ]
`);
  const refused = await ask(gw.port, { headers: { host: 'h', origin: 'https://a.ex.com' } });
  expect(refused.status).toBe(401);
  expect(refused.headers).toMatchObject({ 'access-control-allow-origin': 'https://a.ex.com', vary: 'origin' });
});

test("the gateway's word replaces the upstream's, whose own vary stays", async () => {
  await using echo = await EchoServer.start('echo', (_request, response) => {
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('vary', 'accept');
    response.end();
  });
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${echo.host}" } ], policies: { cors: ${cors} } } ]
`);
  const headers = { host: 'h', origin: 'https://a.ex.com' };
  const answer = await ask(gw.port, { headers });
  expect(answer.headers).toMatchObject({ 'access-control-allow-origin': 'https://a.ex.com', vary: 'accept, origin' });
  expect((await ask(gw.port, { headers, method: 'OPTIONS' })).status).toBe(200);
  expect(echo.requests.map(({ method }) => method)).toEqual(['GET', 'OPTIONS']);
});
