import type { IncomingHttpHeaders } from 'node:http';
import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { AuthorizationServer, type AuthorizationServerOptions, type Issued } from './support/authorization-server.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { answerOn, H2Client } from './support/h2-client.ts';
import { H2Upstream } from './support/h2-upstream.ts';
import { verifies } from './verifies.ts';

const urn = (type: string) => `urn:ietf:params:oauth:token-type:${type}`;

function config(server: AuthorizationServer, echo: { readonly host: string }, exchange: string, more = '', rest = '') {
  return `
gateways: { default: { port: PORT } }
routes:
- { matches: [ { path: { exact: /open } } ], policies: { directResponse: { status: 200, body: open } } }
- name: exchanging
  backends: [ { host: "${echo.host}" } ]
  policies:
    backendAuth: { oauthTokenExchange: { host: "${server.host}", path: /token, ${exchange} } }
    ${more}
${rest}
`;
}

/** A gateway that exchanges tokens at an authorization server, and an upstream that tells what it was shown. */
async function setup(options: AuthorizationServerOptions = {}, exchange = '', more = '') {
  const stack = new AsyncDisposableStack();
  const server = stack.use(await AuthorizationServer.start(options));
  const statuses: number[] = [];
  const echo = stack.use(
    await EchoServer.start('echo', (_request, response) => response.writeHead(statuses.shift() ?? 200).end()),
  );
  const gw = stack.use(await gateway(config(server, echo, exchange, more)));
  const user = await server.token({ sub: 'alice' });
  return { server, echo, gw, user, statuses, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const as = (token: string, headers: Readonly<Record<string, string>> = {}) => ({
  headers: { host: 'h', authorization: `Bearer ${token}`, ...headers },
});

const shown = (headers: IncomingHttpHeaders | undefined) => (headers?.authorization ?? '').replace(/^Bearer /, '');

test('the upstream gets a token that was issued for the one of the client', async () => {
  await using at = await setup({}, 'audiences: [app, more], scopes: [read, write], resources: ["https://r.test/"]');
  expect((await ask(at.gw.port, { path: '/x', ...as(at.user) })).status).toBe(200);
  const claims = await at.server.verified(shown(at.echo.requests[0]?.headers));
  expect(claims).toMatchObject({ sub: 'alice', aud: ['app', 'more'], scope: 'read write' });
  const [request] = at.server.requests;
  expect([request?.method, request?.url]).toEqual(['POST', '/token']);
  expect(request?.headers).toMatchObject({
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
    host: at.server.host,
  });
  expect(request?.headers).not.toHaveProperty('authorization');
  expect([...at.server.forms[0]!]).toEqual([
    ['grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange'],
    ['subject_token', at.user],
    ['subject_token_type', urn('access_token')],
    ['audience', 'app'],
    ['audience', 'more'],
    ['scope', 'read write'],
    ['resource', 'https://r.test/'],
  ]);
});

test('the fields have their order: actor, wanted type, extras, and who asks at the end', async () => {
  const client = { id: 'me & co', secret: 'päss word:+' };
  await using at = await setup(
    { client },
    `subjectToken: { source: { header: { name: x-user } }, tokenType: "urn:mine:x" },
     actorToken: { source: { cookie: { name: agent } }, tokenType: "${urn('jwt')}" },
     requestedTokenType: "${urn('access_token')}", audiences: [app],
     additionalParams: { tenant: 'request.headers["x-tenant"]', zone: '"eu"' },
     clientAuth: { method: clientSecretPost, clientId: "${client.id}", clientSecret: "${client.secret}" },
     authorizationLocation: { queryParameter: { name: token } }`,
  );
  const actor = await at.server.token({ sub: 'agent' });
  const headers = { host: 'h', 'x-user': at.user, cookie: `agent=${actor}; other=1`, 'x-tenant': 't1' };
  expect((await ask(at.gw.port, { path: '/x?a=1', headers })).status).toBe(200);
  expect([...at.server.forms[0]!]).toEqual([
    ['grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange'],
    ['subject_token', at.user],
    ['subject_token_type', 'urn:mine:x'],
    ['actor_token', actor],
    ['actor_token_type', urn('jwt')],
    ['requested_token_type', urn('access_token')],
    ['audience', 'app'],
    ['tenant', 't1'],
    ['zone', 'eu'],
    ['client_id', client.id],
    ['client_secret', client.secret],
  ]);
  // what was exchanged goes no further
  const upstream = at.echo.requests[0]!;
  expect(upstream.headers).toMatchObject({ cookie: 'other=1', 'x-tenant': 't1' });
  expect(upstream.headers).not.toHaveProperty('x-user');
  const url = new URL(upstream.url, 'http://h');
  expect(url.searchParams.get('a')).toBe('1');
  expect(await at.server.verified(url.searchParams.get('token') ?? '')).toMatchObject({ sub: 'alice' });
  // another tenant is another token
  await ask(at.gw.port, { headers: { ...headers, 'x-tenant': 't2' } });
  await ask(at.gw.port, { headers });
  expect(at.server.forms.map((form) => form.get('tenant'))).toEqual(['t1', 't2']);
});

test('a client is known by its secret as RFC 6749 has it, whatever is in it', async () => {
  const client = { id: 'me & co', secret: 'päss word:+' };
  await using at = await setup(
    { client },
    `clientAuth: { clientId: "${client.id}", clientSecret: "${client.secret}" }`,
  );
  expect((await ask(at.gw.port, as(at.user))).status).toBe(200);
  expect(at.server.forms[0]?.has('client_id')).toBe(false);
});

test('an assertion is the token of the client by RFC 7523', async () => {
  await using at = await setup({}, 'grantType: jwtBearer, scopes: [read]');
  expect((await ask(at.gw.port, as(at.user))).status).toBe(200);
  expect([...at.server.forms[0]!]).toEqual([
    ['grant_type', 'urn:ietf:params:oauth:grant-type:jwt-bearer'],
    ['assertion', at.user],
    ['scope', 'read'],
  ]);
  expect(await at.server.verified(shown(at.echo.requests[0]?.headers))).toMatchObject({ sub: 'alice' });
});

test('without a token, or with a blank one, nobody is asked', async () => {
  verifies('POL-64');
  await using at = await setup();
  for (const headers of [{ host: 'h' }, as('  ').headers, { host: 'h', authorization: 'Basic YTpi' }]) {
    const answer = await ask(at.gw.port, { headers });
    expect([answer.status, answer.text]).toEqual([400, 'invalid request']);
  }
  expect(at.server.requests).toHaveLength(0);
  expect(at.echo.requests).toHaveLength(0);
  expect(await at.gw.line()).toMatchObject({ reason: 'Internal', error: expect.stringContaining('no subject token') });
});

test('an actor that is asked for must be there, and an extra must be a text', async () => {
  await using at = await setup({}, 'actorToken: { source: { header: { name: x-actor } } }');
  expect((await ask(at.gw.port, as(at.user))).status).toBe(400);
  expect((await ask(at.gw.port, as(at.user, { 'x-actor': 'a' }))).status).toBe(200);
  await using odd = await setup({}, 'additionalParams: { n: "1" }');
  expect((await ask(odd.gw.port, as(odd.user))).status).toBe(400);
  expect(odd.server.requests).toHaveLength(0);
});

test('who may not act for the subject is refused before anybody is asked', async () => {
  await using at = await setup(
    {},
    `actorToken: { source: { header: { name: x-actor } }, tokenType: "${urn('jwt')}", enforceMayAct: true }`,
  );
  const agent = await at.server.token({ sub: 'agent' });
  const trusting = await at.server.token({ sub: 'alice', may_act: { sub: ['agent', 'other'] } });
  const refused = await ask(at.gw.port, as(at.user, { 'x-actor': agent }));
  expect([refused.status, refused.text]).toEqual([403, 'the actor may not act for the subject']);
  expect(at.server.requests).toHaveLength(0);
  expect((await ask(at.gw.port, as(trusting, { 'x-actor': agent }))).status).toBe(200);
});

/** Everything over HTTP/2: one connection keeps its order, so what came before an answer was read before it. */
async function holding(answer: AuthorizationServerOptions['answer']) {
  const stack = new AsyncDisposableStack();
  const server = stack.use(await AuthorizationServer.start({ answer: answer! }));
  const upstream = stack.use(await H2Upstream.start());
  const gw = stack.use(await gateway(config(server, upstream, '')));
  const client = stack.use(new H2Client(gw.url()));
  const user = await server.token({ sub: 'alice' });
  const open = () => client.open({ ':path': '/', authorization: `Bearer ${user}` });
  const untilRead = async () => expect((await client.ask({ ':path': '/open' })).text).toBe('open');
  return { server, upstream, gw, open, untilRead, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test('requests at the same time share one question, and one that leaves takes nobody along', async () => {
  verifies('POL-65');
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<undefined>();
  await using at = await holding(() => {
    asked.resolve();
    return release.promise;
  });
  const [leaving, ...staying] = [at.open(), at.open(), at.open()];
  await asked.promise;
  await at.untilRead();
  leaving!.close();
  await at.untilRead();
  const answers = Promise.all(staying.map((stream) => answerOn(stream)));
  release.resolve(undefined);
  expect((await answers).map(({ status }) => status)).toEqual([200, 200]);
  expect(at.server.requests).toHaveLength(1);
  expect(at.upstream.headers).toHaveLength(2);
  expect(new Set(at.upstream.headers.map(({ authorization }) => authorization)).size).toBe(1);
});

test('a failure is told to all who waited for it', async () => {
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<Issued>();
  await using at = await holding(() => {
    asked.resolve();
    return release.promise;
  });
  const streams = [at.open(), at.open()];
  await asked.promise;
  await at.untilRead();
  const answers = Promise.all(streams.map((stream) => answerOn(stream)));
  release.resolve({ status: 400, body: '' });
  expect((await answers).map(({ status, text }) => `${status} ${text}`)).toEqual([
    '400 invalid request',
    '400 invalid request',
  ]);
  expect(at.server.requests).toHaveLength(1);
});

test('when all have left the question is taken back', async () => {
  const asked = Promise.withResolvers<void>();
  await using at = await holding(() => {
    asked.resolve();
    return new Promise(() => {});
  });
  const stream = at.open();
  await asked.promise;
  const cut = Promise.all(
    [...at.server.sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve))),
  );
  stream.close();
  await cut;
  expect(at.upstream.requests).toEqual([]);
  await at.gw.line(1);
  expect(at.gw.log).toEqual([]);
});

test.each<[string, AuthorizationServerOptions['answer'], number, string]>([
  ['400', () => ({ status: 400, body: { error: 'invalid_grant' } }), 400, 'invalid_grant'],
  ['429', () => ({ status: 429, body: '' }), 400, 'answered 429'],
  ['401', () => ({ status: 401, body: { error: 'invalid_client' } }), 500, 'invalid_client'],
  ['403', () => ({ status: 403, body: '' }), 500, 'answered 403'],
  ['500', () => ({ status: 500, body: '' }), 500, 'answered 500'],
  ['302', () => ({ status: 302, body: '' }), 500, 'answered 302'],
  ['not JSON', () => ({ body: '<html>' }), 500, ''],
  ['no token', () => ({ body: { token_type: 'Bearer' } }), 500, ''],
  ['an empty token', () => ({ body: { token_type: 'Bearer', access_token: ' ' } }), 500, ''],
  ['no type', () => ({ body: { access_token: 't' } }), 500, 'token_type is not Bearer'],
  ['another type', () => ({ body: { access_token: 't', token_type: 'DPoP' } }), 500, 'token_type is not Bearer'],
  [
    'a token that was not wanted',
    () => ({ body: { access_token: 't', token_type: 'Bearer', issued_token_type: urn('jwt') } }),
    500,
    'issued_token_type is not',
  ],
  ['a token for no header', () => ({ body: { access_token: 'a\nb', token_type: 'Bearer' } }), 500, 'does not fit'],
  ['too much', () => ({ body: { access_token: 't', token_type: 'Bearer', x: 'x'.repeat(65_536) } }), 500, '65536'],
])('an endpoint that answers %s', async (_name, answer, status, logged) => {
  verifies('POL-66');
  await using at = await setup({ answer: answer! }, `requestedTokenType: "${urn('access_token')}"`);
  const got = await ask(at.gw.port, as(at.user));
  expect(got.status).toBe(status);
  if (status === 400) expect(got.text).toBe('invalid request');
  else expect(got.text).toMatch(/^backend authentication failed: /);
  const line = await at.gw.line();
  expect(line.reason).toBe(status === 400 ? 'Internal' : 'UpstreamFailure');
  expect(line.error).toContain(logged);
  expect(at.echo.requests).toHaveLength(0);
  // failures are not remembered
  await ask(at.gw.port, as(at.user));
  expect(at.server.requests).toHaveLength(2);
});

test('an endpoint that is not there', async () => {
  await using at = await setup();
  const gone = at.server.host;
  await at.server[Symbol.asyncDispose]();
  const answer = await ask(at.gw.port, as(at.user));
  expect([answer.status, answer.text]).toEqual([
    500,
    'backend authentication failed: the token endpoint cannot be asked',
  ]);
  expect((await at.gw.line()).error).toContain(gone);
});

test('a token is used again, by tries as by requests, and not beyond its life', async () => {
  const lives = [300, 15, 300];
  let number = 0;
  await using at = await setup({
    answer: () => ({ body: { access_token: `t${++number}`, token_type: 'bearer', expires_in: lives[number - 1] } }),
  });
  const first = await at.server.token({ sub: 'first' });
  const second = await at.server.token({ sub: 'second' });
  for (const token of [first, first, second, second, first]) await ask(at.gw.port, as(token));
  expect(at.echo.requests.map(({ headers }) => shown(headers))).toEqual(['t1', 't1', 't2', 't3', 't1']);
});

test('a request that is tried again asks once', async () => {
  await using at = await setup({}, '', 'retry: { attempts: 1, codes: [503] }');
  at.statuses.push(503, 200);
  expect((await ask(at.gw.port, as(at.user))).status).toBe(200);
  expect(at.echo.requests).toHaveLength(2);
  expect(at.echo.requests[0]?.headers.authorization).toBe(at.echo.requests[1]?.headers.authorization);
  expect(at.server.requests).toHaveLength(1);
});

test('tokens stay over a reload that leaves the policy alone', async () => {
  await using at = await setup();
  await ask(at.gw.port, as(at.user));
  const other = '- { matches: [ { path: { exact: /other } } ], policies: { directResponse: { status: 200 } } }';
  await at.gw.reload(config(at.server, at.echo, '', '', other));
  await ask(at.gw.port, as(at.user));
  expect(at.server.requests).toHaveLength(1);
  await at.gw.reload(config(at.server, at.echo, 'scopes: [other]'));
  await ask(at.gw.port, as(at.user));
  expect(at.server.requests).toHaveLength(2);
});

test('a token endpoint that needs a token of its own, and so on, comes to an end', async () => {
  await using server = await AuthorizationServer.start();
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
backends:
- name: idp
  host: "${server.host}"
  policies: { backendAuth: { oauthTokenExchange: { backend: idp, subjectToken: { source: { expression: uuid() } } } } }
routes: [ { backends: [ { backend: idp } ] } ]
`);
  expect((await ask(gw.port)).status).toBe(500);
  expect((await gw.line()).error).toContain('services ask each other in a circle');
  expect(server.requests).toHaveLength(0);
});
