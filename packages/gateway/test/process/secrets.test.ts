import { readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { join, relative } from 'node:path';
import { compileRegex } from '@agentgateway/regex';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import { ecKey, rsaKey } from '../../src/policies/backend-auth/testing.ts';
import { keySetText, testKey, tokenOf } from '../../src/policies/jwt/testing.ts';
import { ask } from '../support/ask.ts';
import { certificate } from './support/certificate.ts';
import { GatewayProcess, run, Site } from './support/process.ts';

/** A text that is found wherever it goes. */
const marker = (name: string) => `MARK${name}${Buffer.from(name).toString('hex')}MARK`;

const hexKeys = { cookie: 'c0ffee'.repeat(11).slice(0, 64), session: 'decade'.repeat(11).slice(0, 64) };
const signKey = ecKey();
const clientKey = rsaKey();
const issuer = testKey('k');
const token = (claims: object) =>
  tokenOf(issuer, { iss: 'https://issuer.test', sub: 'ann', exp: 4_000_000_000, ...claims });
const good = token({ note: marker('claim') });
const bad = token({ exp: 1, note: marker('expired') });

/** What may leave nowhere: every secret of the configuration, and every credential that a client shows. */
const planted = [
  ...['basic', 'key', 'header', 'query', 'cookie', 'upstream', 'further', 'exchange', 'post', 'login', 'callout'],
  ...['guess', 'password', 'code', 'sealed', 'subject'],
]
  .map(marker)
  .concat(hexKeys.cookie, hexKeys.session, good.split('.')[2] as string, bad.split('.')[2] as string)
  .concat([signKey, clientKey].flatMap(({ privateKey }) => innerLines(privateKey)));

/** Lines of a PEM that hold the key itself. */
function innerLines(pem: string): string[] {
  return pem.split('\n').filter((line) => line !== '' && !line.startsWith('-----'));
}

/** Basic authentication of a password that `{SHA}` does not show. */
function configuration(upstream: string): string {
  const dead = '127.0.0.1:9';
  const route = (path: string, policies: string, backend = upstream) => `
- matches: [ { path: { pathPrefix: /${path} } } ]
  policies: { ${policies} }
  backends: [ { host: "${backend}" } ]`;
  const endpoint = (auth: string) =>
    `host: "${dead}", policies: { backendAuth: { key: ${marker('callout')} } }, clientAuth: { clientId: gw, ${auth} }`;
  const key = (location: string, name: string) =>
    `apiKey: { mode: strict, location: { ${location} }, keys: [ { key: ${marker(name)} } ] }`;
  return `
config: { session: { key: ${hexKeys.session} } }
gateways:
  default: { port: PORT }
  secure: { port: PORT2, protocol: HTTPS, tls: { cert: a.cert, key: a.key } }
frontendPolicies:
  accessLog: { add: { who: jwt.sub }, otlp: { host: "${dead}", policies: { backendAuth: { key: ${marker('callout')} } } } }
  tracing: { host: "${dead}", randomSampling: true, policies: { backendAuth: { key: ${marker('callout')} } } }
routes:${[
    route('jwt', `jwtAuth: { mode: strict, issuer: "https://issuer.test", jwks: '${keySetText(issuer)}' }`),
    route('basic', `basicAuth: { mode: strict, htpasswd: "ann:${marker('basic')}" }`),
    route('header', key('header: { name: x-api-key }', 'header')),
    route('query', key('queryParameter: { name: key }', 'query')),
    route('cookie', key('cookie: { name: key }', 'cookie')),
    route(
      'login',
      `oidc: { issuer: "http://127.0.0.1:9", clientId: web, clientSecret: ${marker('login')}, redirectURI: "http://a.test/login/cb" }`,
    ),
    route(
      'authz',
      `extAuthz: { host: "${dead}", protocol: { http: {} }, policies: { backendAuth: { key: ${marker('callout')} } } }`,
    ),
    route(
      'limit',
      `remoteRateLimit: { domain: d, host: "${dead}", descriptors: [ { entries: [ { key: k, value: '"v"' } ] } ], policies: { backendAuth: { key: ${marker('callout')} } } }`,
    ),
    route('process', `extProc: { host: "${dead}", policies: { backendAuth: { key: ${marker('callout')} } } }`),
    route(
      'upstream',
      `backendAuth: { key: ${marker('upstream')}, credentials: [ { location: { header: { name: x-more } }, key: ${marker('further')} } ] }`,
    ),
    route('dead', `backendAuth: { key: ${marker('upstream')} }`, dead),
    route('sign', 'backendAuth: { jwtSign: { signingKey: { file: sign.pem }, alg: ES256 } }', dead),
    route('tls', 'backendTLS: { cert: a.cert, key: a.key }', dead),
    route('exchange', `backendAuth: { oauthTokenExchange: { ${endpoint(`clientSecret: ${marker('exchange')}`)} } }`),
    route(
      'post',
      `backendAuth: { oauthTokenExchange: { ${endpoint(`method: clientSecretPost, clientSecret: ${marker('post')}`)} } }`,
    ),
    route(
      'private',
      `backendAuth: { oauthTokenExchange: { ${endpoint('method: privateKeyJwt, signingKey: { file: client.pem }, assertionAudience: as')} } }`,
    ),
    route(
      'cross',
      `backendAuth: { crossAppAccess: { identityProvider: { ${endpoint(`clientSecret: ${marker('exchange')}`)} }, resourceAuthorizationServer: { ${endpoint(`clientSecret: ${marker('post')}`)} }, audience: app } }`,
    ),
  ].join('')}
`;
}

/** Every `{ $secret }` in some data. */
function secretsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('$secret' in value) return [String(value.$secret)];
  return Object.values(value).flatMap(secretsIn);
}

test('the test below plants something in every kind of secret: who makes a new one plants it there', () => {
  const source = new URL('../../src', import.meta.url).pathname;
  const makers = readdirSync(source, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => /(?<!function )\bsecret\(|map\(secret\)/.test(readFileSync(file, 'utf8')))
    .map((file) => relative(source, file));
  expect(makers.sort()).toEqual([
    'config/settings.ts',
    'config/translate/tls.ts',
    'policies/backend-auth/oauth/schema.ts',
    'policies/backend-auth/schema.ts',
    'policies/backend-auth/secret-schema.ts',
    'policies/backend-tls/schema.ts',
    'policies/basic-auth/schema.ts',
    'policies/oidc/schema.ts',
  ]);
});

test('no secret leaves the process: in no line, no answer, no dump, no message', { timeout: 30_000 }, async () => {
  const seen: string[] = [];
  const upstream = http.createServer((request, response) => {
    // What is meant for the upstream may come here, and nothing else.
    const { authorization, 'x-more': more, ...others } = request.headers;
    seen.push(JSON.stringify([request.url, others]));
    if (authorization !== undefined) expect(authorization).toBe(`Bearer ${marker('upstream')}`);
    if (more !== undefined) expect(more).toBe(marker('further'));
    response.end('ok');
  });
  upstream.listen(0, '127.0.0.1');
  await new Promise((resolve) => upstream.once('listening', resolve));
  const address = upstream.address();
  const host = `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;

  const site = await Site.create();
  const tls = certificate(site.directory, 'a');
  site.write('sign.pem', signKey.privateKey);
  site.write('client.pem', clientKey.privateKey);
  const text = configuration(host);
  site.write('gateway.yaml', text);
  const env = { OIDC_COOKIE_SECRET: hexKeys.cookie, RUST_LOG: 'debug', WORKER_THREADS: '1', LOG_FORMAT: 'json' };
  const forbidden = [...planted, ...innerLines(tls.key)];

  const loaded = await loadConfig({ text: site.fill(text), file: 'x', env, compileRegex, directory: site.directory });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
  const known = secretsIn([loaded.settings, loaded.resources]);
  expect(known.filter((value) => !forbidden.some((mark) => value.includes(mark)))).toEqual([]);

  const left: string[] = [];
  {
    await using gw = await new GatewayProcess(site, { env }).ready();
    const port = site.ports[0] as number;
    const send = async (path: string, headers: Record<string, string> = {}) => {
      const answer = await ask(port, { path, headers });
      left.push(answer.text, JSON.stringify(answer.rawHeaders));
      return answer.status;
    };
    const bearer = (value: string) => ({ authorization: `Bearer ${value}` });
    const basic = (password: string) => ({
      authorization: `Basic ${Buffer.from(`ann:${password}`).toString('base64')}`,
    });
    const outcomes = [
      await send('/jwt', bearer(good)),
      await send('/jwt', bearer(bad)),
      await send('/jwt', bearer(marker('guess'))),
      await send('/basic', basic(marker('password'))),
      await send('/header', { 'x-api-key': marker('header') }),
      await send('/header', { 'x-api-key': marker('guess') }),
      await send(`/query?key=${marker('query')}`),
      await send(`/query?key=${marker('guess')}`),
      await send('/cookie', { cookie: `key=${marker('cookie')}` }),
      await send('/cookie', { cookie: `key=${marker('guess')}; agw_oidc_s_0=${marker('sealed')}` }),
      await send('/login/app', { cookie: `agw_oidc_s_0=${marker('sealed')}` }),
      await send(`/login/cb?state=e30&code=${marker('code')}`),
      await send('/authz'),
      await send('/limit'),
      await send('/process'),
      await send('/upstream'),
      await send('/dead'),
      await send('/sign'),
      await send('/tls'),
      await send('/exchange', bearer(marker('subject'))),
      await send('/post', bearer(marker('subject'))),
      await send('/private', bearer(marker('subject'))),
      await send('/cross', bearer(marker('subject'))),
    ];
    expect(outcomes).toEqual([
      ...[200, 401, 401, 401, 200, 401, 200, 401, 200, 401, 503, 503],
      ...[403, 500, 500, 200, 503, 503, 503, 500, 500, 500, 500],
    ]);
    for (const [path, at] of [
      ['/config_dump', site.admin],
      ['/metrics', site.stats],
      ['/healthz/ready', site.readiness],
    ] as const) {
      const [status, body] = await gw.get(path, at);
      expect([path, status]).toEqual([path, 200]);
      left.push(body);
    }
    const broken = [
      text.replace(`key: ${marker('upstream')}, credentials`, `key: [ ${marker('upstream')} ], credentials`),
      text.replace(`clientSecret: ${marker('login')}`, `clientSecret: { ${marker('login')}: 1 }`),
      text.replace(`htpasswd: "ann:${marker('basic')}"`, `htpasswd: [ "ann:${marker('basic')}" ]`),
      text.replace(`{ key: ${marker('header')} }`, marker('header')),
      text.replace(`clientSecret: ${marker('post')}`, `clientSecret: [ ${marker('post')} ]`),
      text.replace(`key: ${hexKeys.session}`, `key: ${hexKeys.session}ff`),
      text.replace('alg: ES256', 'alg: RS256'),
    ];
    for (const wrong of broken) {
      expect(wrong).not.toBe(text);
      left.push((await gw.reload(() => site.write('gateway.yaml', wrong))) ?? 'accepted');
      const checked = await run(site, ['--validate-only', '-f', site.path('gateway.yaml')], { env });
      expect(checked.code).toBe(1);
      left.push(checked.stdout, checked.stderr);
    }
    expect(left).not.toContain('accepted');
    await gw.stop();
    left.push(gw.stdout.text, gw.stderr.text, ...seen);
  }
  upstream.closeAllConnections();
  upstream.close();

  const all = left.join('\n');
  expect(all).toContain('"http.path":"/exchange"');
  const found = forbidden.filter((mark) =>
    [mark, Buffer.from(mark).toString('base64').slice(0, -4), Buffer.from(mark).toString('hex')].some((form) =>
      all.includes(form),
    ),
  );
  expect(found).toEqual([]);
});
