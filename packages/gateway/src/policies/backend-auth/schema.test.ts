import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { loaded, refused } from '../../config/testing.ts';
import { ecKey, rsaKey } from './testing.ts';

const files = { '/etc/gateway/key': '\n s3cret \r\n', '/etc/gateway/empty': ' \n', '/etc/gateway/odd': 'a\u0000b' };
const text = (auth: string) => `backends: [{name: b, host: "h:80", policies: {backendAuth: ${auth}}}]`;
const secret = { $secret: 's3cret' };

function specOf(auth: string, env: Record<string, string> = {}) {
  const [backend] = loaded(text(auth), env, files).resources;
  return backend!.kind === 'backend' ? backend!.policies[0]!.spec : undefined;
}

test.each([
  ['{key: s3cret}', { key: { value: secret } }],
  ['{key: " s3cret "}', { key: { value: secret } }],
  ['{key: {file: key}}', { key: { value: secret } }],
  ['{key: {value: s3cret}}', { key: { value: secret } }],
  ['{key: {value: {file: key}}}', { key: { value: secret } }],
  [
    '{key: {value: {file: key}, location: {header: {name: X-Key}}}}',
    { key: { value: secret, location: { header: { name: 'x-key' } } } },
  ],
  [
    '{key: {value: s3cret, location: {header: {name: authorization, prefix: "Token "}}}}',
    { key: { value: secret, location: { header: { name: 'authorization', prefix: 'Token ' } } } },
  ],
  [
    '{key: {value: s3cret, location: {queryParameter: {name: key}}}}',
    { key: { value: secret, location: { queryParameter: { name: 'key' } } } },
  ],
  [
    '{key: {value: s3cret, location: {cookie: {name: key}}}}',
    { key: { value: secret, location: { cookie: { name: 'key' } } } },
  ],
])('%s', (auth, spec) => {
  expect(specOf(auth)).toEqual(spec);
});

test('a key that looks like a number is a text when it comes from a variable', () => {
  expect(specOf('{key: $KEY}', { KEY: '0123' })).toEqual({ key: { value: { $secret: '0123' } } });
  expect(specOf('{key: {value: $KEY}}', { KEY: 'true' })).toEqual({ key: { value: { $secret: 'true' } } });
});

test.each([
  ['{}', 'exactly one of key, passthrough, jwtSign, oauthTokenExchange, crossAppAccess must be set'],
  ['{key: a, passthrough: {}}', 'must be set, found key and passthrough'],
  ['{key: {}}', 'exactly one of value, file must be set'],
  ['{key: {value: a, file: key}}', 'exactly one of value, file must be set, found value and file'],
  ['{key: {file: key, location: {cookie: {name: k}}}}', 'write key: {value: {file: …}, location: …}'],
  ['{key: {file: empty}}', 'the key is empty'],
  ['{key: {file: odd}}', 'the key cannot be sent in a header'],
  ['{key: {file: none}}', 'cannot read the file (no such file)'],
  ['{key: 5}', 'backendAuth.key: expected a string or an object'],
  ['{key: {value: a, location: {}}}', 'exactly one of header, queryParameter, cookie must be set'],
  ['{key: {value: a, location: {header: {name: "a b"}}}}', 'not a header name'],
  ['{key: {value: a, location: {cookie: {name: "a;b"}}}}', 'not a cookie name'],
  ['{key: {value: a, location: {expression: "1"}}}', 'an expression reads a credential; it is no place to put one'],
  ['basic', 'expected an object such as {key: …}'],
  ['{credentials: [{location: {cookie: {name: c}}}]}', 'credentials[0].key: is required'],
  ['{credentials: [{key: a}]}', 'credentials[0].location: is required'],
  ['{credentials: [{key: "", location: {cookie: {name: c}}}]}', 'credentials[0].key: the key is empty'],
  ['{gcp: {}, credentials: []}', 'not supported yet: backends[0].policies.backendAuth.gcp'],
  ['{copilot: null, credentials: []}', 'not supported yet: backends[0].policies.backendAuth'],
  ['{aws: {}}', 'not supported yet: backends[0].policies.backendAuth.aws'],
])('%s is refused: %s', (auth, message) => {
  expect(refused(text(auth), {}, files)).toEqual([expect.stringContaining(message)]);
});

const rsa = rsaKey();
const ec = ecKey();
const env = { RSA: rsa.privateKey, EC: ec.privateKey, PUBLIC: rsa.publicKey };

/** Everything that is said about one `backendAuth`, without its place in the file. */
function complaints(auth: string): string[] {
  return refused(text(auth), env, files).map((line) => line.replace(/^.*?backendAuth[.:] ?/, ''));
}

test.each([
  ['{passthrough: {}}', { passthrough: {} }],
  ['{passthrough: {location: {cookie: {name: t}}}}', { passthrough: { location: { cookie: { name: 't' } } } }],
  [
    '{key: s3cret, credentials: [{location: {header: {name: X-Team}}, key: {file: key}}]}',
    { key: { value: secret }, credentials: [{ location: { header: { name: 'x-team' } }, key: secret }] },
  ],
  [
    '{credentials: [{location: {queryParameter: {name: k}}, key: s3cret}]}',
    { credentials: [{ location: { queryParameter: { name: 'k' } }, key: secret }] },
  ],
  [
    '{jwtSign: {signingKey: $RSA}}',
    { jwtSign: { signingKey: { $secret: rsa.privateKey }, alg: 'RS256', claims: {}, ttl: 300_000 } },
  ],
  [
    '{jwtSign: {signingKey: $EC, alg: ES256, kid: one, ttl: 1s, claims: {iss: me, n: [1]}, location: {header: {name: x}}}}',
    {
      jwtSign: {
        signingKey: { $secret: ec.privateKey },
        alg: 'ES256',
        kid: 'one',
        claims: { iss: 'me', n: [1] },
        ttl: 1000,
        location: { header: { name: 'x' } },
      },
    },
  ],
])('%s', (auth, spec) => {
  expect(specOf(auth, env)).toEqual(spec);
});

test.each(['iat', 'exp', 'nbf'])('POL-63: a claim that the gateway sets is refused: %s', (claim) => {
  verifies('POL-63');
  expect(complaints(`{jwtSign: {signingKey: $RSA, claims: {${claim}: 1}}}`)).toEqual([
    `jwtSign.claims.${claim}: jwtSign claim "${claim}" is reserved: the gateway sets iat and exp itself`,
  ]);
});

test.each([
  ['{jwtSign: {}}', 'jwtSign.signingKey: is required'],
  ['{jwtSign: {signingKey: $RSA, ttl: 999ms}}', 'jwtSign.ttl: must be at least 1s'],
  ['{jwtSign: {signingKey: $RSA, alg: HS256}}', 'jwtSign.alg: '],
  ['{jwtSign: {signingKey: $EC}}', 'jwtSign.signingKey: alg RS256 needs an RSA key, found a key of type ec'],
  ['{jwtSign: {signingKey: $PUBLIC}}', 'jwtSign.signingKey: the signing key is a public key'],
  ['{jwtSign: {signingKey: {file: empty}}}', 'jwtSign.signingKey: the signing key is empty'],
  ['{jwtSign: {signingKey: {file: none}}}', 'jwtSign.signingKey.file: cannot read the file'],
])('%s is refused: %s', (auth, message) => {
  expect(complaints(auth)).toEqual([expect.stringContaining(message)]);
});

const access = 'urn:ietf:params:oauth:token-type:access_token';
const bearer = { header: { name: 'authorization', prefix: 'Bearer ' } };
const target = (policies: unknown[] = []) => ({ $backend: { address: { host: 'idp', port: 80 } }, policies });

test('files of keys and secrets are watched', () => {
  const { files: watched } = loaded(
    text(
      '{oauthTokenExchange: {host: "idp:80", clientAuth: {clientId: me, clientSecret: {file: key}}}, credentials: [{location: {cookie: {name: c}}, key: {file: odd2}}]}',
    ),
    {},
    { ...files, '/etc/gateway/odd2': 'k' },
  );
  expect(watched.map(({ path }) => path)).toEqual(['/etc/gateway/odd2', '/etc/gateway/key']);
});

test('token exchange has its defaults', () => {
  expect(specOf('{oauthTokenExchange: {host: "idp:80"}}')).toEqual({
    oauthTokenExchange: {
      endpoint: { target: target(), path: '/' },
      grantType: 'tokenExchange',
      subjectToken: { source: bearer, tokenType: access },
      audiences: [],
      scopes: [],
      resources: [],
      additionalParams: [],
      cache: { maxEntries: 8192, defaultTtl: 300_000 },
    },
  });
});

test('token exchange with everything', () => {
  const auth = `{oauthTokenExchange: {
    host: "idp:80", policies: {backendAuth: {key: s3cret}}, path: "/token?x=1",
    subjectToken: {source: {cookie: {name: s}}, tokenType: "urn:x:y"},
    actorToken: {source: {header: {name: x-actor}}, tokenType: "urn:ietf:params:oauth:token-type:jwt", enforceMayAct: true},
    audiences: [a], scopes: [s1, s2], resources: ["https://r"],
    requestedTokenType: "${access}", clientAuth: {clientId: me, clientSecret: {file: key}},
    additionalParams: {tenant: '"t"'}, authorizationLocation: {header: {name: x-token}}, cache: {maxEntries: 0, defaultTtl: 1m}}}`;
  expect(specOf(auth)).toEqual({
    oauthTokenExchange: {
      endpoint: {
        target: target([{ kind: 'backendAuth', spec: { key: { value: secret } } }]),
        path: '/token?x=1',
        clientAuth: { method: 'clientSecretBasic', clientId: 'me', clientSecret: secret },
      },
      grantType: 'tokenExchange',
      subjectToken: { source: { cookie: { name: 's' } }, tokenType: 'urn:x:y' },
      actorToken: {
        source: { header: { name: 'x-actor' } },
        tokenType: 'urn:ietf:params:oauth:token-type:jwt',
        enforceMayAct: true,
      },
      audiences: ['a'],
      scopes: ['s1', 's2'],
      resources: ['https://r'],
      requestedTokenType: access,
      additionalParams: [{ name: 'tenant', value: { $cel: '"t"' } }],
      location: { header: { name: 'x-token' } },
      cache: { maxEntries: 0, defaultTtl: 60_000 },
    },
  });
});

test('a client may be known by a secret in the form, by its name alone, or by its signature', () => {
  const authOf = (clientAuth: string) => {
    const spec = specOf(`{oauthTokenExchange: {host: "idp:80", clientAuth: ${clientAuth}}}`, env);
    return (spec as { oauthTokenExchange: { endpoint: { clientAuth: unknown } } }).oauthTokenExchange.endpoint
      .clientAuth;
  };
  expect(authOf('{method: clientSecretPost, clientId: me}')).toEqual({ method: 'clientSecretPost', clientId: 'me' });
  expect(authOf('{method: clientSecretPost, clientId: me, clientSecret: s3cret}')).toEqual({
    method: 'clientSecretPost',
    clientId: 'me',
    clientSecret: secret,
  });
  expect(
    authOf('{method: privateKeyJwt, clientId: me, signingKey: $EC, alg: ES256, assertionAudience: idp, kid: k}'),
  ).toEqual({
    method: 'privateKeyJwt',
    clientId: 'me',
    signingKey: { $secret: ec.privateKey },
    alg: 'ES256',
    kid: 'k',
    assertionAudience: 'idp',
  });
});

test('cross-app access has its defaults; no scopes of the second leg are other than none said', () => {
  const leg = '{host: "idp:80", clientAuth: {clientId: me, clientSecret: s3cret}}';
  const specWith = (more: string) =>
    specOf(`{crossAppAccess: {identityProvider: ${leg}, resourceAuthorizationServer: ${leg}, audience: app${more}}}`);
  const endpoint = {
    target: target(),
    path: '/',
    clientAuth: { method: 'clientSecretBasic', clientId: 'me', clientSecret: secret },
  };
  expect(specWith(', scopes: [a]')).toEqual({
    crossAppAccess: {
      identityProvider: endpoint,
      resourceAuthorizationServer: endpoint,
      audience: 'app',
      resources: [],
      scopes: ['a'],
      accessTokenScopes: ['a'],
      subjectToken: { source: bearer, tokenType: 'urn:ietf:params:oauth:token-type:id_token' },
      cache: { maxEntries: 8192, defaultTtl: 300_000 },
    },
  });
  expect(specWith(', scopes: [a], accessTokenScopes: []')).toMatchObject({
    crossAppAccess: { scopes: ['a'], accessTokenScopes: [] },
  });
});

const jag = 'urn:ietf:params:oauth:token-type:id-jag';

test.each([
  ['path: /token', 'exactly one of host, backend must be set'],
  ['host: "idp:80", backend: b', 'exactly one of host, backend must be set'],
  ['host: "idp:80", service: {}', 'oauthTokenExchange.service'],
  ['backend: unknown', 'backend: no backend of this name'],
  ['host: "idp:80", path: token', 'path: must start with /'],
  ['host: "idp:80", path: "/a b"', 'path: must start with / and hold neither spaces nor #'],
  ['host: "idp:80", grantType: password', 'grantType'],
  ['host: "idp:80", subjectToken: {tokenType: jwt}', 'subjectToken.tokenType: not an absolute URI'],
  ['host: "idp:80", subjectToken: {source: {}}', 'exactly one of header'],
  [
    'host: "idp:80", grantType: jwtBearer, actorToken: {source: {cookie: {name: a}}}',
    'actorToken: is for grantType tokenExchange only',
  ],
  [
    `host: "idp:80", grantType: jwtBearer, requestedTokenType: "${access}"`,
    'requestedTokenType: is for grantType tokenExchange only',
  ],
  [
    'host: "idp:80", actorToken: {source: {cookie: {name: a}}, enforceMayAct: true}',
    'actorToken.enforceMayAct: needs tokenType',
  ],
  ['host: "idp:80", actorToken: {}', 'actorToken.source: '],
  ['host: "idp:80", requestedTokenType: "urn:mine"', 'requestedTokenType: expected one of urn:ietf'],
  [
    `host: "idp:80", requestedTokenType: "${jag}"`,
    'requestedTokenType: identity assertions (id-jag) are asked for by crossAppAccess',
  ],
  [`host: "idp:80", additionalParams: {Scope: '"a"'}`, 'additionalParams.Scope: the parameter Scope is reserved'],
  [`host: "idp:80", additionalParams: {CLIENT_ASSERTION: '"a"'}`, 'is reserved'],
  [`host: "idp:80", additionalParams: {"": '"a"'}`, 'a parameter needs a name'],
  ['host: "idp:80", additionalParams: {a: "1 +"}', 'additionalParams.a: '],
  ['host: "idp:80", authorizationLocation: {expression: "a"}', 'authorizationLocation'],
  ['host: "idp:80", cache: {maxEntries: -1}', 'cache.maxEntries'],
  ['host: "idp:80", clientAuth: {}', 'clientAuth.clientId: is required'],
  ['host: "idp:80", clientAuth: {clientId: ""  , clientSecret: a}', 'clientAuth.clientId: '],
  [
    'host: "idp:80", clientAuth: {clientId: a, clientSecret: ""}',
    'clientAuth.clientSecret: the client secret is empty',
  ],
  ['host: "idp:80", clientAuth: {clientId: a}', 'clientAuth.clientSecret: is required'],
  ['host: "idp:80", clientAuth: {method: none, clientId: a}', 'clientAuth.method: expected one of clientSecretBasic, '],
  ['host: "idp:80", clientAuth: {method: clientSecretPost, clientId: a, kid: k}', 'clientAuth.kid: unknown field'],
  [
    'host: "idp:80", clientAuth: {method: privateKeyJwt, clientId: a, signingKey: $RSA}',
    'clientAuth.assertionAudience: is required',
  ],
  [
    'host: "idp:80", clientAuth: {method: privateKeyJwt, clientId: a, assertionAudience: b, signingKey: $EC}',
    'clientAuth.signingKey: alg RS256 needs an RSA key',
  ],
  [
    'host: "idp:80", clientAuth: {method: privateKeyJwt, clientId: a, assertionAudience: b, signingKey: $RSA, certificateHeader: x5c}',
    'certificate and certificateHeader must be set together',
  ],
  [
    'host: "idp:80", clientAuth: {method: privateKeyJwt, clientId: a, assertionAudience: b, signingKey: $RSA, certificateHeader: x5c, certificate: x}',
    'clientAuth.certificate: there is no certificate in PEM',
  ],
])('oauthTokenExchange {%s} is refused: %s', (fields, message) => {
  expect(complaints(`{oauthTokenExchange: {${fields}}}`)).toEqual([expect.stringContaining(message)]);
});

test.each([
  ['', ['identityProvider', 'resourceAuthorizationServer', 'audience']],
  [
    'identityProvider: {host: "a:1"}, resourceAuthorizationServer: {host: "a:1", clientAuth: {clientId: a, clientSecret: b}}, audience: ""',
    ['clientAuth', 'audience'],
  ],
  [
    `subjectToken: {tokenType: "${jag}"}, audience: a, identityProvider: {host: "a:1", clientAuth: {clientId: a, clientSecret: b}}, resourceAuthorizationServer: {host: "a:1", clientAuth: {clientId: a, clientSecret: b}}`,
    ['cannot be exchanged for another'],
  ],
])('crossAppAccess {%s} is refused', (fields, messages) => {
  const found = complaints(`{crossAppAccess: {${fields}}}`);
  expect(found).toEqual(messages.map((message) => expect.stringContaining(message)));
});
