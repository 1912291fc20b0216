import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { Certificates } from './support/certificates.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { extAuthz, type GrpcService, type Plain } from './support/grpc-services.ts';
import { RawClient } from './support/raw.ts';
import { verifies } from './verifies.ts';

/** A gateway's file: `/b` is not guarded, everything else is. */
const config = (echo: EchoServer, authz: GrpcService, fields = '', more = '') => `
gateways: { default: { port: PORT } }
routes:
- { name: b, matches: [ { path: { pathPrefix: /b } } ], backends: [ { host: "${echo.host}" } ] }
- name: a
  backends: [ { host: "${echo.host}" } ]
  policies: { extAuthz: { host: "${authz.host}" ${fields} } ${more} }
`;

const ok: Plain = { status: { code: 0 } };
const header = (key: string, value: string, rest: object = {}) => ({ header: { key, value }, ...rest });
const heard = (text: string) => JSON.parse(text) as { headers: Record<string, string>; body: string; url: string };

/** The attributes of a check, as far as tests look. */
interface Attributes {
  readonly source: { readonly address: { readonly socket_address: Plain }; readonly principal: string };
  readonly destination: { readonly address: { readonly socket_address: Plain } };
  readonly request: { readonly time: { readonly seconds: string }; readonly http: Record<string, unknown> };
  readonly context_extensions: Plain;
  readonly metadata_context: { readonly filter_metadata: Record<string, { readonly fields: Plain }> };
  readonly tls_session?: { readonly sni: string };
}

const told = (service: GrpcService, index = -1) => service.requests.at(index)?.attributes as Attributes;

test('POL-35: what the service says of headers is done, on the request and on the response', async () => {
  verifies('POL-35');
  await using echo = await EchoServer.start('echo', (_request, response, asked) => {
    response.setHeader('set-cookie', 'own=1').setHeader('x-own', 'upstream').end(JSON.stringify(asked));
  });
  await using authz = await extAuthz(() => ({
    ...ok,
    ok_response: {
      headers: [
        header('x-more', '2', { append: { value: true } }),
        header('x-set', '2'),
        header('x-raw', '', { header: { key: 'x-raw', raw_value: Buffer.from('caf\xe9', 'latin1') } }),
        header('x-absent', '2', { append_action: 'ADD_IF_ABSENT' }),
        header('x-none', '2', { append_action: 'OVERWRITE_IF_EXISTS' }),
        header('x-empty', ''),
      ],
      response_headers_to_add: [
        header('set-cookie', 'a=1'),
        header('set-cookie', 'b=2'),
        header('x-own', '1'),
        header('x-own', '2'),
        header(':status', '500'),
      ],
    },
  }));
  await using gw = await gateway(config(echo, authz));
  const headers = ['host', 'h', 'x-more', '1', 'x-set', '1', 'x-absent', '1'];
  const answer = await ask(gw.port, { headers });
  const { headers: upstream } = heard(answer.text);
  expect(upstream).toMatchObject({ 'x-more': '1, 2', 'x-set': '2', 'x-raw': 'caf\xe9', 'x-absent': '1' });
  for (const name of ['x-none', 'x-empty']) expect(upstream).not.toHaveProperty(name);
  expect(answer.status).toBe(200);
  expect(answer.headers['set-cookie']).toEqual(['own=1', 'a=1', 'b=2']);
  expect(answer.headers['x-own']).toBe('1, 2');
  expect(gw.log.filter((line) => line.startsWith('warn extAuthz'))).toHaveLength(2);
});

test('POL-36: a refusal is answered as the service says; without words, as the gateway does', async () => {
  verifies('POL-36');
  await using echo = await EchoServer.start();
  const denied: Plain = {
    status: { code: 401 },
    headers: [header('x', '1'), header('set-cookie', 'a=1'), header('set-cookie', 'b=2')],
    body: 'no',
  };
  let answer: Plain = { status: { code: 7 }, denied_response: denied };
  await using authz = await extAuthz(() => answer);
  await using gw = await gateway(config(echo, authz));
  const first = await ask(gw.port);
  expect([first.status, first.text, first.headers.x]).toEqual([401, 'no', '1']);
  expect(first.headers['set-cookie']).toEqual(['a=1', 'b=2']);
  expect(await gw.line()).toMatchObject({ reason: 'DirectResponse', 'http.status': 401 });

  answer = { status: { code: 7 }, denied_response: {} };
  expect(await ask(gw.port)).toMatchObject({ status: 403, text: '' });
  for (answer of [{ status: { code: 7 } }, { status: { code: 7 }, ok_response: {} }, {}])
    expect(await ask(gw.port)).toMatchObject({ status: 403, text: 'external authorization failed' });
  expect(await gw.line(3)).toMatchObject({ reason: 'ExtAuth', 'http.status': 403 });
  expect(echo.requests).toEqual([]);

  // OK is OK, whatever else is said.
  answer = { ...ok, denied_response: denied };
  expect((await ask(gw.port)).status).toBe(200);
});

test('POL-69: a gRPC caller is refused in gRPC’s way, with the service’s words', async () => {
  verifies('POL-69');
  await using echo = await EchoServer.start();
  let answer: Plain = { status: { code: 7 } };
  await using authz = await extAuthz(() => answer);
  await using gw = await gateway(config(echo, authz));
  const call = () => ask(gw.port, { headers: { host: 'h', 'content-type': 'application/grpc' } });
  expect(await call()).toMatchObject({ status: 200, headers: { 'grpc-status': '7' }, text: '' });
  answer = {
    status: { code: 16 },
    denied_response: { status: { code: 401 }, headers: [header('x-why', 'x')], body: 'no' },
  };
  expect(await call()).toMatchObject({
    status: 200,
    headers: {
      'grpc-status': '16',
      'grpc-message': 'external%20authorization%20failed:%20no',
      'x-why': 'x',
      'content-type': 'application/grpc',
    },
  });
});

test('POL-37: a service that is down fails as the policy says', async () => {
  verifies('POL-37');
  await using echo = await EchoServer.start();
  const authz = await extAuthz(() => ok);
  authz.die();
  for (const [mode, status] of [
    ['deny', 403],
    ['allow', 200],
    ['{ denyWithStatus: 503 }', 503],
  ] as const) {
    await using gw = await gateway(config(echo, authz, `, failureMode: ${mode}`));
    const answer = await ask(gw.port, { path: '/a' });
    expect([mode, answer.status]).toEqual([mode, status]);
    if (status !== 200) {
      expect(answer.text).toBe('external authorization failed');
      expect(await gw.line()).toMatchObject({ reason: 'ExtAuth' });
    }
    expect((await ask(gw.port, { path: '/b' })).status).toBe(200);
  }
});

test('a service that dies in the middle, or answers an error, has failed as well', async () => {
  await using echo = await EchoServer.start();
  await using refusing = await extAuthz(() => {
    throw Object.assign(new Error('out of order'), { code: 14 });
  });
  await using gw = await gateway(config(echo, refusing));
  expect((await ask(gw.port)).status).toBe(403);
  expect((await gw.line()).error).toContain('out of order');

  const dying: GrpcService = await extAuthz(() => {
    dying.die();
    return new Promise(() => {});
  });
  await gw.reload(config(echo, dying, ', failureMode: { denyWithStatus: 502 }'));
  expect((await ask(gw.port)).status).toBe(502);

  await using nonsense = await EchoServer.start('nonsense', (_request, response) => response.end('hello'));
  await gw.reload(config(echo, dying).replace(dying.host, nonsense.host));
  expect((await ask(gw.port)).status).toBe(403);
});

test('a service that hangs is given up with its client, at the route’s own time, and holds nobody else up', async () => {
  await using echo = await EchoServer.start();
  await using authz = await extAuthz(() => new Promise(() => {}));
  await using gw = await gateway(config(echo, authz));
  const client = await RawClient.connect(gw.port);
  client.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  await authz.received(1);
  expect((await ask(gw.port, { path: '/b' })).status).toBe(200);
  client.socket.destroy();
  await authz.givenUp(1);
  await gw.reload(config(echo, authz, ', failureMode: allow', ', timeout: { requestTimeout: 50ms }'));
  expect((await ask(gw.port)).status).toBe(504);
  await authz.givenUp(2);
});

test('the service is told of the connection, the request and what the file adds', async () => {
  await using echo = await EchoServer.start();
  await using authz = await extAuthz(() => ok);
  const metadata = `{ a.filter: '{"m": request.method, "n": 1u, "l": [1, true]}', not.a.map: '1', broken: request.x }`;
  const fields = `, protocol: { grpc: { context: { tier: gold }, metadata: ${metadata} } }`;
  await using gw = await gateway(config(echo, authz, fields));
  const headers = ['host', 'H.test', 'X-A', '1', 'x-a', 'zwei ü', 'cookie', 'a=1', 'cookie', 'b=2'];
  await ask(gw.port, { method: 'POST', path: '/p?q=1', headers, body: 'content' });
  const { source, destination, request, context_extensions, metadata_context, tls_session } = told(authz);
  expect(source.address.socket_address).toMatchObject({ address: '127.0.0.1' });
  expect(source.address.socket_address.port_value).toBeGreaterThan(0);
  expect(source).not.toHaveProperty('principal');
  expect(destination.address.socket_address).toMatchObject({ address: '127.0.0.1', port_value: gw.port });
  expect(Number(request.time.seconds)).toBeGreaterThan(1.7e9);
  expect(request.http).toMatchObject({
    method: 'POST',
    path: '/p?q=1',
    host: 'h.test',
    scheme: 'http',
    protocol: 'HTTP/1.1',
  });
  for (const name of ['query', 'fragment', 'size', 'body']) expect(request.http).not.toHaveProperty(name);
  expect(request.http.id).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  expect(request.http.headers).toMatchObject({
    ':method': 'POST',
    ':path': '/p?q=1',
    ':authority': 'h.test',
    ':scheme': 'http',
    cookie: 'a=1; b=2',
  });
  expect(context_extensions).toEqual({ tier: 'gold' });
  expect(Object.keys(metadata_context.filter_metadata)).toEqual(['a.filter']);
  expect(metadata_context.filter_metadata['a.filter']?.fields).toMatchObject({
    m: { stringValue: 'POST' },
    n: { numberValue: 1 },
  });
  expect(tls_session).toBeUndefined();

  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  await ask(gw.port, { headers: { host: 'h', traceparent, 'x-forwarded-proto': 'https' } });
  expect(told(authz).request.http).toMatchObject({ id: traceparent, scheme: 'https' });
});

test('POL-86: exactly the headers that are asked for are shown', async () => {
  verifies('POL-86');
  await using echo = await EchoServer.start();
  await using authz = await extAuthz(() => ok);
  await using gw = await gateway(config(echo, authz, ', includeRequestHeaders: [":path", Cookie]'));
  await ask(gw.port, { path: '/x', headers: ['host', 'h', 'x-a', '1', 'cookie', 'a', 'cookie', 'b'] });
  expect(told(authz).request.http.headers).toEqual({ ':path': '/x', cookie: 'a; b' });
});

test('the principal is that of the client’s certificate, and its server name is told', async () => {
  using certificates = new Certificates({
    server: ['DNS:gw.test'],
    client: ['URI:spiffe://td/ns/n/sa/alice', 'DNS:alice.test'],
  });
  await using echo = await EchoServer.start();
  await using authz = await extAuthz(() => ok);
  const listener = `{ cert: ${certificates.path('server.pem')}, key: ${certificates.path('server.key')}, root: ${certificates.path('ca.pem')} }`;
  await using gw = await gateway(
    config(echo, authz).replace('port: PORT', `port: PORT, protocol: HTTPS, tls: ${listener}`),
  );
  const answer = await ask(gw.port, {
    secure: true,
    ca: certificates.read('ca.pem'),
    cert: certificates.read('client.pem'),
    key: certificates.read('client.key'),
    servername: 'gw.test',
    headers: { host: 'gw.test' },
  });
  expect(answer.status).toBe(200);
  expect(told(authz)).toMatchObject({
    source: { principal: 'spiffe://td/ns/n/sa/alice' },
    request: { http: { scheme: 'https' } },
    tls_session: { sni: 'gw.test' },
  });
});

test('POL-38, POL-39: a body is shown up to the limit, refused or cut beyond, and the upstream gets all of it', async () => {
  verifies('POL-38', 'POL-39');
  await using echo = await EchoServer.start();
  await using authz = await extAuthz(() => ok);
  const policy = (body: string) => config(echo, authz, `, includeRequestBody: ${body}`);
  await using gw = await gateway(policy('{ maxRequestBytes: 8192 }'));
  const post = (body: string | Buffer) => ask(gw.port, { method: 'POST', headers: { host: 'h' }, body });
  expect((await post('x'.repeat(10_240))).status).toBe(413);
  expect([authz.requests.length, echo.requests.length]).toEqual([0, 0]);
  expect(heard((await post('hello')).text).body).toBe('hello');
  expect(told(authz).request.http).toMatchObject({ body: 'hello', size: '5' });

  await gw.reload(policy('{ allowPartialMessage: true }'));
  expect(heard((await post('x'.repeat(10_240))).text).body).toHaveLength(10_240);
  expect(told(authz).request.http).toMatchObject({ body: 'x'.repeat(8192), size: '-1' });

  await gw.reload(policy('{ packAsBytes: true }'));
  const bytes = Buffer.from([0, 255, 254]);
  await post(bytes);
  expect(told(authz).request.http).toMatchObject({ raw_body: bytes, size: '3' });
  expect(told(authz).request.http).not.toHaveProperty('body');
});

test('POL-43: what the service tells of the client is there for the rules that come after it', async () => {
  verifies('POL-43');
  await using echo = await EchoServer.start();
  let code = 0;
  let user = 'a';
  await using authz = await extAuthz(() => ({
    status: { code },
    ok_response: { dynamic_metadata: { fields: { user: { stringValue: 'ignored' } } } },
    dynamic_metadata: { fields: { user: { stringValue: user } } },
  }));
  await using gw = await gateway(config(echo, authz, '', `, authorization: { rules: [ 'extauthz.user == "a"' ] }`));
  expect((await ask(gw.port)).status).toBe(200);
  user = 'b';
  expect(await ask(gw.port)).toMatchObject({ status: 403, text: 'authorization failed' });
  code = 7;
  expect(await ask(gw.port)).toMatchObject({ status: 403, text: 'external authorization failed' });
});

test('POL-76: parameters of the query are set and removed', async () => {
  verifies('POL-76');
  await using echo = await EchoServer.start();
  await using authz = await extAuthz(() => ({
    ...ok,
    ok_response: { query_parameters_to_set: [{ key: 'a', value: '1' }], query_parameters_to_remove: ['b'] },
  }));
  await using gw = await gateway(config(echo, authz));
  expect(heard((await ask(gw.port, { path: '/p?b=2&a=0' })).text).url).toBe('/p?a=1');
});

test('POL-88: the target of a request cannot be removed', async () => {
  verifies('POL-88');
  await using echo = await EchoServer.start();
  await using authz = await extAuthz(() => ({ ...ok, ok_response: { headers_to_remove: [':path', 'Host', 'X-A'] } }));
  await using gw = await gateway(config(echo, authz));
  const { url, headers } = heard(
    (await ask(gw.port, { path: '/p', headers: { host: 'h', 'x-a': '1', 'x-b': '2' } })).text,
  );
  expect([url, headers.host, headers['x-b']]).toEqual(['/p', 'h', '2']);
  expect(headers).not.toHaveProperty('x-a');
});

test('in the gateway phase the service may say where a request goes', async () => {
  await using echo = await EchoServer.start();
  await using authz = await extAuthz(() => ({
    ...ok,
    ok_response: { headers: [header('host', 'inner.test'), header(':path', '/inner')] },
  }));
  await using gw = await gateway(`
gateways: { default: { port: PORT, extAuthz: { host: "${authz.host}" } } }
routes: [ { hostnames: [inner.test], matches: [ { path: { exact: /inner } } ], backends: [ { host: "${echo.host}" } ] } ]
`);
  expect(heard((await ask(gw.port, { headers: { host: 'outer.test' } })).text)).toMatchObject({
    url: '/inner',
    headers: { host: 'inner.test' },
  });
});

test('on a backend each attempt is asked about, and what the last one queued is sent', async () => {
  let tries = 0;
  await using echo = await EchoServer.start('echo', (_request, response) => {
    tries += 1;
    response.writeHead(tries < 3 ? 503 : 200).end();
  });
  await using authz = await extAuthz(() => ({
    ...ok,
    ok_response: { response_headers_to_add: [header('set-cookie', `try=${authz.requests.length}`)] },
  }));
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- backends: [ { host: "${echo.host}", policies: { extAuthz: { host: "${authz.host}" } } } ]
  policies: { retry: { attempts: 2, codes: [503] } }
`);
  expect(await ask(gw.port)).toMatchObject({ status: 200, headers: { 'set-cookie': ['try=3'] } });
});
