import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { answerOn, H2Client } from './support/h2-client.ts';
import { RawClient } from './support/raw.ts';
import { verifies } from './verifies.ts';

const toEcho = (echo: EchoServer, policies = '{}') => `
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${echo.host}" } ], policies: ${policies} } ]
`;

test('a request that names no host is malformed', async () => {
  // In its better form (02 §6, row 22): 400 and InvalidRequest.
  verifies('PROXY-13');
  await using echo = await EchoServer.start();
  await using gw = await gateway(toEcho(echo));
  await using client = await RawClient.connect(gw.port);
  client.write('GET /a HTTP/1.1\r\n\r\n');
  expect(await client.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  await using old = await RawClient.connect(gw.port);
  old.write('GET /b HTTP/1.0\r\n\r\n');
  expect(await old.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  expect((await old.end()).startsWith('invalid request')).toBe(true);
  expect(gw.lines.at(-1)).toMatchObject({ reason: 'InvalidRequest', 'http.status': 400 });
  expect(echo.requests).toEqual([]);
});

test('an absolute target wins over Host; HTTP/1.0 is served and closed', async () => {
  await using echo = await EchoServer.start();
  await using gw = await gateway(toEcho(echo));
  await using client = await RawClient.connect(gw.port);
  client.write('GET http://real.test:81/a?b HTTP/1.1\r\nhost: other.test\r\nconnection: close\r\n\r\n');
  expect(await client.end()).toContain('HTTP/1.1 200 OK');
  expect(echo.requests[0]).toMatchObject({ url: '/a?b', headers: { host: 'real.test:81' } });
  await using old = await RawClient.connect(gw.port);
  old.write('GET /old HTTP/1.0\r\nhost: old.test\r\n\r\n');
  const answer = await old.end();
  expect(answer).toContain('"url":"/old"');
  expect(answer.toLowerCase()).not.toContain('transfer-encoding');
});

test('what is meant for one hop goes no further', async () => {
  verifies('PROXY-54');
  await using echo = await EchoServer.start('echo', (_request, response, seen) => {
    response.setHeader('connection', 'x-b');
    response.setHeader('x-b', '1');
    response.setHeader('keep-alive', 'timeout=1');
    response.setHeader('proxy-authenticate', 'Basic');
    response.end(JSON.stringify(seen.headers));
  });
  await using gw = await gateway(toEcho(echo));
  await using client = await RawClient.connect(gw.port);
  client.write(
    'POST / HTTP/1.1\r\nhost: h\r\nConnection: x-a, te\r\nx-a: 1\r\nTE: trailers, deflate\r\nkeep-alive: 5\r\n' +
      'proxy-connection: keep-alive\r\ntransfer-encoding: chunked\r\nproxy-authorization: Basic eA==\r\n\r\n0\r\n\r\n',
  );
  const head = (await client.until('\r\n\r\n')).toLowerCase();
  for (const name of ['x-b', 'keep-alive:', 'proxy-authenticate']) expect(head).not.toContain(name);
  const seen = echo.requests[0]?.headers ?? {};
  expect(seen).toMatchObject({ te: 'trailers', 'proxy-authorization': 'Basic eA==' });
  for (const name of ['x-a', 'keep-alive', 'proxy-connection']) expect(seen).not.toHaveProperty(name);
});

test('header names are written in lower case, or as they came', async () => {
  verifies('PROXY-23');
  await using echo = await EchoServer.start('echo', (_, response) => response.setHeader('X-Answer-Probe', '1').end());
  await using lower = await gateway(toEcho(echo));
  const inLower = await ask(lower.port, { headers: ['Host', 'h', 'X-Case-Probe', '1'] });
  expect(echo.requests[0]?.rawHeaders).toContain('x-case-probe');
  expect(inLower.rawHeaders).toContain('x-answer-probe');
  await using same = await gateway(`${toEcho(echo)}frontendPolicies: { http: { http1HeaderCase: preserve } }`);
  const asCame = await ask(same.port, { headers: ['Host', 'h', 'X-Case-Probe', '1'] });
  expect(echo.requests[1]?.rawHeaders).toContain('X-Case-Probe');
  expect(asCame.rawHeaders).toContain('X-Answer-Probe');
});

test('the authority is rewritten in part or whole, or stays', async () => {
  verifies('PROXY-43');
  await using echo = await EchoServer.start();
  const hostFor = async (policies: string) => {
    await using gw = await gateway(toEcho(echo, policies));
    await ask(gw.port, { headers: { host: 'test.com:80' } });
    return echo.requests.at(-1)?.rawHeaders.filter((_, i, all) => all[i - 1]?.toLowerCase() === 'host');
  };
  expect(await hostFor('{ urlRewrite: { authority: { port: 443 } } }')).toEqual(['test.com:443']);
  expect(await hostFor('{ urlRewrite: { authority: { host: new.test } } }')).toEqual(['new.test']);
  expect(await hostFor('{ urlRewrite: { authority: { full: "new.test:81" } } }')).toEqual(['new.test:81']);
  expect(await hostFor('{ requestHeaderModifier: { set: { host: x } } }')).toEqual(['x']);
  expect(await hostFor('{ requestHeaderModifier: { remove: [host] } }')).toEqual(['test.com']);
});

test('a backend with a name is called by that name, one with an address as the client said', async () => {
  // In its better form (02 §6, row 4): the port goes with the name unless it is the usual one.
  verifies('PROXY-39');
  await using echo = await EchoServer.start();
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- { matches: [ { path: { exact: /name } } ], backends: [ { host: "localhost:${echo.port}" } ] }
- { matches: [ { path: { exact: /address } } ], backends: [ { host: "${echo.host}" } ] }
- matches: [ { path: { exact: /none } } ]
  backends: [ { host: "localhost:${echo.port}" } ]
  policies: { urlRewrite: { authority: none } }
`);
  for (const path of ['/name', '/address', '/none']) await ask(gw.port, { path, headers: { host: 'gw' } });
  expect(echo.requests.map(({ headers }) => headers.host)).toEqual([`localhost:${echo.port}`, 'gw', 'gw']);
});

test('a dynamic backend goes where the request says', async () => {
  verifies('PROXY-36');
  await using echo = await EchoServer.start();
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes: [ { backends: [ { dynamic: {} } ], policies: { retry: { attempts: 1, codes: [] } } } ]
`);
  await using client = await RawClient.connect(gw.port);
  client.write(`GET http://${echo.host}/p HTTP/1.1\r\nhost: x\r\n\r\n`);
  expect(await client.until('}')).toContain('"url":"/p"');
  expect(await gw.line()).toMatchObject({ endpoint: echo.host });
  // Nobody listens on port 80 of this address: only where it was tried matters.
  await ask(gw.port, { headers: { host: '127.0.0.7' } });
  expect(await gw.line(2)).toMatchObject({ endpoint: '127.0.0.7:80', reason: 'UpstreamFailure' });
  await ask(gw.port, { headers: { host: '[::1]:1' } });
  expect(await gw.line(3)).toMatchObject({ endpoint: '[::1]:1', reason: 'UpstreamFailure' });
});

test('a direct response is answered here, and response policies still apply', async () => {
  verifies('PROXY-44');
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- policies:
    directResponse: { status: 418, body: "hello!" }
    responseHeaderModifier: { set: { x-added: "1" } }
`);
  const answer = await ask(gw.port, { method: 'POST', body: 'ignored' });
  expect([answer.status, answer.text, answer.headers['x-added']]).toEqual([418, 'hello!', '1']);
  const line = await gw.line();
  expect(line).toMatchObject({ reason: 'DirectResponse', 'http.status': 418 });
  expect(line).not.toHaveProperty('error');
});

test('trailers pass both ways', async () => {
  await using echo = await EchoServer.start('echo', (request, response) => {
    response.setHeader('trailer', 'x-after');
    response.write(JSON.stringify(request.trailers));
    response.addTrailers({ 'x-after': 'down' });
    response.end();
  });
  await using gw = await gateway(toEcho(echo));
  await using client = await RawClient.connect(gw.port);
  client.write('POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-up: up\r\n\r\n');
  const answer = await client.until('x-after: down\r\n\r\n');
  expect(answer).toContain('{"x-up":"up"}');
});

test('repeated headers stay repeated', async () => {
  await using echo = await EchoServer.start('echo', (_request, response) => {
    response.setHeader('set-cookie', ['a=1', 'b=2']).end();
  });
  await using gw = await gateway(toEcho(echo));
  const answer = await ask(gw.port, { headers: ['host', 'h', 'x-many', '1', 'x-many', '2'] });
  expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
  expect(echo.requests[0]?.rawHeaders.filter((text) => text === 'x-many')).toHaveLength(2);
});

test('tunnels are not opened unless they were asked for', async () => {
  verifies('PROXY-29');
  await using echo = await EchoServer.start();
  await using gw = await gateway(toEcho(echo));
  await using client = await RawClient.connect(gw.port);
  client.write('CONNECT x:1 HTTP/1.1\r\nhost: x:1\r\n\r\n');
  expect(await client.until('method not allowed')).toMatch(/^HTTP\/1\.1 405 /);
  await using h2 = new H2Client(gw.url(''));
  const stream = h2.open({ ':method': 'CONNECT', ':authority': 'x:1' });
  expect(await answerOn(stream)).toMatchObject({ status: 405, text: 'method not allowed' });
  await gw.line(2);
  expect(gw.lines.map((line) => line['http.status'])).toEqual([405, 405]);
  expect(echo.connections).toBe(0);
});

test('nothing is added that was not asked for', async () => {
  verifies('TEL-33');
  await using echo = await EchoServer.start();
  await using gw = await gateway(toEcho(echo));
  await using client = await RawClient.connect(gw.port);
  client.write('GET / HTTP/1.1\r\nhost: h\r\nx-one: 1\r\n\r\n');
  await client.until('"body":""}');
  expect(echo.requests[0]?.rawHeaders).toEqual(['host', 'h', 'x-one', '1']);
  expect(await gw.line()).not.toHaveProperty('trace.id');
});
