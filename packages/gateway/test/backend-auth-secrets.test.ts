import { Buffer } from 'node:buffer';
import { compileRegex } from '@agentgateway/regex';
import { expect, test } from 'vitest';
import { configDump } from '../src/admin/config-dump.ts';
import { formatErrors, loadConfig } from '../src/config/index.ts';
import { ecKey, rsaKey } from '../src/policies/backend-auth/testing.ts';
import { ask } from './support/ask.ts';
import { AuthorizationServer, type Issued } from './support/authorization-server.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';

const [sign, client] = [ecKey(), rsaKey()];
const env = { SIGN: sign.privateKey, CLIENT: client.privateKey };
const jwt = (marker: string) => `e30.${Buffer.from(JSON.stringify({ marker })).toString('base64url')}.${marker}`;
const subject = jwt('marker-subject');
const actor = jwt('marker-actor');

/** What nobody outside may ever see: some lines of each key, and every planted text. */
const secrets = [
  ...[sign, client].flatMap(({ privateKey }) => privateKey.split('\n').slice(1, 3)),
  ...['basic', 'post', 'key', 'credential', 'callout', 'extra'].map((name) => `marker-${name}`),
  ...[subject, actor].map((token) => token.split('.')[1] as string),
  ...['marker-subject', 'marker-actor', 'marker-issued', 'marker-jag'],
].filter((text) => text !== '');

function config(host: string, echo: string) {
  const exchange = (path: string, clientAuth: string) => `
- matches: [ { path: { exact: ${path} } } ]
  backends: [ { host: "${echo}" } ]
  policies:
    backendAuth:
      oauthTokenExchange:
        host: "${host}"
        policies: { backendAuth: { key: marker-callout, credentials: [ { location: { cookie: { name: c } }, key: marker-credential } ] } }
        subjectToken: { source: { queryParameter: { name: token } } }
        actorToken: { source: { header: { name: x-actor } } }
        additionalParams: { extra: 'request.headers["x-extra"]' }
        clientAuth: { clientId: gateway, ${clientAuth} }
      credentials: [ { location: { header: { name: x-more } }, key: marker-credential } ]`;
  const leg = (clientAuth: string) => `{ host: "${host}", clientAuth: { clientId: gateway, ${clientAuth} } }`;
  const key = 'method: privateKeyJwt, signingKey: $CLIENT, assertionAudience: as';
  return `
gateways: { default: { port: PORT } }
routes:
${exchange('/basic', 'clientSecret: marker-basic')}
${exchange('/post', 'method: clientSecretPost, clientSecret: marker-post')}
${exchange('/key', key)}
- matches: [ { path: { exact: /sign } } ]
  backends: [ { host: "${echo}" } ]
  policies: { backendAuth: { jwtSign: { signingKey: $SIGN, alg: ES256 } } }
- matches: [ { path: { exact: /cross } } ]
  backends: [ { host: "${echo}" } ]
  policies:
    backendAuth:
      crossAppAccess:
        identityProvider: ${leg(key)}
        resourceAuthorizationServer: ${leg('clientSecret: marker-basic')}
        audience: app
        subjectToken: { source: { queryParameter: { name: token } } }
`;
}

/** Answers as a good server, then as ones that say too much. */
const bodies: readonly ((form: URLSearchParams) => Issued)[] = [
  (form) =>
    (form.get('requested_token_type') ?? '').endsWith(':id-jag')
      ? {
          body: {
            access_token: 'marker-jag',
            token_type: 'N_A',
            issued_token_type: 'urn:ietf:params:oauth:token-type:id-jag',
          },
        }
      : { body: { access_token: 'marker-issued', token_type: 'Bearer', expires_in: 1 } },
  (form) => ({
    status: 400,
    body: { error: form.get('subject_token') ?? 'marker-jag', error_description: form.toString() },
  }),
  (form) => ({ status: 401, body: { error: 'invalid_client', error_description: form.toString() } }),
  (form) => ({ status: 500, body: form.toString() }),
  () => ({ body: { access_token: 'marker-issued', token_type: 'marker-issued', issued_token_type: 'marker-issued' } }),
  () => ({ body: { access_token: 'marker-issued\n', token_type: 'Bearer', expires_in: 1 } }),
];

function expectNoSecret(texts: readonly string[]): void {
  for (const secret of secrets) for (const text of texts) expect(text).not.toContain(secret);
}

test('no secret of an exchange is in an answer, a log, or a dump', async () => {
  let body = bodies[0]!;
  await using echo = await EchoServer.start('echo', (_request, response) => response.end('fine'));
  await using server = await AuthorizationServer.start({ answer: (form) => body(form) });
  await using gw = await gateway(config(server.host, echo.host), { env });
  const answers: string[] = [];
  for (body of bodies) {
    for (const path of ['/basic', '/post', '/key', '/sign', '/cross']) {
      const headers = { host: 'h', 'x-actor': actor, 'x-extra': 'marker-extra' };
      const answer = await ask(gw.port, { path: `${path}?a=1&token=${subject}`, headers });
      answers.push(`${answer.status} ${JSON.stringify(answer.rawHeaders)} ${answer.text}`);
    }
  }
  expect(new Set(answers.map((answer) => answer.slice(0, 3)))).toEqual(new Set(['200', '400', '500']));
  expect(gw.lines).toHaveLength(answers.length);
  // the servers did see them
  expect(server.requests.some(({ headers }) => headers.authorization === 'Bearer marker-callout')).toBe(true);
  expect(server.forms.some((form) => form.get('client_secret') === 'marker-post')).toBe(true);
  expect(echo.requests.some(({ headers }) => headers['x-more'] === 'marker-credential')).toBe(true);
  expectNoSecret([...answers, ...gw.texts, ...gw.log]);

  const loaded = await loadConfig({
    text: config('as:1', 'b:1').replace('PORT', '0'),
    file: 'f.yaml',
    env,
    compileRegex,
  });
  if (!loaded.ok) throw new Error(formatErrors(loaded.errors));
  const dump = JSON.stringify(configDump(loaded.resources, loaded.settings, { version: '1' } as never));
  expect(dump).toContain('privateKeyJwt');
  expectNoSecret([dump, dump.replaceAll('\\n', '\n')]);
});

test.each([
  'jwtSign: { signingKey: marker-key }',
  'jwtSign: { signingKey: { file: "marker-key\\0" } }',
  'jwtSign: { signingKey: [marker-key] }',
  'jwtSign: { signingKey: $CLIENT, alg: ES256 }',
  'oauthTokenExchange: { host: "as:1", clientAuth: { clientId: a, clientSecret: { path: marker-post } } }',
  'oauthTokenExchange: { host: "as:1", clientAuth: { method: marker-post, clientId: a } }',
  'oauthTokenExchange: { host: "as:1", clientAuth: { method: privateKeyJwt, clientId: a, assertionAudience: b, signingKey: marker-key } }',
  'oauthTokenExchange: { host: "as:1", policies: { backendAuth: { key: { value: marker-callout, location: marker-key } } } }',
  'crossAppAccess: { identityProvider: { host: "as:1", clientAuth: { clientId: a, clientSecret: [marker-basic] } } }',
  'credentials: [ { key: "marker-credential\\u0001", location: { cookie: { name: c } } } ]',
  'credentials: [ marker-credential ]',
])('a mistake in %j is told without what is secret in it', async (auth) => {
  const text = `backends: [ { name: b, host: "h:80", policies: { backendAuth: { ${auth} } } } ]`;
  for (const where of [text, text.replace('policies: {', 'policies: { requestHeaderModifier: { set: { a: b } },')]) {
    const loaded = await loadConfig({ text: where, file: 'f.yaml', env, compileRegex });
    if (loaded.ok) throw new Error('expected a mistake');
    expectNoSecret([formatErrors(loaded.errors)]);
  }
});
