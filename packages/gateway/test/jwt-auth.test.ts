import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { TestClock } from '../../http/src/test-clock.ts';
import { keySetText, type TestKey, testKey, tokenOf } from '../src/policies/jwt/testing.ts';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway, type TestGateway } from './support/gateway.ts';
import { verifies } from './verifies.ts';

const key = testKey('one');
const seconds = Math.floor(Date.now() / 1000);
const claims = { iss: 'https://a.test', sub: 'alice', exp: seconds + 3600 };
const good = tokenOf(key, claims);
const inline = `issuer: "https://a.test", jwks: '${keySetText(key)}'`;

function config(echo: EchoServer, jwtAuth: string, { phase = 'route', more = '' } = {}) {
  const policy = `jwtAuth: { ${jwtAuth} }${more === '' ? '' : `, ${more}`}`;
  return `
gateways: { default: { port: PORT${phase === 'gateway' ? `, ${policy}` : ''} } }
routes:
- { matches: [ { path: { pathPrefix: /open } } ], policies: { directResponse: { status: 200, body: open } } }
- { backends: [ { host: "${echo.host}" } ], policies: { ${phase === 'route' ? policy : ''} } }
`;
}

function show(gw: TestGateway, token: string | null, headers: Readonly<Record<string, string>> = {}) {
  const credential = token === null ? {} : { authorization: `Bearer ${token}` };
  return ask(gw.port, { headers: { host: 'h', ...credential, ...headers } });
}

async function told(gw: TestGateway, token: string | null): Promise<string> {
  const { status, text } = await show(gw, token);
  return `${status} ${status === 200 ? '' : text}`.trim();
}

describe.each(['gateway', 'route'])('in the %s phase', (phase) => {
  test('strict wants a token, takes it off, and tells whose it was', async () => {
    verifies('POL-1', 'POL-5', 'POL-6');
    await using echo = await EchoServer.start();
    const more = 'authorization: { rules: [ "jwt.sub == \'alice\'" ] }';
    await using gw = await gateway(config(echo, `mode: strict, ${inline}`, { phase, more }));
    const none = await show(gw, null);
    expect([none.status, none.text, none.headers['www-authenticate']]).toEqual([
      401,
      'authentication failure: no bearer token found',
      undefined,
    ]);
    expect(await gw.line()).toMatchObject({ reason: 'JwtAuth', 'http.status': 401 });
    expect((await show(gw, good)).status).toBe(200);
    expect((await ask(gw.port, { headers: { host: 'h', authorization: `bEaReR ${good}` } })).status).toBe(200);
    expect((await show(gw, tokenOf(key, { ...claims, sub: 'bob' }))).status).toBe(403);
    expect(echo.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
    expect(gw.texts.join()).not.toContain(good.split('.')[2]);
  });

  test('optional lets nobody in with a bad token, and everybody without', async () => {
    verifies('POL-2', 'POL-3');
    await using echo = await EchoServer.start();
    const more = 'authorization: { rules: [ "jwt == null" ] }';
    await using gw = await gateway(config(echo, inline, { phase, more }));
    expect(await told(gw, null)).toBe('200');
    expect(await told(gw, 'garbage')).toMatch(/^401 authentication failure: the token header is malformed/);
    expect(await told(gw, good)).toMatch(/^403/);
    expect(echo.requests).toHaveLength(1);
  });

  test('permissive lets a bad token pass as it is', async () => {
    verifies('POL-4');
    await using echo = await EchoServer.start();
    await using gw = await gateway(config(echo, `mode: permissive, ${inline}`, { phase }));
    const expired = tokenOf(key, { ...claims, exp: seconds - 3600 });
    expect([await told(gw, expired), await told(gw, good)]).toEqual(['200', '200']);
    expect(echo.requests.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${expired}`, undefined]);
  });

  test('a browser is told what it may read', async () => {
    verifies('POL-19', 'POL-20');
    await using echo = await EchoServer.start();
    const more = 'cors: { allowOrigins: ["https://app.test"], allowMethods: [GET] }';
    await using gw = await gateway(config(echo, `mode: strict, ${inline}`, { phase, more }));
    const origin = { host: 'h', origin: 'https://app.test' };
    const preflight = { method: 'OPTIONS', headers: { ...origin, 'access-control-request-method': 'GET' } };
    const allowed = await ask(gw.port, preflight);
    expect([allowed.status, allowed.headers['access-control-allow-origin']]).toEqual([200, 'https://app.test']);
    const refused = await ask(gw.port, { headers: origin });
    expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([401, 'https://app.test']);
    expect(echo.requests).toEqual([]);
  });
});

test('clocks may differ by a minute; a token has to be meant for us', async () => {
  verifies('POL-9', 'POL-10');
  await using echo = await EchoServer.start();
  await using gw = await gateway(config(echo, `mode: strict, audiences: [a], ${inline}`));
  const token = (given: object) => tokenOf(key, { ...claims, aud: ['a', 'b'], ...given });
  const now = Math.floor(Date.now() / 1000);
  expect(await told(gw, token({ exp: now - 30 }))).toBe('200');
  expect(await told(gw, token({ exp: now - 90 }))).toMatch(/^401 .*it has expired$/);
  expect(await told(gw, token({ aud: undefined }))).toMatch(/^401 .*the claim "aud" is missing$/);
});

test.each([
  ['a cookie', 'cookie: { name: token }', { headers: { host: 'h', cookie: `a=1; token=${good}` } }, 'a=1', '/'],
  ['the query', 'queryParameter: { name: t }', { path: `/?t=${good}&b=2`, headers: { host: 'h' } }, undefined, '/?b=2'],
  ['a header', 'header: { name: x-token }', { headers: { host: 'h', 'x-token': good } }, undefined, '/'],
])('the token may stand in %s', async (_name, location, options, cookie, url) => {
  await using echo = await EchoServer.start();
  await using gw = await gateway(config(echo, `mode: strict, location: { ${location} }, ${inline}`));
  expect((await ask(gw.port, options)).status).toBe(200);
  expect(echo.requests[0]?.headers.cookie).toBe(cookie);
  expect(echo.requests[0]?.url).toBe(url);
  expect(JSON.stringify([echo.requests, await gw.line()])).not.toContain(good);
});

test('an expression may say where the token stands; then nothing is taken off', async () => {
  await using echo = await EchoServer.start();
  const location = `location: { expression: "request.headers['x-all'].split(';')[1]" }`;
  await using gw = await gateway(config(echo, `mode: strict, ${location}, ${inline}`));
  const told = async (headers: object) => (await ask(gw.port, { headers: { host: 'h', ...headers } })).text;
  expect(JSON.parse(await told({ 'x-all': `a;${good}` })).headers['x-all']).toBe(`a;${good}`);
  expect(await told({ 'x-all': 'a' })).toBe('authentication failure: no bearer token found');
  expect(await told({ 'x-all': 'a;b' })).toMatch(/malformed/);
});

/** A server of keys that answers what it is told to. */
class KeyServer implements AsyncDisposable {
  answer: (response: ServerResponse) => void;
  readonly #echo: EchoServer;

  private constructor(echo: EchoServer, answer: (response: ServerResponse) => void) {
    this.#echo = echo;
    this.answer = answer;
  }

  static async start(answer: (response: ServerResponse) => void): Promise<KeyServer> {
    const server: KeyServer = new KeyServer(
      await EchoServer.start('keys', (_request, response) => server.answer(response)),
      answer,
    );
    return server;
  }

  get fetches(): number {
    return this.#echo.requests.length;
  }

  get jwks(): string {
    return `issuer: "https://a.test", jwks: { url: "http://${this.#echo.host}/keys" }`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#echo[Symbol.asyncDispose]();
  }
}

const keys =
  (...published: TestKey[]) =>
  (response: ServerResponse) =>
    void response.end(keySetText(...published));

/** Lets everything else have its turn until it is so. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

const MINUTE = 60_000;
const remoteLines = (gw: TestGateway) => gw.log.filter((line) => / remote /.test(line));

describe('keys that a server has', () => {
  test('what was fetched goes on working while the server is down', async () => {
    verifies('POL-12');
    const timers = new TestClock();
    await using echo = await EchoServer.start();
    await using server = await KeyServer.start(keys(key));
    await using gw = await gateway(config(echo, `mode: strict, ${server.jwks}`), { timers });
    expect(await told(gw, good)).toBe('200');
    server.answer = (response) => void response.writeHead(500).end();
    await timers.advance(15 * MINUTE);
    await until(() => remoteLines(gw).length === 1);
    expect(remoteLines(gw)[0]).toMatch(/^warn .*the one from before stays in use.*status 500/);
    expect(await told(gw, tokenOf(key, { ...claims, sub: 'other' }))).toBe('200');
    await timers.advance(14_999);
    expect(server.fetches).toBe(2);
    const next = testKey('next');
    server.answer = keys(next);
    await timers.advance(1);
    await until(() => remoteLines(gw).length === 2);
    expect(server.fetches).toBe(3);
    expect(await told(gw, tokenOf(next, claims))).toBe('200');
    expect(await told(gw, good)).toMatch(/^401 .*unknown key "one"$/);
  });

  test('a new key is fetched for the first token that it signed', async () => {
    const timers = new TestClock();
    await using echo = await EchoServer.start();
    await using server = await KeyServer.start(keys(key));
    await using gw = await gateway(config(echo, `mode: strict, ${server.jwks}`), { timers });
    expect(await told(gw, good)).toBe('200');
    const next = testKey('next');
    server.answer = keys(key, next);
    await timers.advance(10_000);
    expect(await told(gw, tokenOf(next, claims))).toBe('200');
    // Whoever makes up names of keys does not make the gateway ask at every request.
    for (const kid of ['x', 'y', 'z']) expect(await told(gw, tokenOf(key, claims, { kid }))).toMatch(/^401 .*unknown/);
    expect(server.fetches).toBe(2);
  });

  test('a key that cannot be used is told, and the others are used', async () => {
    await using echo = await EchoServer.start();
    const set = { keys: [{ kty: 'oct', kid: 'shared', k: 'U0VDUkVU' }, key.jwk] };
    await using server = await KeyServer.start((response) => void response.end(JSON.stringify(set)));
    await using gw = await gateway(config(echo, server.jwks));
    expect(await told(gw, good)).toBe('200');
    expect(remoteLines(gw)).toEqual([
      expect.stringMatching(/^warn .*key "shared": the key type "oct" is not supported/),
    ]);
    expect(remoteLines(gw).join()).not.toContain('U0VDUkVU');
  });

  test.each<[name: string, answer: (response: ServerResponse) => void, why: RegExp]>([
    ['is down', (response) => response.destroy(), /upstream call failed/],
    ['sends elsewhere', (response) => response.writeHead(302, { location: '/' }).end(), /status 302/],
    ['shows a page', (response) => response.end('<html>SECRET</html>'), /not JSON/],
    ['has other JSON', (response) => response.end('{"error":"SECRET"}'), /not a JSON Web Key Set/],
    ['sends without end', (response) => void flood(response), /larger than 1048576 bytes/],
  ])(
    'a server that %s: what needs its keys is 503, the rest is served, and it is asked again',
    async (_name, answer, why) => {
      const timers = new TestClock();
      await using echo = await EchoServer.start();
      await using server = await KeyServer.start(answer);
      await using gw = await gateway(config(echo, server.jwks), { timers });
      expect(await told(gw, good)).toBe('503 authentication failure: the keys of the issuer are not available');
      const line = await gw.line();
      expect(line).toMatchObject({ reason: 'JwtAuth' });
      expect(line.error).toMatch(why);
      expect(await told(gw, null)).toBe('200');
      expect(await told(gw, 'garbage')).toMatch(/^401/);
      expect((await ask(gw.port, { path: '/open' })).text).toBe('open');
      expect(remoteLines(gw)).toEqual([expect.stringMatching(why)]);
      expect(gw.log.join() + gw.texts.join()).not.toMatch(/SECRET/);
      server.answer = keys(key);
      await timers.advance(15_000);
      await until(() => remoteLines(gw).length === 2);
      expect(await told(gw, good)).toBe('200');
    },
  );

  test('a server that hangs holds up only who needs its keys, and not for long', async () => {
    const timers = new TestClock();
    await using echo = await EchoServer.start();
    await using server = await KeyServer.start(() => {});
    await using gw = await gateway(config(echo, server.jwks), { timers });
    const waiting = told(gw, good);
    await until(() => server.fetches === 1);
    expect(await told(gw, null)).toBe('200');
    expect((await ask(gw.port, { path: '/open' })).text).toBe('open');
    await timers.advance(10_000);
    expect(await waiting).toMatch(/^503/);
    expect(await told(gw, good)).toMatch(/^503/);
    expect(server.fetches).toBe(1);
  });

  test('a request waits for keys no longer than it may take as a whole', async () => {
    const timers = new TestClock();
    await using echo = await EchoServer.start();
    await using server = await KeyServer.start(() => {});
    await using gw = await gateway(config(echo, server.jwks, { more: 'timeout: { requestTimeout: 50ms }' }), {
      timers,
    });
    expect(await told(gw, good)).toBe('504 request timeout');
    expect((await gw.line()).reason).toBe('Timeout');
  });

  test('https is verified', async () => {
    await using echo = await EchoServer.start();
    await using server = await KeyServer.start(keys(key));
    const jwks = server.jwks.replace('http://', 'https://');
    await using gw = await gateway(config(echo, jwks));
    expect(await told(gw, good)).toMatch(/^503/);
    expect(server.fetches).toBe(0);
    expect((await gw.line()).error).toMatch(/tls|ssl|handshake/i);
  });

  test('a reload that leaves them alone fetches nothing; one that takes them away ends the fetching', async () => {
    const timers = new TestClock();
    await using echo = await EchoServer.start();
    await using server = await KeyServer.start(keys(key));
    await using gw = await gateway(config(echo, server.jwks), { timers });
    expect(await told(gw, good)).toBe('200');
    await gw.reload(config(echo, `mode: strict, ${server.jwks}`, { more: 'timeout: { requestTimeout: 60s }' }));
    expect(await told(gw, good)).toBe('200');
    expect([server.fetches, timers.pending]).toEqual([1, 1]);
    await gw.reload(config(echo, inline));
    expect(await told(gw, good)).toBe('200');
    expect(timers.pending).toBe(0);
  });
});

/** More than anybody wants to read. */
function flood(response: ServerResponse): void {
  const chunk = Buffer.alloc(64 * 1024, ' ');
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  response.on('error', () => {});
  more();
}
