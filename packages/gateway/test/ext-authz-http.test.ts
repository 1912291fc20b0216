import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { freePort } from './support/ports.ts';
import { RawClient } from './support/raw.ts';
import { verifies } from './verifies.ts';

/** A gateway's file: `/a` is guarded as given, `/b` is not. */
const config = (echo: EchoServer, extAuthz: string, more = '') => `
gateways: { default: { port: PORT } }
routes:
- { name: a, matches: [ { path: { pathPrefix: /a } } ], backends: [ { host: "${echo.host}" } ], policies: { extAuthz: ${extAuthz}${more} } }
- { name: b, matches: [ { path: { pathPrefix: /b } } ], backends: [ { host: "${echo.host}" } ] }
`;

/** What the upstream was asked, as its answer tells it. */
const heard = (text: string) => JSON.parse(text) as { headers: Record<string, string>; body: string; url: string };

test('POL-87: a check shows the method, the target and the credentials, and nothing else of the client’s', async () => {
  verifies('POL-87');
  await using echo = await EchoServer.start();
  await using authz = await EchoServer.start('authz');
  await using gw = await gateway(config(echo, `{ host: "${authz.host}", protocol: { http: {} } }`));
  const headers = { host: 'h', authorization: 'Bearer t', cookie: 'c=1', 'x-a': '1' };
  const answer = await ask(gw.port, { method: 'PUT', path: '/a?q=1', headers, body: 'content' });
  expect([answer.status, heard(answer.text).body]).toEqual([200, 'content']);
  const [check] = authz.requests;
  expect(check).toMatchObject({ method: 'PUT', url: '/a?q=1', body: '' });
  expect(Object.keys(check?.headers ?? {}).sort()).toEqual(['authorization', 'content-length', 'host']);
  expect(check?.headers).toMatchObject({ authorization: 'Bearer t', host: authz.host });
});

test('what the answer says of the request goes upstream, and expressions make metadata of it', async () => {
  await using echo = await EchoServer.start();
  await using authz = await EchoServer.start('authz', (_request, response) => {
    response.writeHead(202, { 'x-user': 'alice', 'x-other': 'no' }).end('{"team":"blue"}');
  });
  const file = `
gateways: { default: { port: PORT } }
routes:
- backends: [ { host: "${echo.host}" } ]
  policies:
    extAuthz:
      host: ${authz.host}
      includeRequestHeaders: [x-a, ":authority", connection]
      protocol:
        http:
          path: '"/check" + request.path'
          addRequestHeaders: { x-via: '"gateway"', x-a: 'request.nothing', ":authority": '"authz.test"' }
          includeResponseHeaders: [x-user]
          metadata: { user: 'response.headers["x-user"]', team: 'json(response.body).team', none: 'response.nothing' }
    directResponse:
      conditional:
      - condition: 'request.path == "/told" && extauthz == {"user": "alice", "team": "blue"}'
        status: 299
        body: blue
      - condition: 'request.path == "/told"'
        status: 298
        body: nothing was told
`;
  await using gw = await gateway(file);
  const answer = await ask(gw.port, { path: '/p', headers: { host: 'h', 'x-a': 'spoofed', 'x-user': 'mallory' } });
  expect(heard(answer.text).headers).toMatchObject({ 'x-user': 'alice' });
  expect(heard(answer.text).headers).not.toHaveProperty('x-other');
  expect(authz.requests[0]).toMatchObject({ url: '/check/p', headers: { 'x-via': 'gateway', host: 'authz.test' } });
  expect(authz.requests[0]?.headers).not.toHaveProperty('x-a');
  expect(await ask(gw.port, { path: '/told' })).toMatchObject({ status: 299, text: 'blue' });
});

test('POL-40: who is not known is sent to log in', async () => {
  verifies('POL-40');
  await using echo = await EchoServer.start();
  await using authz = await EchoServer.start('authz', (_request, response) => response.writeHead(401).end('who?'));
  const redirect = `redirect: '"https://login.test/?rd=" + request.path'`;
  await using gw = await gateway(config(echo, `{ host: "${authz.host}", protocol: { http: { ${redirect} } } }`));
  const answer = await ask(gw.port, { path: '/a/b?c' });
  expect([answer.status, answer.headers.location, answer.text]).toEqual([302, 'https://login.test/?rd=/a/b', '']);
  expect(echo.requests).toEqual([]);
  expect(await gw.line()).toMatchObject({ reason: 'DirectResponse', 'http.status': 302 });
});

test('POL-41: any other answer is the client’s, whole, without what belongs to the connection', async () => {
  verifies('POL-41');
  await using echo = await EchoServer.start();
  let status = 500;
  await using authz = await EchoServer.start('authz', (_request, response) => {
    response.setHeader('set-cookie', ['a=1', 'b=2']);
    response.writeHead(status, { 'x-why': 'because', 'keep-alive': 'timeout=9' }).end('x'.repeat(100_000));
  });
  await using gw = await gateway(config(echo, `{ host: "${authz.host}", protocol: { http: {} } }`));
  for (status of [500, 403, 429, 307]) {
    const answer = await ask(gw.port, { path: '/a' });
    expect([answer.status, answer.text.length, answer.headers['x-why']]).toEqual([status, 100_000, 'because']);
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(answer.headers).not.toHaveProperty('keep-alive');
  }
  expect(echo.requests).toEqual([]);
});

test('a service in trouble has not decided: with failureMode allow its 5xx lets pass, its 4xx does not', async () => {
  await using echo = await EchoServer.start();
  let status = 503;
  await using authz = await EchoServer.start('authz', (_request, response) => response.writeHead(status).end('x'));
  const policy = `{ host: "${authz.host}", failureMode: allow, protocol: { http: {} } }`;
  await using gw = await gateway(config(echo, policy));
  expect((await ask(gw.port, { path: '/a' })).status).toBe(200);
  status = 403;
  expect((await ask(gw.port, { path: '/a' })).status).toBe(403);
});

test('a service that is not there, hangs up or talks nonsense has failed, and other routes go on', async () => {
  await using echo = await EchoServer.start();
  const kinds = ['hang up', 'nonsense', 'half'] as const;
  let kind: (typeof kinds)[number] = 'hang up';
  await using authz = await EchoServer.start('authz', ({ socket }) => {
    if (kind === 'nonsense') socket.end('SMTP ready\r\n\r\n');
    else if (kind === 'half') socket.end('HTTP/1.1 200 OK\r\ncontent-len');
    else socket.destroy();
  });
  const modes = [
    ['deny', 403, 'external authorization failed'],
    ['allow', 200, null],
    ['{ denyWithStatus: 503 }', 503, 'external authorization failed'],
    ['{ denyWithStatus: 42 }', 403, 'external authorization failed'],
  ] as const;
  for (const [mode, status, text] of modes) {
    const policy = (host: string) => config(echo, `{ host: "${host}", failureMode: ${mode}, protocol: { http: {} } }`);
    await using gw = await gateway(policy(authz.host));
    for (kind of kinds) {
      const answer = await ask(gw.port, { path: '/a' });
      expect([kind, answer.status]).toEqual([kind, status]);
      if (text !== null) expect(answer.text).toBe(text);
    }
    await gw.reload(policy(`127.0.0.1:${await freePort()}`));
    expect((await ask(gw.port, { path: '/a' })).status).toBe(status);
    expect((await ask(gw.port, { path: '/b' })).status).toBe(200);
    if (status === 403) expect(await gw.line()).toMatchObject({ reason: 'ExtAuth', 'http.status': 403 });
  }
});

test('POL-69: a gRPC caller is refused in gRPC’s way', async () => {
  verifies('POL-69');
  await using echo = await EchoServer.start();
  const nowhere = `127.0.0.1:${await freePort()}`;
  await using gw = await gateway(config(echo, `{ host: "${nowhere}", protocol: { http: {} } }`));
  const answer = await ask(gw.port, { path: '/a', headers: { host: 'h', 'content-type': 'application/grpc+proto' } });
  expect([answer.status, answer.headers['grpc-status'], answer.headers['grpc-message'], answer.text]).toEqual([
    200,
    '7',
    'external%20authorization%20failed',
    '',
  ]);
});

test('a check that hangs is given up with its client, and holds nobody else up', async () => {
  await using echo = await EchoServer.start();
  const asked = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  await using authz = await EchoServer.start('authz', ({ socket }) => {
    socket.once('close', () => gone.resolve());
    asked.resolve();
  });
  await using gw = await gateway(config(echo, `{ host: "${authz.host}", protocol: { http: {} } }`));
  const client = await RawClient.connect(gw.port);
  client.write('GET /a HTTP/1.1\r\nhost: h\r\n\r\n');
  await asked.promise;
  expect((await ask(gw.port, { path: '/b' })).status).toBe(200);
  client.socket.destroy();
  await gone.promise;
  expect(echo.requests).toHaveLength(1);
});

test('the route’s own time for a request ends a check as well', async () => {
  await using echo = await EchoServer.start();
  await using authz = await EchoServer.start('authz', () => {});
  const policy = `{ host: "${authz.host}", failureMode: allow, protocol: { http: {} } }`;
  await using gw = await gateway(config(echo, policy, ', timeout: { requestTimeout: 50ms }'));
  const answer = await ask(gw.port, { path: '/a' });
  expect([answer.status, answer.text]).toEqual([504, 'request timeout']);
});

test('POL-38, POL-39: a body is shown up to the limit, refused or cut beyond, and the upstream gets all of it', async () => {
  verifies('POL-38', 'POL-39');
  await using echo = await EchoServer.start();
  await using authz = await EchoServer.start('authz');
  const policy = (body: string) => `{ host: "${authz.host}", includeRequestBody: ${body}, protocol: { http: {} } }`;
  await using gw = await gateway(config(echo, policy('{}')));
  const post = (length: number, headers = {}) =>
    ask(gw.port, { method: 'POST', path: '/a', headers: { host: 'h', ...headers }, body: 'x'.repeat(length) });
  const partial = 'x-envoy-auth-partial-body';

  // What is left out is 8192 bytes, of known length or not.
  expect(heard((await post(8192)).text).body).toHaveLength(8192);
  expect(authz.requests[0]).toMatchObject({ body: 'x'.repeat(8192), headers: { [partial]: 'false' } });
  for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
    const tooLong = await post(10_240, headers);
    expect([tooLong.status, tooLong.text]).toEqual([413, 'external authorization failed']);
  }
  expect([authz.requests.length, echo.requests.length]).toEqual([1, 1]);
  expect(heard((await post(0)).text).body).toBe('');
  expect(authz.requests[1]?.headers).toMatchObject({ [partial]: 'false' });

  await gw.reload(config(echo, policy('{ maxRequestBytes: 100, allowPartialMessage: true }')));
  for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
    const answer = await post(300_000, headers);
    expect(heard(answer.text).body).toHaveLength(300_000);
    expect(authz.requests.at(-1)).toMatchObject({ body: 'x'.repeat(100), headers: { [partial]: 'true' } });
  }
});

test('a body of its own goes in place of the client’s; what cannot be said refuses the request', async () => {
  await using echo = await EchoServer.start();
  await using authz = await EchoServer.start('authz');
  const policy = (http: string) => `{ host: "${authz.host}", failureMode: allow, protocol: { http: { ${http} } } }`;
  await using gw = await gateway(config(echo, policy(`body: '{"m": request.method, "b": string(request.body)}'`)));
  const post = () => ask(gw.port, { method: 'POST', path: '/a', body: 'hello' });
  expect(heard((await post()).text).body).toBe('hello');
  expect(JSON.parse(authz.requests[0]?.body ?? '')).toEqual({ m: 'POST', b: 'hello' });
  for (const http of ['body: request.nothing', 'path: "1"', `path: '"no slash"'`, `path: '"/a b"'`]) {
    await gw.reload(config(echo, policy(http)));
    expect([http, (await post()).status]).toEqual([http, 403]);
  }
});

test('POL-42: of two requests alike one is asked about, and a reload that leaves the policy alone forgets nothing', async () => {
  verifies('POL-42');
  await using echo = await EchoServer.start();
  await using authz = await EchoServer.start('authz', (_request, response) => {
    response.writeHead(200, { 'x-user': 'alice' }).end();
  });
  const cache = `cache: { key: ['request.headers["authorization"]'], ttl: 10m }`;
  const file = config(
    echo,
    `{ host: "${authz.host}", ${cache}, protocol: { http: { includeResponseHeaders: [x-user] } } }`,
  );
  await using gw = await gateway(file);
  const as = async (authorization: string) =>
    heard((await ask(gw.port, { path: '/a', headers: { host: 'h', authorization } })).text).headers['x-user'];
  expect([await as('t'), await as('t')]).toEqual(['alice', 'alice']);
  expect(authz.requests).toHaveLength(1);
  await gw.reload(
    `${file}- { name: c, matches: [ { path: { exact: /c } } ], backends: [ { host: "${echo.host}" } ] }\n`,
  );
  expect([await as('t'), await as('u')]).toEqual(['alice', 'alice']);
  expect(authz.requests).toHaveLength(2);
});

test('POL-68: in conditional entries the one without a condition is the last', async () => {
  verifies('POL-68');
  await using echo = await EchoServer.start();
  await using first = await EchoServer.start('first', (_request, response) => response.writeHead(418).end());
  await using second = await EchoServer.start('second', (_request, response) => response.writeHead(403).end());
  const entry = (host: string) => `host: "${host}", protocol: { http: {} }`;
  const wrong = `{ conditional: [ { ${entry(first.host)} }, { condition: "true", ${entry(second.host)} } ] }`;
  await expect(gateway(config(echo, wrong))).rejects.toThrow('entries without condition must be last');
  const condition = `'request.path == "/a/1"'`;
  const right = `{ conditional: [ { condition: ${condition}, ${entry(first.host)} }, { ${entry(second.host)} } ] }`;
  await using gw = await gateway(config(echo, right));
  expect((await ask(gw.port, { path: '/a/1' })).status).toBe(418);
  expect((await ask(gw.port, { path: '/a/2' })).status).toBe(403);
});

test('in the gateway phase, on a backend, and by the name of one', async () => {
  await using echo = await EchoServer.start();
  await using authz = await EchoServer.start('authz', (request, response) =>
    response.writeHead(request.url === '/no' ? 403 : 200).end(),
  );
  const policy = '{ backend: authz, protocol: { http: {} } }';
  const file = (gatewayPolicies: string, backendPolicies: string) => `
gateways: { default: { port: PORT ${gatewayPolicies} } }
backends: [ { name: authz, host: "${authz.host}" } ]
routes: [ { backends: [ { host: "${echo.host}", ${backendPolicies} } ] } ]
`;
  for (const text of [file(`, extAuthz: ${policy}`, ''), file('', `policies: { extAuthz: ${policy} }`)]) {
    await using gw = await gateway(text);
    expect((await ask(gw.port, { path: '/yes' })).status).toBe(200);
    expect((await ask(gw.port, { path: '/no' })).status).toBe(403);
  }
});

test('a service that asks itself comes to an end', async () => {
  await using echo = await EchoServer.start();
  const policy = '{ backend: circle, protocol: { http: {} } }';
  await using gw = await gateway(`
gateways: { default: { port: PORT, extAuthz: ${policy} } }
backends: [ { name: circle, host: "${echo.host}", policies: { extAuthz: ${policy} } } ]
routes: [ { backends: [ { host: "${echo.host}" } ] } ]
`);
  expect((await ask(gw.port)).status).toBe(403);
  expect(echo.requests).toEqual([]);
});

test('a change of protocol is asked about like any request, and nothing of it is waited for', async () => {
  await using echo = await EchoServer.start();
  echo.server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: shout\r\n\r\nHELLO');
  });
  await using authz = await EchoServer.start('authz');
  const policy = `{ host: "${authz.host}", includeRequestBody: {}, includeRequestHeaders: [upgrade, x-a], protocol: { http: {} } }`;
  await using gw = await gateway(config(echo, policy));
  await using client = await RawClient.connect(gw.port);
  client.write('GET /a HTTP/1.1\r\nhost: h\r\nx-a: 1\r\nconnection: upgrade\r\nupgrade: shout\r\n\r\n');
  expect(await client.until('HELLO')).toContain('101 Switching Protocols');
  expect(authz.requests[0]?.headers).toMatchObject({ 'x-a': '1' });
  expect(authz.requests[0]?.headers).not.toHaveProperty('upgrade');
});
