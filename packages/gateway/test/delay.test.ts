import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { verifies } from './verifies.ts';

const config = (echo: EchoServer, policies: string) => `
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${echo.host}" } ], policies: { ${policies} } } ]
`;

test('a delay that outlasts the request timeout ends with it', async () => {
  verifies('PROXY-45', 'POL-70');
  await using echo = await EchoServer.start();
  await using gw = await gateway(config(echo, 'delay: { duration: 1h }, timeout: { requestTimeout: 30ms }'));
  const answer = await ask(gw.port);
  expect([answer.status, answer.text]).toEqual([504, 'request timeout']);
  expect(await gw.line()).toMatchObject({ reason: 'Timeout', 'http.status': 504 });
  expect(echo.requests).toEqual([]);
});

test('a short one only delays, and goes before a direct response', async () => {
  await using echo = await EchoServer.start();
  await using gw = await gateway(config(echo, 'delay: { duration: 10ms }, timeout: { requestTimeout: 10s }'));
  expect((await ask(gw.port)).status).toBe(200);
  await gw.reload(config(echo, 'delay: { duration: 1h }, directResponse: { status: 418 }'));
  const client = connect(gw.port, '127.0.0.1');
  client.end('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  // The wait ended with the client, an hour too soon.
  await gw.line(2);
  client.destroy();
  expect(echo.requests).toHaveLength(1);
});
