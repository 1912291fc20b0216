import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { freePort } from './support/ports.ts';

const config = (host: string, retry: string, more = '') => `
gateways: { default: { port: PORT } }
routes:
- policies: { retry: { attempts: 2, codes: [503], ${retry} } ${more} }
  backends: [ { host: "${host}" } ]
`;

/** Answers with these statuses and texts in turn, the last one for ever. */
const answers = (...list: [status: number, text: string][]) => {
  let at = 0;
  return EchoServer.start('flaky', (_request, response) => {
    const [status, text] = list[Math.min(at++, list.length - 1)] as [number, string];
    response.writeHead(status, { 'x-hint': text }).end(text);
  });
};

test('retries are off unless their precondition holds', async () => {
  await using echo = await answers([503, 'no']);
  await using gw = await gateway(config(echo.host, `precondition: 'request.method == "GET"'`));
  await ask(gw.port);
  expect(echo.requests).toHaveLength(3);
  await ask(gw.port, { method: 'POST' });
  expect(echo.requests).toHaveLength(4);
  for (const never of ['jwt.sub == "x"', '"text"', '1']) {
    await gw.reload(config(echo.host, `precondition: '${never}'`));
    await ask(gw.port);
  }
  expect(echo.requests).toHaveLength(7);
});

test('a body in the precondition is read before the first try', async () => {
  await using echo = await answers([503, 'no']);
  await using gw = await gateway(config(echo.host, `precondition: 'request.body == b"again"'`));
  await ask(gw.port, { method: 'POST', body: 'again' });
  await ask(gw.port, { method: 'POST', body: 'once' });
  expect(echo.requests.map(({ body }) => body)).toEqual(['again', 'again', 'again', 'once']);
});

test('a condition sees the request and the response, beside the statuses', async () => {
  await using echo = await answers([200, 'busy'], [503, 'no'], [200, 'fine']);
  const condition = `condition: 'response.code == 200 && response.headers["x-hint"] == "busy" && request.path == "/p"'`;
  await using gw = await gateway(config(echo.host, condition));
  expect(await ask(gw.port, { path: '/p' })).toMatchObject({ status: 200, text: 'fine' });
  expect(echo.requests.map(({ headers }) => headers['x-retry-attempt'])).toEqual([undefined, '1', '2']);
});

test('where the condition fails or is no bool the response stands', async () => {
  await using echo = await answers([200, 'fine']);
  await using gw = await gateway(config(echo.host, `condition: 'jwt.sub == "x"'`));
  await ask(gw.port);
  await gw.reload(config(echo.host, `condition: 'response.code'`));
  await ask(gw.port);
  expect(echo.requests).toHaveLength(2);
});

test('a condition on the body of the response: each try has its own, and the last reaches the client', async () => {
  await using echo = await answers([200, 'try again'], [200, 'try again'], [200, 'done at last']);
  const condition = `condition: 'string(response.body).contains("again")'`;
  const policy = `, transformations: { response: { set: { x-body: 'string(response.body)' } } }`;
  await using gw = await gateway(config(echo.host, condition, policy));
  const answer = await ask(gw.port);
  expect([answer.text, answer.headers['x-body'], echo.requests.length]).toEqual(['done at last', 'done at last', 3]);

  await using stubborn = await answers([200, 'again for ever']);
  await gw.reload(config(stubborn.host, condition));
  expect([(await ask(gw.port)).text, stubborn.requests.length]).toEqual(['again for ever', 3]);
});

test('a response that breaks while its condition reads it is tried again', async () => {
  let tries = 0;
  await using echo = await EchoServer.start('broken', (_request, response) => {
    if (++tries > 1) {
      response.end('whole');
      return;
    }
    response.writeHead(200, { 'content-length': '10' });
    response.write('abc', () => response.destroy());
  });
  await using gw = await gateway(config(echo.host, `condition: 'response.body == b"no"'`));
  expect([(await ask(gw.port)).text, tries]).toEqual(['whole', 2]);
});

test('errors are tried again by their kind: no condition is asked, and none sees a response of before', async () => {
  const dead = `127.0.0.1:${await freePort()}`;
  const policy = `, transformations: { response: { set: { x-tries: 'string(request.headers["x-retry-attempt"])' } } }`;
  await using gw = await gateway(config(dead, `condition: 'false'`, policy));
  expect(await ask(gw.port)).toMatchObject({ status: 503, headers: { 'x-tries': '2' } });
});

test('what a policy of the backend answers is no response to try again', async () => {
  await using echo = await EchoServer.start();
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- policies: { retry: { attempts: 2, codes: [302], condition: 'true' } }
  backends:
  - host: "${echo.host}"
    policies: { requestRedirect: { scheme: https } }
`);
  const answer = await ask(gw.port);
  expect([answer.status, echo.requests.length]).toEqual([302, 0]);
  expect(await gw.line()).not.toHaveProperty('retry.attempt');
});
