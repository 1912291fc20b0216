import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway, type TestGateway } from './support/gateway.ts';
import { verifies } from './verifies.ts';

/** A route that answers with its name; `rest` is its hostnames and matches. */
function named(name: string, rest: string): string {
  return `- { name: ${name}, policies: { directResponse: { status: 200, body: ${name} } }, ${rest} }\n`;
}

function routes(...lines: readonly string[]): Promise<TestGateway> {
  return gateway(`gateways: { default: { port: PORT } }\nroutes:\n${lines.join('')}`);
}

async function nameFor(gw: TestGateway, path: string, headers: readonly string[] = ['host', 'h'], method = 'GET') {
  const { status, text } = await ask(gw.port, { path, headers, method });
  return status === 200 ? text : status;
}

test('the most specific host name wins, whatever the order in the file', async () => {
  verifies('PROXY-1');
  const any = 'matches: [ { path: { pathPrefix: / } } ]';
  await using gw = await routes(
    named('any', any),
    named('exact', `hostnames: [test.example.com], ${any}`),
    named('wildcard', `hostnames: ["*.example.com"], ${any}`),
    named('several', `hostnames: [foo.example.com, "*.bar.example.com"], ${any}`),
  );
  const expected = {
    'test.example.com': 'exact',
    'TEST.Example.com.': 'exact',
    'sub.example.com': 'wildcard',
    'foo.baz.example.com': 'wildcard',
    'foo.example.com:8080': 'several',
    'x.bar.example.com': 'several',
    'other.test': 'any',
  };
  for (const [host, name] of Object.entries(expected)) {
    expect(await nameFor(gw, '/', ['host', host]), host).toBe(name);
  }
});

test('what matches in no route of the closest host name is looked for among the next', async () => {
  verifies('PROXY-2');
  await using gw = await routes(
    named('exact', 'hostnames: [a.test.io], matches: [ { path: { exact: /a } } ]'),
    named('wildcard', 'hostnames: ["*.test.io"]'),
  );
  expect(await nameFor(gw, '/a', ['host', 'a.test.io'])).toBe('exact');
  expect(await nameFor(gw, '/b', ['host', 'a.test.io'])).toBe('wildcard');
});

test('a prefix ends at a segment, an exact path is exact', async () => {
  verifies('PROXY-3', 'PROXY-4');
  await using gw = await routes(
    named('prefix', 'matches: [ { path: { pathPrefix: /api } } ]'),
    named('slash', 'matches: [ { path: { pathPrefix: /v2/ } } ]'),
    named('exact', 'matches: [ { path: { exact: /only/this } } ]'),
  );
  for (const path of ['/api', '/api/', '/api/v1', '/api//v1', '/api?q']) expect(await nameFor(gw, path)).toBe('prefix');
  for (const path of ['/apiary', '/api%2Fv1', '/API', '/only/this/', '/only'])
    expect(await nameFor(gw, path)).toBe(404);
  expect(await nameFor(gw, '/v2')).toBe('slash');
  expect(await nameFor(gw, '/only/this?q=1')).toBe('exact');
});

test('prefix and expression share a rank: the longer text goes first', async () => {
  verifies('PROXY-5');
  await using gw = await routes(
    named('prefix', 'matches: [ { path: { pathPrefix: /api } } ]'),
    named('regex', 'matches: [ { path: { regex: "/api/v[0-9]+/users" } } ]'),
    named('list', 'matches: [ { path: { pathPrefix: /api/v2/users/list } } ]'),
    named('short', 'matches: [ { path: { regex: "/api/.*" } } ]'),
  );
  expect(await nameFor(gw, '/api/v2/users')).toBe('regex');
  expect(await nameFor(gw, '/api/v2/users/list')).toBe('list');
  expect(await nameFor(gw, '/api/other')).toBe('short');
  expect(await nameFor(gw, '/api')).toBe('prefix');
});

test('method and the number of conditions decide between equal paths', async () => {
  verifies('PROXY-6');
  await using gw = await routes(
    named('other', 'matches: [ { path: { pathPrefix: /x } } ]'),
    named('get', 'matches: [ { path: { pathPrefix: /x }, method: GET } ]'),
    named('one', 'matches: [ { path: { pathPrefix: /y }, headers: [ { name: a, value: { exact: "1" } } ] } ]'),
    named(
      'two',
      'matches: [ { path: { pathPrefix: /y }, headers: [ { name: A, value: { exact: "1" } }, { name: b, value: { regex: "[0-9]" } } ] } ]',
    ),
  );
  expect(await nameFor(gw, '/x')).toBe('get');
  expect(await nameFor(gw, '/x', ['host', 'h'], 'POST')).toBe('other');
  expect(await nameFor(gw, '/y', ['host', 'h', 'a', '1', 'b', '2'])).toBe('two');
  expect(await nameFor(gw, '/y', ['host', 'h', 'a', '1', 'b', '22'])).toBe('one');
});

test('a header matches by line, a query parameter by any of its values', async () => {
  // PROXY-8 in its better form (02 §6, row 8): any value of a repeated parameter may match.
  verifies('PROXY-7', 'PROXY-8');
  await using gw = await routes(
    named('header', 'matches: [ { path: { pathPrefix: /h }, headers: [ { name: a, value: { exact: "1" } } ] } ]'),
    named('query', 'matches: [ { path: { pathPrefix: /q }, query: [ { name: k, value: { exact: "2" } } ] } ]'),
  );
  expect(await nameFor(gw, '/h', ['host', 'h', 'a', '0', 'a', '1'])).toBe('header');
  expect(await nameFor(gw, '/h', ['host', 'h', 'a', '0,1'])).toBe(404);
  for (const query of ['k=1&k=2', 'k=2&k=1', 'k=%32']) expect(await nameFor(gw, `/q?${query}`)).toBe('query');
  for (const query of ['k=1', 'k=22', 'K=2', '']) expect(await nameFor(gw, `/q?${query}`)).toBe(404);
});

test('pseudo headers see the port and the query', async () => {
  verifies('PROXY-9');
  await using gw = await routes(
    named(
      'port',
      'matches: [ { path: { exact: /a }, headers: [ { name: ":authority", value: { exact: "h:8080" } } ] } ]',
    ),
    named(
      'path',
      'matches: [ { path: { exact: /p }, headers: [ { name: ":path", value: { regex: ".*[?]deep=1" } } ] } ]',
    ),
  );
  expect(await nameFor(gw, '/a', ['host', 'h:8080'])).toBe('port');
  expect(await nameFor(gw, '/a', ['host', 'h'])).toBe(404);
  expect(await nameFor(gw, '/p?deep=1')).toBe('path');
  expect(await nameFor(gw, '/p')).toBe(404);
});

test('a backend of weight 0 is never chosen, and nothing is left where all weigh 0', async () => {
  verifies('PROXY-10');
  await using one = await EchoServer.start('one');
  await using none = await EchoServer.start('none');
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- matches: [ { path: { pathPrefix: /some } } ]
  backends: [ { host: "${none.host}", weight: 0 }, { host: "${one.host}", weight: 1 } ]
- matches: [ { path: { pathPrefix: /none } } ]
  backends: [ { host: "${none.host}", weight: 0 } ]
`);
  for (let i = 0; i < 20; i++) expect((await ask(gw.port, { path: '/some' })).status).toBe(200);
  expect([one.requests.length, none.requests.length]).toEqual([20, 0]);
  const empty = await ask(gw.port, { path: '/none' });
  expect([empty.status, empty.text, empty.headers['content-type']]).toEqual([500, 'no valid backends', 'text/plain']);
  expect(await gw.line(21)).toMatchObject({ reason: 'NoHealthyBackend', error: 'no valid backends' });
  const grpc = await ask(gw.port, { path: '/none', method: 'POST', headers: { 'content-type': 'application/grpc' } });
  expect([grpc.status, grpc.headers['grpc-status'], grpc.text]).toEqual([200, '14', '']);
});

test('weights share out the requests', async () => {
  await using a = await EchoServer.start('a');
  await using b = await EchoServer.start('b');
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${a.host}", weight: 1 }, { host: "${b.host}", weight: 1 } ] } ]
`);
  // The chance that one of them gets none of 40 is 2^-39.
  await Promise.all(Array.from({ length: 40 }, () => ask(gw.port)));
  expect(a.requests.length + b.requests.length).toBe(40);
  expect(Math.min(a.requests.length, b.requests.length)).toBeGreaterThan(0);
});

test('a host that belongs to no listener is not served', async () => {
  verifies('PROXY-14');
  await using gw = await gateway(`
gateways:
  default:
    port: PORT
    listeners: [ { name: a, hostname: a.com }, { name: b, hostname: "*.b.com" } ]
routes: [ { policies: { directResponse: { status: 200, body: ok } } } ]
`);
  const status = async (host: string) => (await ask(gw.port, { headers: { host } })).status;
  expect([await status('a.com'), await status('A.COM:80'), await status('x.b.com')]).toEqual([200, 200, 200]);
  const other = await ask(gw.port, { headers: { host: 'c.com' } });
  expect([other.status, other.text]).toEqual([404, 'listener not found']);
  // A wildcard needs a label of its own: neither the apex nor a name that only ends alike.
  expect([await status('b.com'), await status('xb.com')]).toEqual([404, 404]);
  expect(await gw.line(4)).toMatchObject({ reason: 'NotFound', error: 'listener not found' });
});

test('a backend that does not exist by intention', async () => {
  verifies('PROXY-38');
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes: [ { backends: [ { invalid: null } ] } ]
`);
  const answer = await ask(gw.port);
  expect([answer.status, answer.text]).toEqual([500, 'backend does not exist']);
  expect(await gw.line()).toMatchObject({ reason: 'NoHealthyBackend' });
});
