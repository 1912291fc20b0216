import { once } from 'node:events';
import http from 'node:http';
import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { RawClient } from './support/raw.ts';

const to = (host: string, policies: string, more = '') => `
gateways: { default: { port: PORT } }
${more}
routes: [ { policies: { ${policies} }, backends: [ { host: "${host}" } ] } ]
`;

test('answers that have no body get none from a transformation', async () => {
  await using upstream = await EchoServer.start('bare', (request, response) => {
    response.statusCode = Number(request.url?.slice(1));
    response.end();
  });
  await using gw = await gateway(to(upstream.host, `transformations: { response: { body: '"new"' } }`));
  await using client = await RawClient.connect(gw.port);
  for (const [method, status] of [
    ['GET', 204],
    ['GET', 304],
    ['HEAD', 200],
  ]) {
    client.write(`${method} /${status} HTTP/1.1\r\nhost: a\r\n\r\n`);
    expect(await client.until('\r\n\r\n')).toContain(`HTTP/1.1 ${status} `);
  }
  // Had a body come after one of them, this answer would begin with it.
  client.write('GET /200 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  expect((await client.end()).match(/new/g)).toEqual(['new']);
});

test('a stream is not held back by policies that read its head, nor by logs that read its body', async () => {
  const sent = Promise.withResolvers<http.ServerResponse>();
  await using upstream = await EchoServer.start('stream', (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: 1\n\n');
    sent.resolve(response);
  });
  await using gw = await gateway(
    to(
      upstream.host,
      `transformations: { response: { set: { x-code: 'string(response.code)' } } }, authorization: { rules: [ { require: 'request.method == "GET"' } ] }`,
      `frontendPolicies: { accessLog: { add: { events: 'string(response.body)' } } }`,
    ),
  );
  const request = http.get(gw.url(), { agent: false });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  expect(response.headers['x-code']).toBe('200');
  const [first] = await once(response, 'data');
  expect(String(first)).toBe('data: 1\n\n');
  (await sent.promise).end('data: 2\n\n');
  expect(await gw.line()).toMatchObject({ events: 'data: 1\n\ndata: 2\n\n' });
});

test('a kind may run in both phases, each with its own options', async () => {
  const asked: string[] = [];
  const service = (name: string) =>
    EchoServer.start(name, (_, response) => {
      asked.push(name);
      response.end();
    });
  await using first = await service('gateway');
  await using second = await service('route');
  await using upstream = await EchoServer.start();
  await using gw = await gateway(`
gateways: { default: { port: PORT, extAuthz: { host: "${first.host}", protocol: { http: {} } } } }
routes:
- policies: { extAuthz: { host: "${second.host}", protocol: { http: {} } } }
  backends: [ { host: "${upstream.host}" } ]
`);
  expect((await ask(gw.port)).status).toBe(200);
  expect(asked).toEqual(['gateway', 'route']);
});

test('a hundred reloads keep what did not change: the bucket, and the answers', async () => {
  await using upstream = await EchoServer.start();
  const text = (body: string) => `
gateways: { default: { port: PORT } }
routes:
- matches: [ { path: { exact: /limited } } ]
  policies: { localRateLimit: [ { maxTokens: 2, tokensPerFill: 1, fillInterval: 1h } ] }
  backends: [ { host: "${upstream.host}" } ]
- policies: { directResponse: { status: 200, body: "${body}" } }
`;
  await using gw = await gateway(text('0'));
  const limited = async () => (await ask(gw.port, { path: '/limited' })).status;
  expect([await limited(), await limited(), await limited()]).toEqual([200, 200, 429]);
  for (let i = 1; i <= 100; i++) await gw.reload(text(String(i)));
  expect((await ask(gw.port)).text).toBe('100');
  expect(await limited()).toBe(429);
});
