import { expect, test } from 'vitest';
import { rsaKey } from '../src/policies/backend-auth/testing.ts';
import { ask } from './support/ask.ts';
import { AuthorizationServer, type AuthorizationServerOptions } from './support/authorization-server.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { verifies } from './verifies.ts';

const urn = (type: string) => `urn:ietf:params:oauth:token-type:${type}`;
const key = rsaKey();

/** An identity provider, the authorization server of an application, and the application. */
async function setup(legs: Record<'idp' | 'app', AuthorizationServerOptions['answer']>, fields = '') {
  const stack = new AsyncDisposableStack();
  const client = { id: 'gateway', secret: 'idp-secret' };
  const idp = stack.use(await AuthorizationServer.start({ client, ...(legs.idp ? { answer: legs.idp } : {}) }));
  const known = { id: 'gateway-there', publicKey: key.publicKey };
  const issue: AuthorizationServerOptions['answer'] = async (form) => {
    const { sub } = await idp.verified(form.get('assertion') ?? '');
    const access_token = await app.token({ sub, scope: form.get('scope') ?? '' });
    return { body: { access_token, token_type: 'Bearer', expires_in: 300 } };
  };
  const app = stack.use(await AuthorizationServer.start({ client: known, answer: legs.app ?? issue }));
  const echo = stack.use(await EchoServer.start());
  const gw = stack.use(
    await gateway(
      `
gateways: { default: { port: PORT } }
routes:
- backends:
  - host: "${echo.host}"
    policies:
      backendAuth:
        crossAppAccess:
          identityProvider:
            host: "${idp.host}"
            path: /token
            clientAuth: { clientId: gateway, clientSecret: idp-secret }
          resourceAuthorizationServer:
            host: "${app.host}"
            path: /oauth/token
            clientAuth: { method: privateKeyJwt, clientId: gateway-there, signingKey: $KEY, assertionAudience: "https://app" }
          audience: https://app
          ${fields}
`,
      { env: { KEY: key.privateKey } },
    ),
  );
  const user = await idp.token({ sub: 'alice' });
  const send = () => ask(gw.port, { headers: { host: 'h', authorization: `Bearer ${user}` } });
  return { idp, app, echo, gw, user, send, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test('a token of the client becomes an assertion, and that a token for the application', async () => {
  await using at = await setup(
    { idp: undefined, app: undefined },
    'scopes: [read, write]\n          resources: ["https://r"]',
  );
  expect((await at.send()).status).toBe(200);
  expect((await at.send()).status).toBe(200);
  expect([...at.idp.forms[0]!]).toEqual([
    ['grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange'],
    ['subject_token', at.user],
    ['subject_token_type', urn('id_token')],
    ['requested_token_type', urn('id-jag')],
    ['audience', 'https://app'],
    ['scope', 'read write'],
    ['resource', 'https://r'],
  ]);
  const [form] = at.app.forms;
  expect([...form!.keys()]).toEqual([
    'grant_type',
    'assertion',
    'scope',
    'client_id',
    'client_assertion_type',
    'client_assertion',
  ]);
  expect(form?.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
  expect(await at.idp.verified(form?.get('assertion') ?? '')).toMatchObject({ sub: 'alice', aud: ['https://app'] });
  const shown = at.echo.requests.map(({ headers }) => String(headers.authorization).slice('Bearer '.length));
  expect(await at.app.verified(shown[0]!)).toEqual({ sub: 'alice', scope: 'read write' });
  expect(shown[1]).toBe(shown[0]);
  expect([at.idp.requests.length, at.app.requests.length]).toEqual([1, 1]);
  expect([at.idp.requests[0]?.url, at.app.requests[0]?.url]).toEqual(['/token', '/oauth/token']);
});

test('the second leg may ask for other scopes, or none', async () => {
  for (const [fields, scope] of [
    ['accessTokenScopes: [less]', 'less'],
    ['accessTokenScopes: []', null],
  ] as const) {
    await using at = await setup({ idp: undefined, app: undefined }, `scopes: [read]\n          ${fields}`);
    expect((await at.send()).status).toBe(200);
    expect([at.idp.forms[0]?.get('scope'), at.app.forms[0]?.get('scope')]).toEqual(['read', scope]);
  }
});

const jag = { access_token: 'jag', issued_token_type: urn('id-jag'), token_type: 'N_A' };

test.each([
  ['a bearer token', { ...jag, token_type: 'Bearer' }],
  ['an access token', { ...jag, issued_token_type: urn('access_token') }],
  ['something without a type', { access_token: 'jag', token_type: 'N_A' }],
])('an identity provider that issues %s has not issued an assertion', async (_name, body) => {
  verifies('POL-67');
  await using at = await setup({ idp: () => ({ body }), app: undefined });
  const answer = await at.send();
  expect([answer.status, answer.text]).toEqual([
    500,
    'backend authentication failed: the identity provider gave no identity assertion',
  ]);
  expect(at.app.requests).toHaveLength(0);
  expect(at.echo.requests).toHaveLength(0);
});

test('an assertion that says nothing of how it is shown will do', async () => {
  const { token_type: _, ...body } = jag;
  await using at = await setup({
    idp: () => ({ body }),
    app: () => ({ body: { access_token: 't', token_type: 'Bearer' } }),
  });
  expect((await at.send()).status).toBe(200);
  expect(at.app.forms[0]?.get('assertion')).toBe('jag');
});

test.each([
  ['the provider refuses the token', { idp: { status: 400, body: { error: 'invalid_grant' } } }, 400],
  ['the provider refuses the gateway', { idp: { status: 401, body: { error: 'invalid_client' } } }, 500],
  ['the server refuses the assertion', { app: { status: 400, body: { error: 'invalid_grant' } } }, 500],
  ['the server fails', { app: { status: 503, body: '' } }, 500],
  ['the server issues something else', { app: { body: { access_token: 't', token_type: 'mac' } } }, 500],
])('whose fault it is: %s', async (_name, answers, status) => {
  const { idp, app } = { idp: { body: jag }, app: undefined, ...answers };
  await using at = await setup({ idp: () => idp, app: app && (() => app) });
  expect((await at.send()).status).toBe(status);
  expect(at.echo.requests).toHaveLength(0);
});

test('without a token nobody is asked', async () => {
  await using at = await setup({ idp: undefined, app: undefined });
  const answer = await ask(at.gw.port);
  expect([answer.status, answer.text]).toEqual([400, 'invalid request']);
  expect(at.idp.requests).toHaveLength(0);
});
