import { once } from 'node:events';
import zlib from 'node:zlib';
import { expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { H2Client } from './support/h2-client.ts';
import { H2Upstream } from './support/h2-upstream.ts';
import { RawClient } from './support/raw.ts';
import { verifies } from './verifies.ts';

const config = (host: string, limit: number | null, policies: string) => `
${limit === null ? '' : `frontendPolicies: { http: { maxBufferSize: ${limit} } }`}
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${host}" } ], policies: { ${policies} } } ]
`;
const seenBy = `transformations: { request: { set: {
  x-whole: 'string(default(request.body, b"none"))', x-prefix: 'string(request.bodyPrefix)',
  x-cut: 'string(request.bodyTruncated)' } } }`;

test('CEL-67: a rule reads the body, and the upstream still gets it', async () => {
  verifies('CEL-67');
  await using echo = await EchoServer.start();
  const rules = `authorization: { rules: [ { allow: 'request.body == b"hello"' } ] }`;
  await using gw = await gateway(config(echo.host, 5, rules));
  const say = async (body: string) => (await ask(gw.port, { method: 'POST', body })).status;
  expect([await say('hello'), await say('hellO')]).toEqual([200, 403]);
  expect(echo.requests.map(({ body }) => body)).toEqual(['hello']);
});

test('CEL-68: of a body that is too long expressions see the beginning, and the upstream gets it all', async () => {
  verifies('CEL-68');
  await using echo = await EchoServer.start();
  await using gw = await gateway(config(echo.host, 4, seenBy));
  await ask(gw.port, { method: 'POST', body: 'hello' });
  expect(echo.requests[0]).toMatchObject({
    body: 'hello',
    headers: { 'x-whole': 'none', 'x-prefix': 'hell', 'x-cut': 'true' },
  });
  await gw.reload(config(echo.host, 4, `authorization: { rules: [ { allow: 'request.body == b"hell"' } ] }`));
  expect((await ask(gw.port, { method: 'POST', body: 'hello' })).status).toBe(403);
});

test('an upload that is longer than may be captured streams on while it still comes', async () => {
  const begun = Promise.withResolvers<string>();
  await using upstream = await H2Upstream.start((request, response) => {
    request.once('data', (chunk: Buffer) => begun.resolve(String(chunk)));
    request.on('end', () => response.end('all of it'));
    request.resume();
  });
  await using gw = await gateway(config(upstream.host, 4, seenBy));
  await using client = new H2Client(gw.url());
  const stream = client.open({ ':method': 'POST', ':path': '/' });
  stream.write('hello');
  expect(await begun.promise).toBe('hello');
  expect(upstream.headers[0]).toMatchObject({ 'x-prefix': 'hell', 'x-cut': 'true' });
  stream.end(' world');
  let text = '';
  for await (const chunk of stream) text += chunk;
  expect(text).toBe('all of it');
});

test('a body in chunks is captured whole before the policy runs, trailers stay behind it', async () => {
  const trailers = Promise.withResolvers<NodeJS.Dict<string>>();
  await using echo = await EchoServer.start('echo', (request, response, { body }) => {
    trailers.resolve(request.trailers);
    response.end(`${request.headers['x-whole']} ${body}`);
  });
  await using gw = await gateway(config(echo.host, null, seenBy));
  await using client = await RawClient.connect(gw.port);
  client.write('POST / HTTP/1.1\r\nhost: h\r\nconnection: close\r\ntransfer-encoding: chunked\r\ntrailer: x-t\r\n\r\n');
  client.write('3\r\nhel\r\n').write('2\r\nlo\r\n').write('0\r\nx-t: 1\r\n\r\n');
  expect(await client.end()).toContain('hello hello');
  expect(await trailers.promise).toEqual({ 'x-t': '1' });
});

test('bodies of all attempts are the one that came, and the response of the last is seen', async () => {
  await using echo = await EchoServer.start('flaky', (request, response, { body }) => {
    const attempt = request.headers['x-retry-attempt'] ?? '0';
    response.writeHead(attempt === '2' ? 200 : 503).end(`${attempt} ${body}`);
  });
  const policies = `retry: { attempts: 3, codes: [ 503 ] }, transformations: {
    request: { set: { x-whole: string(request.body) } }, response: { set: { x-body: string(response.body) } } }`;
  await using gw = await gateway(config(echo.host, null, policies));
  const answer = await ask(gw.port, { method: 'POST', body: 'hello' });
  expect([answer.status, answer.text, answer.headers['x-body']]).toEqual([200, '2 hello', '2 hello']);
  expect(echo.requests.map(({ headers }) => headers['x-whole'])).toEqual(['hello', 'hello', 'hello']);
});

test('events are not held back for an expression, which sees no body of them', async () => {
  const ended = Promise.withResolvers<void>();
  await using echo = await EchoServer.start('events', (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: 1\n\n');
    ended.promise.then(() => response.end('data: 2\n\n'));
  });
  const policies = `transformations: { response: { set: { x-body: 'string(default(response.body, b"none"))' } } }`;
  await using gw = await gateway(config(echo.host, null, policies));
  await using client = await RawClient.connect(gw.port);
  client.write('GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
  expect(await client.until('data: 1\n\n')).toContain('x-body: none');
  ended.resolve();
  expect(await client.end()).toContain('data: 2\n\n');
});

test('a response that is longer than may be captured arrives whole, a coded one is seen decoded', async () => {
  const text = 'x'.repeat(100_000);
  await using echo = await EchoServer.start('coded', (request, response) => {
    if (request.url === '/plain') response.end(text);
    else response.writeHead(200, { 'content-encoding': 'gzip' }).end(zlib.gzipSync(text));
  });
  const policies = `transformations: { response: { set: {
    x-size: 'string(size(response.bodyPrefix))', x-cut: 'string(response.bodyTruncated)' } } }`;
  await using gw = await gateway(config(echo.host, 1000, policies));
  const plain = await ask(gw.port, { path: '/plain' });
  expect([plain.text, plain.headers['x-size'], plain.headers['x-cut']]).toEqual([text, '1000', 'true']);
  const coded = await fetch(gw.url('/coded'));
  expect([coded.headers.get('x-size'), coded.headers.get('x-cut'), await coded.text()]).toEqual(['1000', 'true', text]);
  await gw.reload(config(echo.host, 200_000, policies));
  const whole = await fetch(gw.url('/coded'));
  expect([whole.headers.get('x-size'), whole.headers.get('x-cut'), await whole.text()]).toEqual([
    '100000',
    'false',
    text,
  ]);
});

test('a response that breaks while it is captured is a failure of the upstream', async () => {
  await using echo = await EchoServer.start('broken', (_request, response) => {
    response.writeHead(200, { 'content-length': '10' });
    response.write('abc', () => response.destroy());
  });
  const policies = `transformations: { response: { set: { x-body: string(response.body) } } }`;
  await using gw = await gateway(config(echo.host, null, policies));
  const answer = await ask(gw.port);
  expect([answer.status, answer.text]).toEqual([503, 'upstream call failed: the response was cut off']);
});

test('a WebSocket passes policies that read bodies', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket, { headers }) => {
    socket.on('message', (data) => socket.send(`${headers['x-set']} ${data}`));
  });
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const policies = `transformations: {
    request: { set: { x-set: '"set"' }, body: string(request.body) + "x" },
    response: { set: { x-code: 'string(response.code)' }, body: 'string(response.body)' } }`;
  await using gw = await gateway(config(`127.0.0.1:${port}`, null, policies));
  const socket = new WebSocket(`ws://127.0.0.1:${gw.port}/`);
  socket.on('open', () => socket.send('hello'));
  const [[{ headers }], [message]] = await Promise.all([once(socket, 'upgrade'), once(socket, 'message')]);
  expect(String(message)).toBe('set hello');
  expect(headers['x-code']).toBe('101');
  socket.terminate();
  server.close();
});
