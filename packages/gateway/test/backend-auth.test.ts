import { createPublicKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { ecKey } from '../src/policies/backend-auth/testing.ts';
import { keySetText, testKey, tokenOf } from '../src/policies/jwt/testing.ts';
import { ask } from './support/ask.ts';
import { AuthorizationServer } from './support/authorization-server.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { verifies } from './verifies.ts';

const issuerKey = testKey('one');
const jwtAuth = `jwtAuth: { mode: strict, issuer: "https://a.test", jwks: '${keySetText(issuerKey)}' }`;
const token = tokenOf(issuerKey, { iss: 'https://a.test', sub: 'alice', exp: Math.floor(Date.now() / 1000) + 3600 });
const bearer = { headers: { host: 'h', authorization: `Bearer ${token}` } };

const to = (host: string, backendAuth: string, more = '') => `
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${host}", policies: { backendAuth: ${backendAuth} } } ], policies: { ${more} } } ]
`;

/** A folder for files that a configuration names. */
class Folder implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'keys-'));
  write(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text);
  }
  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true });
  }
}

test('the token that jwtAuth took off is put on again', async () => {
  verifies('POL-13');
  await using echo = await EchoServer.start();
  await using gw = await gateway(to(echo.host, '{ passthrough: {} }', jwtAuth));
  expect((await ask(gw.port, bearer)).status).toBe(200);
  expect(echo.requests[0]?.headers.authorization).toBe(`Bearer ${token}`);
  expect((await ask(gw.port)).status).toBe(401);
  await gw.reload(to(echo.host, '{ passthrough: { location: { header: { name: x-user-token } } } }', jwtAuth));
  await ask(gw.port, bearer);
  expect(echo.requests[1]?.headers).toMatchObject({ 'x-user-token': token });
  expect(echo.requests[1]?.headers).not.toHaveProperty('authorization');
});

test('what jwtAuth took off is nothing to exchange, unless an expression gives it', async () => {
  verifies('POL-71');
  await using echo = await EchoServer.start();
  await using server = await AuthorizationServer.start({
    answer: () => ({ body: { access_token: 'exchanged', token_type: 'Bearer' } }),
  });
  const exchange = (more: string) => `{ oauthTokenExchange: { host: "${server.host}"${more} } }`;
  await using gw = await gateway(to(echo.host, exchange(''), jwtAuth));
  const stripped = await ask(gw.port, bearer);
  expect([stripped.status, stripped.text]).toEqual([400, 'invalid request']);
  expect(server.requests).toHaveLength(0);
  const source = ', subjectToken: { source: { expression: "jwt.rawToken.unredacted()" } }';
  await gw.reload(to(echo.host, exchange(source), jwtAuth));
  expect((await ask(gw.port, bearer)).status).toBe(200);
  expect(server.forms[0]?.get('subject_token')).toBe(token);
  expect(echo.requests[0]?.headers.authorization).toBe('Bearer exchanged');
});

test('a signed token is one that others verify, and its key may be another tomorrow', async () => {
  await using echo = await EchoServer.start();
  using folder = new Folder();
  const [today, tomorrow] = [ecKey(), ecKey()];
  const config = to(echo.host, '{ jwtSign: { signingKey: { file: key.pem }, alg: ES256, claims: { aud: upstream } } }');
  folder.write('key.pem', today.privateKey);
  await using gw = await gateway(config, { directory: folder.directory });
  const shown = async (publicKey: string) => {
    expect((await ask(gw.port)).status).toBe(200);
    const signed = String(echo.requests.at(-1)?.headers.authorization).slice('Bearer '.length);
    return (await jwtVerify(signed, createPublicKey(publicKey), { audience: 'upstream' })).payload;
  };
  const { iat = 0, exp = 0 } = await shown(today.publicKey);
  expect(exp - iat).toBe(310);
  folder.write('key.pem', tomorrow.privateKey);
  await gw.reload(config);
  await shown(tomorrow.publicKey);
});

test('a client secret in a file may be another tomorrow', async () => {
  await using echo = await EchoServer.start();
  using folder = new Folder();
  await using server = await AuthorizationServer.start();
  const config = to(
    echo.host,
    `{ oauthTokenExchange: { host: "${server.host}", clientAuth: { method: clientSecretPost, clientId: me, clientSecret: { file: secret } } } }`,
  );
  folder.write('secret', 'today\n');
  await using gw = await gateway(config, { directory: folder.directory });
  const user = { headers: { host: 'h', authorization: `Bearer ${await server.token({ sub: 'alice' })}` } };
  await ask(gw.port, user);
  folder.write('secret', 'tomorrow\n');
  await gw.reload(config);
  await ask(gw.port, user);
  expect(server.forms.map((form) => form.get('client_secret'))).toEqual(['today', 'tomorrow']);
});

test('further credentials stand beside what another kind shows', async () => {
  await using echo = await EchoServer.start();
  const credentials =
    'credentials: [ { location: { cookie: { name: c } }, key: one }, { location: { queryParameter: { name: k } }, key: two } ]';
  await using gw = await gateway(to(echo.host, `{ key: mine, ${credentials} }`));
  await ask(gw.port, { path: '/x?k=client', headers: { host: 'h', cookie: 'a=b; c=client' } });
  const [request] = echo.requests;
  expect(request?.headers).toMatchObject({ authorization: 'Bearer mine', cookie: 'a=b; c=one' });
  expect(request?.url).toBe('/x?k=two');
});

test('a token endpoint has its own credentials, of any kind, and may be a named backend', async () => {
  await using echo = await EchoServer.start();
  await using server = await AuthorizationServer.start();
  const key = ecKey();
  const config = `
gateways: { default: { port: PORT } }
backends:
- name: idp
  host: "${server.host}"
  policies: { requestHeaderModifier: { set: { x-tenant: t1 } } }
routes:
- backends: [ { host: "${echo.host}" } ]
  policies:
    backendAuth:
      oauthTokenExchange:
        backend: idp
        policies:
          backendAuth: { jwtSign: { signingKey: $KEY, alg: ES256, claims: { iss: gateway } }, credentials: [ { location: { header: { name: x-api-key } }, key: k } ] }
`;
  await using gw = await gateway(config, { env: { KEY: key.privateKey } });
  const user = await server.token({ sub: 'alice' });
  expect((await ask(gw.port, { headers: { host: 'h', authorization: `Bearer ${user}` } })).status).toBe(200);
  const { authorization = '', ...headers } = server.requests[0]!.headers;
  expect(headers).toMatchObject({ 'x-api-key': 'k', 'x-tenant': 't1' });
  await jwtVerify(String(authorization).slice('Bearer '.length), createPublicKey(key.publicKey), { issuer: 'gateway' });
});

test('a provider of models is shown what was exchanged', async () => {
  await using server = await AuthorizationServer.start({
    answer: () => ({ body: { access_token: 'exchanged', token_type: 'Bearer' } }),
  });
  await using echo = await EchoServer.start();
  const config = `
gateways: { default: { port: PORT } }
routes:
- backends:
  - ai:
      name: models
      provider: { openAI: {} }
      hostOverride: "${echo.host}"
      policies: { backendTLS: null, backendAuth: { oauthTokenExchange: { host: "${server.host}" } } }
`;
  await using gw = await gateway(config);
  const body = JSON.stringify({ model: 'gpt-5', messages: [{ role: 'user', content: 'hi' }] });
  await ask(gw.port, {
    method: 'POST',
    path: '/v1/chat/completions',
    body,
    headers: { host: 'h', authorization: 'Bearer mine' },
  });
  expect(server.forms[0]?.get('subject_token')).toBe('mine');
  expect(echo.requests[0]?.headers.authorization).toBe('Bearer exchanged');
});
