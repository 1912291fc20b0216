import http from 'node:http';
import { afterAll, expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { Certificates } from './support/certificates.ts';
import { count } from './support/counts.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { RawClient } from './support/raw.ts';
import { verifies } from './verifies.ts';

const direct = (accessLog: string, policies = 'directResponse: { status: 200, body: hello }') => `
gateways: { default: { port: PORT } }
frontendPolicies: { accessLog: ${accessLog} }
routes: [ { name: api, matches: [ { path: { exact: / } } ], policies: { ${policies} } } ]
`;

const proxied = (host: string, accessLog: string) => `
gateways: { default: { port: PORT } }
frontendPolicies: { accessLog: ${accessLog} }
routes: [ { name: api, backends: [ { host: "${host}" } ] } ]
`;

test('TEL-5: a filter keeps what it is true for, and nothing else', async () => {
  verifies('TEL-5');
  await using gw = await gateway(direct(`{ filter: 'response.code >= 400' }`));
  await ask(gw.port);
  await ask(gw.port, { path: '/nothing' });
  expect(await gw.line()).toMatchObject({ 'http.status': 404, reason: 'NotFound' });
  for (const filter of ['nosuch.field', '"true"', '1', 'null']) {
    await gw.reload(direct(`{ filter: '${filter}' }`));
    await ask(gw.port);
  }
  await gw.reload(direct(`{ filter: 'true' }`));
  await ask(gw.port);
  expect(await gw.line(2)).toMatchObject({ 'http.status': 200 });
});

test('TEL-6: keys are added behind the others, replaced and removed', async () => {
  verifies('TEL-6');
  await using gw = await gateway(
    direct(
      `{ add: { tenant: 'request.headers["x-tenant"]', http.status: '"hidden"' }, remove: [ src.addr, level, time, scope ] }`,
    ),
  );
  await ask(gw.port, { headers: { host: 'h', 'x-tenant': 't1' } });
  await ask(gw.port, { headers: { host: 'h' } });
  await gw.line(2);
  const keys = ['level', 'time', 'scope', 'gateway', 'listener', 'route', 'http.method', 'http.host', 'http.path'];
  const end = ['http.version', 'protocol', 'reason', 'duration'];
  expect(gw.lines.map((line) => Object.keys(line))).toEqual([
    [...keys, ...end, 'tenant', 'http.status'],
    [...keys, ...end, 'http.status'],
  ]);
  expect(gw.lines[0]).toMatchObject({ level: 'info', scope: 'request', tenant: 't1', 'http.status': 'hidden' });
});

test('TEL-7, CEL-70: maps and lists become keys of their own', async () => {
  verifies('TEL-7', 'CEL-70');
  const map = '{"a": 1, "b": {"d": 2}, "n": null}';
  const add = `{ c: 'flatten(${map})', r: 'flattenRecursive(${map})', l: 'flatten(["x", true])', h: 'flatten(request.headers)' }`;
  await using gw = await gateway(direct(`{ add: ${add} }`));
  await ask(gw.port, { headers: { host: 'h', 'x-example': 'v', 'x-twice': ['1', '2'] } });
  const line = await gw.line();
  expect(line).toMatchObject({ 'c.a': 1, 'c.b': { d: 2 }, 'r.a': 1, 'r.b.d': 2, 'l.0': 'x', 'l.1': true });
  expect(line).toMatchObject({ 'h.x-example': 'v', 'h.x-twice': ['1', '2'] });
  for (const absent of ['c', 'c.n', 'r', 'r.b', 'r.n', 'h']) expect(line).not.toHaveProperty([absent]);
});

test('what a client sends cannot stand for a key of the gateway', async () => {
  const add = `{ http: 'flatten(request.headers)', own.a: '"mine"', own: 'flatten({"a": request.headers.status, "b": 1})' }`;
  await using gw = await gateway(direct(`{ add: ${add} }`));
  await ask(gw.port, { headers: { host: 'h', status: '599', method: 'FORGED', other: 'shown' } });
  expect(await gw.line()).toMatchObject({ 'http.status': 200, 'http.method': 'GET', 'http.other': 'shown' });
  const text = gw.texts[0] ?? '';
  expect(text.match(/"http\.(status|method)"/g)).toHaveLength(2);
  expect(gw.lines[0]).toMatchObject({ 'own.a': 'mine', 'own.b': 1 });
  expect(text.match(/"own\.a"/g)).toHaveLength(1);
});

test('TEL-8: numbers are written out', async () => {
  verifies('TEL-8');
  const add = `{ n: '1.2e41', small: '-1.5e-9', in: '[1e21, {"a": 5e-324}]', int: '9223372036854775807', nan: '0.0 / 0.0' }`;
  await using gw = await gateway(direct(`{ add: ${add} }`));
  await ask(gw.port);
  await gw.line();
  const tail = (gw.texts[0] ?? '').split('"n":')[1];
  expect(tail).toMatch(
    /^120{40},"small":-0\.0000000015,"in":\[10{21},\{"a":0\.0{323}5\}\],"int":9223372036854775807\}\n$/,
  );
});

test('the same keys as text', async () => {
  const add = `{ word: '"two words"', c: 'flatten({"a": 1, "b": {"d": 1e21}})', bad: '"line\\u2028break"', http.status: 'response.code' }`;
  await using gw = await gateway(direct(`{ add: ${add}, remove: [ src.addr ] }`), { format: 'text' });
  await ask(gw.port, { path: '/', headers: { host: 'h' } });
  await ask(gw.port, { path: '/lost', headers: { host: 'h' } });
  const start = String.raw`^\S+Z\tinfo\trequest gateway=default/default listener=default `;
  const end = String.raw` word="two words" c\.a=1 c\.b=\{"d":10{21}\} bad="line\\u2028break" http\.status=`;
  expect(gw.texts[0]).toMatch(
    new RegExp(
      `${start}route=default/api http.method=GET http.host=h http.path=/ http.version=HTTP/1.1 protocol=http ` +
        `reason=DirectResponse duration=\\d+ms${end}200\n$`,
    ),
  );
  expect(gw.texts[1]).toMatch(/ error="route not found" reason=NotFound duration=\d+ms word=/);
  expect(gw.texts[1]).toMatch(/ http\.status=404\n$/);
});

test('CEL-71: what cannot be said is not there', async () => {
  verifies('CEL-71');
  await using gw = await gateway(direct(`{ add: { a: jwt.sub, n: 'null', b: '"x"' } }`));
  await ask(gw.port);
  const line = await gw.line();
  expect(line).toMatchObject({ b: 'x' });
  expect(line).not.toHaveProperty('a');
  expect(line).not.toHaveProperty('n');
});

test('CEL-82: how long the upstream took is known when all is over, and not before', async () => {
  verifies('CEL-82');
  await using echo = await EchoServer.start();
  const over = 'proxy.upstreamDuration >= duration("0s")';
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
frontendPolicies: { accessLog: { filter: '${over}', add: { head: 'proxy.upstreamDuration < duration("1h")' } } }
routes:
- policies: { directResponse: { conditional: [ { condition: '${over}', status: 418 } ] } }
  backends: [ { host: "${echo.host}" } ]
`);
  expect((await ask(gw.port)).status).toBe(200);
  expect(await gw.line()).toMatchObject({ head: true });
});

test('CEL-86: everything that is known, bodies included', async () => {
  verifies('CEL-86');
  await using echo = await EchoServer.start('echo', (_, response) => response.end('answer'));
  await using gw = await gateway(proxied(echo.host, `{ add: { all: 'variables()' } }`));
  expect((await ask(gw.port, { method: 'POST', body: 'question' })).text).toBe('answer');
  const { all } = (await gw.line()) as unknown as { all: Record<string, Record<string, unknown>> };
  expect(all).toMatchObject({
    request: { method: 'POST', body: Buffer.from('question').toString('base64') },
    response: { code: 200, body: Buffer.from('answer').toString('base64') },
    source: { address: '127.0.0.1' },
    backend: { type: 'static' },
  });
  expect(Object.keys(all)).not.toContain('jwt');
});

test('CEL-93: a body that only an index names is not there', async () => {
  verifies('CEL-93');
  await using echo = await EchoServer.start();
  await using gw = await gateway(proxied(echo.host, `{ add: { seen: 'request.method', body: 'request["body"]' } }`));
  await ask(gw.port, { method: 'POST', body: 'question' });
  const line = await gw.line();
  expect(line).toMatchObject({ seen: 'POST' });
  expect(line).not.toHaveProperty('body');
});

test('a body that a line shows is sent on as it comes', async () => {
  const heard = Promise.withResolvers<void>();
  await using echo = await EchoServer.start();
  echo.server.removeAllListeners('request');
  echo.server.on('request', (incoming, response) => {
    incoming.once('data', () => heard.resolve());
    incoming.on('end', () => response.end('done'));
  });
  await using gw = await gateway(
    proxied(echo.host, `{ add: { body: 'string(request.body)', answer: 'string(response.body)' } }`),
  );
  const request = http.request({ port: gw.port, host: '127.0.0.1', method: 'POST' });
  const answered = new Promise((resolve) => request.on('response', (response) => resolve(response.resume())));
  request.write('first ');
  await heard.promise;
  request.end('last');
  await answered;
  expect(await gw.line()).toMatchObject({ body: 'first last', answer: 'done' });
});

test('bodies of what the gateway answers itself', async () => {
  await using gw = await gateway(direct(`{ add: { asked: 'string(request.body)', said: 'string(response.body)' } }`));
  await ask(gw.port, { method: 'POST', body: 'question' });
  expect(await gw.line()).toMatchObject({ asked: 'question', said: 'hello' });
});

test('TEL-4: numbers of connection and request at debug, with and without keys of a policy', async () => {
  verifies('TEL-4');
  const config = (rest: string) => `config: { logging: { level: request=debug } }\n${direct(rest)}`;
  for (const policy of ['{}', `{ add: { a: '1' } }`]) {
    await using gw = await gateway(config(policy));
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    await ask(gw.port, { agent });
    await ask(gw.port, { agent });
    agent.destroy();
    await ask(gw.port);
    await gw.line(3);
    const [first, second, third] = gw.lines.map((line) => line['connection.id']);
    expect(first).toEqual(expect.any(Number));
    expect(second).toBe(first);
    expect(third).not.toBe(first);
    expect(new Set(gw.lines.map((line) => Number(line['request.id']))).size).toBe(3);
    expect(Object.keys(gw.lines[0] ?? {}).slice(0, 5)).toEqual([
      'level',
      'time',
      'scope',
      'connection.id',
      'request.id',
    ]);
  }
});

test('requests that no listener wants are written as the gateway says', async () => {
  await using gw = await gateway(`
gateways: { default: { port: PORT, listeners: [ { name: a, hostname: a.test } ] } }
frontendPolicies: { accessLog: { add: { mine: 'request.method' }, remove: [ src.addr ] } }
`);
  await ask(gw.port, { headers: { host: 'b.test' } });
  const line = await gw.line();
  expect(line).toMatchObject({ 'http.status': 404, reason: 'NotFound', mine: 'GET' });
  expect(line).not.toHaveProperty(['src.addr']);
});

test('a client that left before the answer has a line without one', async () => {
  const asked = Promise.withResolvers<void>();
  await using echo = await EchoServer.start('silent', () => asked.resolve());
  const add = `{ method: 'request.method', code: 'response.code' }`;
  await using gw = await gateway(proxied(echo.host, `{ filter: 'response == null', add: ${add} }`));
  await using client = await RawClient.connect(gw.port);
  client.write('PUT / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n');
  await asked.promise;
  client.socket.destroy();
  const line = await gw.line();
  expect(line).toMatchObject({ method: 'PUT' });
  expect(line).not.toHaveProperty('code');
});

test('the credential of the gateway itself is shown by no log', async () => {
  await using echo = await EchoServer.start('echo', (_, response) => response.writeHead(200).end());
  const routes = [
    '{ key: planted-header }',
    '{ key: { value: planted-query, location: { queryParameter: { name: k } } } }',
  ].map(
    (auth, i) =>
      `- { matches: [ { path: { exact: /${i} } } ], backends: [ { host: "${echo.host}", policies: { backendAuth: ${auth} } } ] }`,
  );
  await using gw = await gateway(`
config: { metrics: { fields: { add: { credential: 'request.headers.authorization' } } } }
gateways: { default: { port: PORT } }
frontendPolicies:
  accessLog:
    add:
      h: 'flatten(request.headers)'
      uri: 'request.uri'
      all: 'variables()'
routes:
${routes.join('\n')}
`);
  for (const path of ['/0', '/1']) await ask(gw.port, { path, headers: { host: 'h', authorization: 'Bearer mine' } });
  await gw.line(2);
  expect(echo.requests[0]?.headers.authorization).toBe('Bearer planted-header');
  expect(echo.requests[1]?.url).toContain('planted-query');
  expect(gw.texts.join('')).not.toContain('planted');
  expect(gw.lines[0]).toMatchObject({ 'h.authorization': 'Bearer mine', uri: 'http://h/0' });
  expect(count(gw.metrics(), 'agentgateway_requests_total', { credential: 'Bearer mine' })).toBe(2);
});

test('a policy that says nothing changes nothing', async () => {
  await using gw = await gateway(direct('{}'));
  await ask(gw.port);
  await gw.reload(direct('{}').replace(/frontendPolicies.*\n/, ''));
  await ask(gw.port);
  await gw.line(2);
  const [first, second] = gw.lines.map(({ time, duration, 'src.addr': source, ...rest }) => rest);
  expect(first).toEqual(second);
});

const certificates = new Certificates({ client: ['URI:spiffe://td/ns/n/sa/s'], server: ['DNS:a.test'] });
afterAll(() => certificates[Symbol.dispose]());

test('the identity of a client stands in its line', async () => {
  await using gw = await gateway(
    `
gateways:
  default:
    port: PORT
    protocol: HTTPS
    tls: { cert: server.pem, key: server.key, root: ca.pem }
routes: [ { policies: { directResponse: { status: 200 } } } ]
`,
    { directory: certificates.directory },
  );
  await ask(gw.port, {
    secure: true,
    servername: 'a.test',
    ca: certificates.read('ca.pem'),
    cert: certificates.read('client.pem'),
    key: certificates.read('client.key'),
  });
  expect(await gw.line()).toMatchObject({ 'src.identity': 'spiffe://td/ns/n/sa/s' });
});
