import zlib from 'node:zlib';
import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { rateLimit } from './support/grpc-services.ts';
import { H2Client } from './support/h2-client.ts';
import { H2Upstream } from './support/h2-upstream.ts';
import { freePort } from './support/ports.ts';
import { RawClient } from './support/raw.ts';
import { verifies } from './verifies.ts';

const route = (host: string, policies: string) => `
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${host}" } ], policies: { ${policies} } } ]
`;
const transform = (echo: EchoServer, options: string) => route(echo.host, `transformations: { ${options} }`);

test('CEL-74: an int is no header value: the header goes', async () => {
  verifies('CEL-74');
  await using echo = await EchoServer.start();
  await using gw = await gateway(transform(echo, 'request: { set: { x-n: "1", x-t: "string(1)" } }'));
  await ask(gw.port, { headers: { 'x-n': 'client' } });
  expect(echo.requests[0]?.headers).toMatchObject({ 'x-t': '1' });
  expect(echo.requests[0]?.headers).not.toHaveProperty('x-n');
});

test('CEL-75: what the client calls itself does not pass for what a token would have said', async () => {
  verifies('CEL-75');
  await using echo = await EchoServer.start();
  await using gw = await gateway(transform(echo, 'request: { set: { x-user: jwt.sub } }'));
  expect((await ask(gw.port, { headers: { 'x-user': 'evil' } })).status).toBe(200);
  expect(echo.requests[0]?.headers).not.toHaveProperty('x-user');
});

test('CEL-76: a map becomes a body of JSON, framed anew', async () => {
  verifies('CEL-76');
  await using echo = await EchoServer.start();
  const body = `body: '{"a": 1}'`;
  await using gw = await gateway(transform(echo, `request: { ${body} }, response: { ${body} }`));
  const answer = await ask(gw.port, { method: 'POST', body: 'something longer' });
  expect([answer.text, answer.headers['content-length'], answer.whole]).toEqual(['{"a":1}', '7', true]);
  expect(echo.requests[0]).toMatchObject({ body: '{"a":1}', headers: { 'content-length': '7' } });
});

test('CEL-77: a body that fails is empty', async () => {
  verifies('CEL-77');
  await using echo = await EchoServer.start();
  const body = `body: 'fail("x")'`;
  await using gw = await gateway(transform(echo, `request: { ${body} }, response: { ${body} }`));
  const answer = await ask(gw.port, { method: 'POST', body: 'something' });
  expect([answer.status, answer.text, answer.headers['content-length']]).toEqual([200, '', '0']);
  expect(echo.requests[0]?.body).toBe('');
});

test('POL-79: answers that are errors are changed too, whoever made them', async () => {
  verifies('POL-79');
  await using echo = await EchoServer.start('down', (_request, response) => response.writeHead(503).end('no'));
  const options = `response: { set: { x-a: '"1"', x-code: 'string(response.code)' } }`;
  await using gw = await gateway(transform(echo, options));
  const theirs = await ask(gw.port);
  expect([theirs.status, theirs.text, theirs.headers['x-a']]).toEqual([503, 'no', '1']);
  await gw.reload(route(`127.0.0.1:${await freePort()}`, `transformations: { ${options} }`));
  const ours = await ask(gw.port);
  expect([ours.status, ours.headers['x-a'], ours.headers['x-code']]).toEqual([503, '1', '503']);
  expect(ours.text).toContain('upstream call failed');
  await gw.reload(transform(echo, `${options}, request: { set: { x: '"y"' } } }, directResponse: { status: 418`));
  expect(await ask(gw.port)).toMatchObject({ status: 418, headers: { 'x-code': '418' } });
});

test('gateway, route and backend change a request in this order; a response by route, backend, gateway', async () => {
  await using echo = await EchoServer.start();
  const say = (name: string) => `
      transformations:
        request: { add: { x-way: '"${name}"' }, metadata: { ${name}: request.path } }
        response: { add: { x-way: '"${name} after " + string(metadata.gateway)' } }`;
  await using gw = await gateway(`
gateways:
  default:
    port: PORT
    ${say('gateway').trimStart()}
routes:
- policies: ${say('route')}
  backends:
  - host: "${echo.host}"
    policies: ${say('backend')}
`);
  const answer = await ask(gw.port, { path: '/p' });
  expect(echo.requests[0]?.headers['x-way']).toBe('gateway, route, backend');
  expect(answer.headers['x-way']).toBe('route after /p, backend after /p, gateway after /p');
});

test('the gateway phase chooses the route by what it changed, the route phase does not', async () => {
  await using a = await EchoServer.start('a');
  await using b = await EchoServer.start('b');
  const on = (phase: 'gateway' | 'route') => {
    const policy = `transformations: { request: { set: { ':path': '"/b"', host: '"b.test:81"' } } }`;
    return `
gateways: { default: { port: PORT, ${phase === 'gateway' ? policy : ''} } }
routes:
- hostnames: [ b.test ]
  matches: [ { path: { exact: /b } } ]
  backends: [ { host: "${b.host}" } ]
- policies: { ${phase === 'route' ? policy : ''} }
  backends: [ { host: "${a.host}" } ]
`;
  };
  await using gw = await gateway(on('gateway'));
  expect(JSON.parse((await ask(gw.port, { path: '/a' })).text)).toMatchObject({
    upstream: 'b',
    url: '/b',
    headers: { host: 'b.test:81' },
  });
  await gw.reload(on('route'));
  expect(JSON.parse((await ask(gw.port, { path: '/a' })).text)).toMatchObject({ upstream: 'a', url: '/b' });
});

test('a policy on a backend is run on every attempt, from what the route left', async () => {
  await using echo = await EchoServer.start('flaky', (request, response) => {
    response.writeHead(request.headers['x-retry-attempt'] === '2' ? 200 : 503).end('done');
  });
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- policies: { retry: { attempts: 2, codes: [503] } }
  backends:
  - host: "${echo.host}"
    policies:
      transformations:
        request:
          add: { x-seen: 'string(request.body) + default(request.headers["x-retry-attempt"], "0")' }
          body: 'string(request.body) + "!"'
        response: { add: { x-code: 'string(response.code)' } }
`);
  const answer = await ask(gw.port, { method: 'POST', body: 'hello' });
  expect([answer.status, answer.headers['x-code']]).toEqual([200, '200']);
  expect(echo.requests.map(({ body, headers }) => [body, headers['x-seen']])).toEqual([
    ['hello!', 'hello0'],
    ['hello!', 'hello1'],
    ['hello!', 'hello2'],
  ]);
});

test('a policy beside the tree reaches one backend only', async () => {
  await using echo = await EchoServer.start();
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
policies:
- name: { name: mark, namespace: '' }
  target: { backend: { backend: { name: shared, namespace: "" } } }
  policy: { transformations: { request: { set: { x-mark: '"1"' } }, response: { set: { x-back: '"1"' } } } }
backends: [ { name: shared, host: "${echo.host}" } ]
routes:
- { matches: [ { path: { exact: /shared } } ], backends: [ { backend: shared } ] }
- { backends: [ { host: "${echo.host}" } ] }
`);
  const [shared, other] = [await ask(gw.port, { path: '/shared' }), await ask(gw.port, { path: '/other' })];
  expect([shared.headers['x-back'], other.headers['x-back']]).toEqual(['1', undefined]);
  expect(echo.requests.map(({ headers }) => headers['x-mark'])).toEqual(['1', undefined]);
});

const codings = {
  gzip: [zlib.gzipSync, zlib.gunzipSync],
  deflate: [zlib.deflateSync, zlib.inflateSync],
  br: [zlib.brotliCompressSync, zlib.brotliDecompressSync],
  zstd: [zlib.zstdCompressSync, zlib.zstdDecompressSync],
} as const;

test.each(Object.keys(codings) as (keyof typeof codings)[])(
  'bodies in %s are read decoded and sent on encoded, both ways',
  async (coding) => {
    const [encode, decode] = codings[coding];
    const received: Buffer[] = [];
    await using upstream = await H2Upstream.start((request, response) => {
      request.on('data', (chunk: Buffer) => received.push(chunk));
      request.on('end', () => {
        response.writeHead(200, { 'content-encoding': coding });
        response.end(encode(Buffer.from('{"from":"upstream"}')));
      });
    });
    const body = (of: string) => `body: '{"was": json(${of}.body).from}', set: { x-was: 'json(${of}.body).from' }`;
    const both = `request: { ${body('request')} }, response: { ${body('response')} }`;
    await using gw = await gateway(route(upstream.host, `transformations: { ${both} }`));
    await using client = new H2Client(gw.url());
    const stream = client.open({ ':method': 'POST', ':path': '/', 'content-encoding': coding });
    stream.end(encode(Buffer.from('{"from":"client"}')));
    const chunks: Buffer[] = [];
    const head = new Promise<NodeJS.Dict<unknown>>((resolve) => stream.on('response', resolve));
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    expect(String(decode(Buffer.concat(received)))).toBe('{"was":"client"}');
    expect(upstream.headers[0]).toMatchObject({ 'content-encoding': coding, 'x-was': 'client' });
    expect(String(decode(Buffer.concat(chunks)))).toBe('{"was":"upstream"}');
    expect(await head).toMatchObject({ 'content-encoding': coding, 'x-was': 'upstream' });
  },
);

test('a stream that is replaced is not read on', async () => {
  const closed = Promise.withResolvers<void>();
  await using echo = await EchoServer.start('endless', (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: 1\n\n');
    response.on('close', () => closed.resolve());
  });
  await using gw = await gateway(transform(echo, `response: { body: '"instead"' }`));
  const answer = await ask(gw.port);
  expect([answer.text, answer.headers['content-length']]).toEqual(['instead', '7']);
  await closed.promise;
});

test('header values are text to expressions and UTF-8 on the wire', async () => {
  await using echo = await EchoServer.start();
  const set = `{ x-out: 'request.headers.first("x-in") + "ü"', x-same: 'request.headers.x_in' }`;
  await using gw = await gateway(transform(echo, `request: { set: ${set} }`));
  await ask(gw.port, { headers: { 'x-in': Buffer.from('é€').toString('latin1') } });
  const seen = String(echo.requests[0]?.headers['x-out']);
  expect(Buffer.from(seen, 'latin1').toString()).toBe('é€ü');
});

test('fields of the framing that an expression sets break no message', async () => {
  await using echo = await EchoServer.start();
  await using upstream = await H2Upstream.start((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => response.end(body));
  });
  const set = `set: { content-length: '"3"', transfer-encoding: '"chunked"', connection: '"close, x-y"', te: '"gzip"' }`;
  const options = `request: { ${set} }, response: { ${set} }`;
  await using gw = await gateway(transform(echo, options));
  const answer = await ask(gw.port, { method: 'POST', body: 'hello' });
  expect([answer.whole, JSON.parse(answer.text).body]).toEqual([true, 'hello']);
  await gw.reload(route(upstream.host, `transformations: { ${options} }`));
  await using client = new H2Client(gw.url());
  expect(await client.ask({ ':method': 'POST', ':path': '/' }, 'hello')).toMatchObject({ status: 200, text: 'hello' });
});

test('a service that a policy asks has transformations of its own', async () => {
  await using echo = await EchoServer.start();
  await using service = await rateLimit(() => ({ overall_code: 'OK' }));
  const policies = `policies: { transformations: { request: { set: { x-asked: 'request.method + request.path' } } } }`;
  const limit = `host: "${service.host}", domain: d, descriptors: [ { entries: [ { key: k, value: '"v"' } ] } ], ${policies}`;
  await using gw = await gateway(route(echo.host, `remoteRateLimit: { ${limit} }`));
  expect((await ask(gw.port)).status).toBe(200);
  expect(service.metadata[0]?.get('x-asked')).toEqual([
    'POST/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit',
  ]);
});

test('an upload that is replaced is not waited for', async () => {
  await using echo = await EchoServer.start();
  await using gw = await gateway(transform(echo, `request: { body: '"instead"' }`));
  await using client = await RawClient.connect(gw.port);
  client.write('POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000\r\n\r\nsome of it');
  expect(await client.until('"body":"instead"}')).toContain('HTTP/1.1 200 ');
  await using other = new H2Client(gw.url('/'));
  await using upstream = await H2Upstream.start((_request, response) => response.end('done'));
  await gw.reload(route(upstream.host, `transformations: { request: { body: '"instead"' } }`));
  const stream = other.open({ ':method': 'POST', ':path': '/' });
  stream.write('some of it');
  let text = '';
  for await (const chunk of stream) text += chunk;
  expect(text).toBe('done');
});
