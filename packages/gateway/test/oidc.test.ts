import { describe, expect, test } from 'vitest';
import { type Answer, ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { Issuer } from './support/issuer.ts';
import { verifies } from './verifies.ts';

const env = { OIDC_COOKIE_SECRET: 'ab'.repeat(32) };

function config(issuer: string, upstream: string, extra = ''): string {
  return `
gateways: { default: { port: PORT } }
routes:
- name: free
  matches: [ { path: { pathPrefix: /free } } ]
  backends: [ { host: "${upstream}" } ]
- name: app
  policies:
    oidc: { issuer: "${issuer}", clientId: web, clientSecret: "s3cret/+", redirectURI: "http://app.test/oauth/callback", scopes: [ profile, openid ] }
    ${extra}
  backends: [ { host: "${upstream}" } ]
`;
}

/** Cookies that an answer sets, by name, with their attributes. */
function cookiesOf(answer: Answer): Map<string, { readonly value: string; readonly attributes: string }> {
  return new Map(
    (answer.headers['set-cookie'] ?? []).map((line) => {
      const [pair = '', ...attributes] = line.split('; ');
      const equals = pair.indexOf('=');
      return [pair.slice(0, equals), { value: pair.slice(equals + 1), attributes: attributes.join('; ') }];
    }),
  );
}

const header = (answer: Answer) => [...cookiesOf(answer)].map(([name, { value }]) => `${name}=${value}`).join('; ');

/** A login up to the provider: where the browser was sent, and the cookies that it has. */
async function begin(port: number, path = '/app?x=1') {
  const answer = await ask(port, { path });
  expect(answer.status).toBe(302);
  const location = new URL(answer.headers.location as string);
  return { answer, location, parameters: location.searchParams, cookie: header(answer) };
}

/** The callback that the provider of the tests would send the browser to. */
function callbackPath(parameters: URLSearchParams, changes: Record<string, string> = {}): string {
  const query = { state: parameters.get('state') as string, code: parameters.get('nonce') as string, ...changes };
  return `/oauth/callback?${new URLSearchParams(query)}`;
}

async function setup(extra = '') {
  const stack = new AsyncDisposableStack();
  const issuer = stack.use(await Issuer.start());
  const upstream = stack.use(await EchoServer.start());
  const under = stack.use(await gateway(config(issuer.url, upstream.host, extra), { env }));
  return { issuer, upstream, under, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test('POL-29: a browser without a session is sent to the provider', async () => {
  verifies('POL-29');
  await using scene = await setup();
  const { answer, location, parameters } = await begin(scene.under.port);
  expect(location.origin + location.pathname).toBe(`${scene.issuer.url}/authorize`);
  expect(Object.fromEntries(parameters)).toMatchObject({
    response_type: 'code',
    client_id: 'web',
    redirect_uri: 'http://app.test/oauth/callback',
    scope: 'openid profile',
    code_challenge_method: 'S256',
  });
  expect(parameters.get('code_challenge')).toMatch(/^[A-Za-z0-9_-]{43}$/);
  const [[name, cookie]] = [...cookiesOf(answer)] as [[string, { value: string; attributes: string }]];
  expect(name).toMatch(/^agw_oidc_t_[0-9a-f]{16}\.[A-Za-z0-9_-]{22}$/);
  expect(cookie.attributes).toBe('Path=/; HttpOnly; SameSite=Lax; Max-Age=300');
  expect(cookie.value).not.toContain('app');
  expect(scene.upstream.requests).toEqual([]);
});

test('POL-31: a good callback becomes a session, and the browser goes where it wanted', async () => {
  verifies('POL-31');
  await using scene = await setup();
  const { parameters, cookie } = await begin(scene.under.port);
  const answer = await ask(scene.under.port, { path: callbackPath(parameters), headers: { cookie } });
  expect([answer.status, answer.headers.location]).toEqual([302, '/app?x=1']);
  const cookies = [...cookiesOf(answer)];
  expect(cookies.map(([name, { attributes }]) => [name.replace(/[0-9a-f]{16}.*/, ''), attributes])).toEqual([
    ['agw_oidc_s_', 'Path=/; HttpOnly; SameSite=Lax; Max-Age=3600'],
    ['agw_oidc_t_', 'Path=/; HttpOnly; SameSite=Lax; Max-Age=0'],
  ]);
  const [{ form, authorization }] = scene.issuer.exchanges as [(typeof scene.issuer.exchanges)[number]];
  expect(Object.fromEntries(form)).toEqual({
    grant_type: 'authorization_code',
    code: parameters.get('nonce'),
    redirect_uri: 'http://app.test/oauth/callback',
    code_verifier: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
  });
  expect(Buffer.from((authorization as string).slice(6), 'base64').toString()).toBe('web:s3cret%2F%2B');
});

test('POL-33: with a session the request goes on, and no upstream sees the session', async () => {
  verifies('POL-33');
  await using scene = await setup(`authorization: { rules: [ 'jwt.sub == "ann"' ] }`);
  const { port } = scene.under;
  const { parameters, cookie } = await begin(port);
  const session = header(await ask(port, { path: callbackPath(parameters), headers: { cookie } }));
  const answer = await ask(port, { path: '/app', headers: { cookie: `theme=dark; ${session}; a=b` } });
  expect(answer.status).toBe(200);
  expect(scene.upstream.requests.at(-1)?.headers.cookie).toBe('theme=dark; a=b');
  await ask(port, { path: '/free', headers: { cookie: session } });
  expect(scene.upstream.requests.at(-1)?.headers).not.toHaveProperty('cookie');
});

describe('a callback that is not right', () => {
  test('POL-30: of another browser', async () => {
    verifies('POL-30');
    await using scene = await setup();
    const { parameters, cookie } = await begin(scene.under.port);
    const state = JSON.parse(Buffer.from(parameters.get('state') as string, 'base64url').toString());
    const forged = Buffer.from(JSON.stringify({ ...state, csrfState: 'x' })).toString('base64url');
    const answer = await ask(scene.under.port, {
      path: callbackPath(parameters, { state: forged }),
      headers: { cookie },
    });
    expect([answer.status, answer.text]).toEqual([400, 'oidc failure: csrf mismatch']);
    expect(scene.issuer.exchanges).toEqual([]);
  });

  test('with no transaction, a foreign one, an error of the provider, a state of nobody', async () => {
    await using scene = await setup();
    const { port } = scene.under;
    const { parameters, cookie } = await begin(port);
    const text = async (path: string, headers: Record<string, string>) => (await ask(port, { path, headers })).text;
    expect(await text(callbackPath(parameters), {})).toBe('oidc failure: missing transaction');
    expect(await text(callbackPath(parameters, { state: 'e30' }), { cookie })).toBe('oidc failure: invalid callback');
    expect(await text(callbackPath(parameters, { error: 'access_denied' }), { cookie })).toBe(
      'oidc failure: the provider refused the login',
    );
    const other = await begin(port);
    const name = cookie.slice(0, cookie.indexOf('='));
    const moved = `${name}=${other.cookie.slice(other.cookie.indexOf('=') + 1)}`;
    expect(await text(callbackPath(parameters), { cookie: moved })).toBe('oidc failure: invalid transaction');
  });

  test('a token of another login, of another client, of no key, or none at all', async () => {
    await using scene = await setup();
    const { issuer, under } = scene;
    const login = async (token: (claims: Record<string, unknown>) => { status?: number; body: string }) => {
      issuer.faults.token = token;
      const { parameters, cookie } = await begin(under.port);
      const answer = await ask(under.port, { path: callbackPath(parameters), headers: { cookie } });
      expect(answer.headers).not.toHaveProperty('set-cookie');
      return `${answer.status} ${answer.text}`;
    };
    const body = (claims: object) => JSON.stringify({ id_token: issuer.sign(claims) });
    expect(await login((claims) => ({ body: body({ ...claims, nonce: 'other' }) }))).toBe(
      '500 oidc failure: nonce mismatch',
    );
    expect(await login((claims) => ({ body: body({ ...claims, aud: 'other' }) }))).toBe(
      '500 oidc failure: invalid id token',
    );
    expect(await login(() => ({ body: '{"id_token":"a.b.c"}' }))).toBe('500 oidc failure: invalid id token');
    expect(await login(() => ({ status: 500, body: 'SECRET' }))).toBe('500 oidc failure: token exchange failed');
    expect(await login(() => ({ body: '{}' }))).toBe('500 oidc failure: token exchange failed');
    expect(await login(() => ({ body: 'x'.repeat(70_000) }))).toBe('500 oidc failure: token exchange failed');
    expect(under.lines.map(({ error }) => error).join()).not.toContain('SECRET');
  });
});

test('what a browser does not load as a page is told to log in instead of being sent away', async () => {
  await using scene = await setup();
  const fetched = await ask(scene.under.port, { path: '/app', headers: { 'sec-fetch-mode': 'cors' } });
  expect([fetched.status, fetched.text]).toEqual([401, 'oidc failure: login required']);
  const old = await ask(scene.under.port, { path: '/app', headers: { 'x-requested-with': 'XMLHttpRequest' } });
  expect(old.status).toBe(401);
});

test('a preflight is let through', async () => {
  await using scene = await setup();
  const headers = { origin: 'http://a.test', 'access-control-request-method': 'GET' };
  expect((await ask(scene.under.port, { method: 'OPTIONS', path: '/app', headers })).status).toBe(200);
});

test('a large id token is spread over several cookies', async () => {
  await using scene = await setup();
  const { issuer, under } = scene;
  issuer.faults.token = (claims) => ({
    body: JSON.stringify({ id_token: issuer.sign({ ...claims, groups: Array(300).fill('a-group-of-the-company') }) }),
  });
  const { parameters, cookie } = await begin(under.port);
  const answer = await ask(under.port, { path: callbackPath(parameters), headers: { cookie } });
  const session = header(answer);
  expect(session.match(/agw_oidc_s_/g)?.length).toBeGreaterThan(1);
  for (const { value } of cookiesOf(answer).values()) expect(value.length).toBeLessThan(3_900);
  expect((await ask(under.port, { path: '/app', headers: { cookie: session } })).status).toBe(200);
  const cut = session.slice(0, session.indexOf(';'));
  expect((await ask(under.port, { path: '/app', headers: { cookie: cut } })).status).toBe(302);
});

test('a provider that cannot be reached is 503, and nothing else suffers', async () => {
  await using scene = await setup();
  await using broken = await gateway(config('http://127.0.0.1:9', scene.upstream.host), { env });
  expect((await ask(broken.port, { path: '/app' })).status).toBe(503);
  expect((await ask(broken.port, { path: '/free' })).status).toBe(200);
  scene.issuer.faults.discovery = (document) => ({ ...document, issuer: 'http://other.test' });
  await using foreign = await gateway(config(scene.issuer.url, scene.upstream.host), { env });
  expect((await ask(foreign.port, { path: '/app' })).status).toBe(503);
  expect(JSON.stringify(foreign.lines)).toContain('issuer mismatch');
});

test('a session of another key is no session; keys change without ending sessions', async () => {
  await using scene = await setup();
  const { issuer, upstream, under } = scene;
  const { parameters, cookie } = await begin(under.port);
  const session = header(await ask(under.port, { path: callbackPath(parameters), headers: { cookie } }));
  const text = config(issuer.url, upstream.host);
  await using other = await gateway(text, { env: { OIDC_COOKIE_SECRET: 'cd'.repeat(32) } });
  expect((await ask(other.port, { path: '/app', headers: { cookie: session } })).status).toBe(302);
  await using changed = await gateway(text, { env: { OIDC_COOKIE_SECRET: `${'cd'.repeat(32)}, ${'ab'.repeat(32)}` } });
  expect((await ask(changed.port, { path: '/app', headers: { cookie: session } })).status).toBe(200);
});
