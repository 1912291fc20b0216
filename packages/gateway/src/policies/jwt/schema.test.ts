import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { loaded, refusedPolicy } from '../../config/testing.ts';
import type { JwtAuthSpec } from './spec.ts';
import { keySetText, testKey } from './testing.ts';

const key = testKey('k');
const set = keySetText(key);

function specOf(fields: string, files: Readonly<Record<string, string>> = {}): JwtAuthSpec {
  const { resources } = loaded(
    `gateways: {default: {port: 3000}}\nroutes:\n- policies: {jwtAuth: {${fields}}}\n`,
    {},
    files,
  );
  for (const resource of resources) {
    if (resource.kind !== 'route') continue;
    for (const policy of resource.policies) if (policy.kind === 'jwtAuth') return policy.spec;
  }
  throw new Error('no jwtAuth');
}

test('one issuer, with the defaults of everything', () => {
  expect(specOf(`issuer: i, jwks: '${set}'`)).toEqual({
    mode: 'optional',
    location: { header: { name: 'authorization', prefix: 'Bearer ' } },
    providers: [{ issuer: 'i', requiredClaims: ['exp'], jwks: { keys: [key.jwk] } }],
  });
});

test('several issuers, with all that can be said', () => {
  const first = 'issuer: a, jwks: {file: a.json}, jwtValidationOptions: {requiredClaims: []}';
  const second = 'issuer: b, audiences: [x], jwks: {url: "HTTPS://[::1]/k?a#f"}';
  const spec = specOf(`mode: strict, location: {cookie: {name: token}}, providers: [{${first}}, {${second}}]`, {
    '/etc/gateway/a.json': set,
  });
  expect(spec).toEqual({
    mode: 'strict',
    location: { cookie: { name: 'token' } },
    providers: [
      { issuer: 'a', requiredClaims: [], jwks: { keys: [key.jwk] } },
      {
        issuer: 'b',
        audiences: ['x'],
        requiredClaims: ['exp'],
        jwks: {
          url: 'https://[::1]/k?a',
          target: { $backend: { address: { host: '::1', port: 443 } }, policies: [{ kind: 'backendTLS', spec: {} }] },
        },
      },
    ],
  });
});

test('plain HTTP has no TLS, and its port may be said', () => {
  expect(specOf('issuer: i, jwks: {url: "http://idp.test:8080/keys"}').providers[0]?.jwks).toEqual({
    url: 'http://idp.test:8080/keys',
    target: { $backend: { address: { host: 'idp.test', port: 8080 } }, policies: [] },
  });
});

test.each<[fields: string, message: string]>([
  ['jwks: "{}"', 'jwtAuth.issuer: is required'],
  ['issuer: i', 'jwtAuth.jwks: is required'],
  ['providers: [{issuer: i}]', 'jwtAuth.providers[0].jwks: is required'],
  ['providers: []', 'jwtAuth.providers: must have at least 1 entries, got a list'],
  [
    `issuer: i, providers: [{issuer: i, jwks: '${set}'}]`,
    'jwtAuth.issuer: issuer belongs to one of the providers, where there are providers',
  ],
  ['issuer: i, jwks: {url: idp}', 'jwtAuth.jwks.url: expected an http or https URL, got "idp"'],
  ['issuer: i, jwks: {url: "ftp://a/"}', 'jwtAuth.jwks.url: expected an http or https URL, got "ftp://a/"'],
  ['issuer: i, jwks: {url: "https://u:p@a/"}', 'jwtAuth.jwks.url: a URL must not hold a user or a password'],
  ['issuer: i, jwks: {}', 'jwtAuth.jwks: exactly one of file, url must be set'],
  ['issuer: i, jwks: {uri: x}', 'jwtAuth.jwks.uri: unknown field; allowed: file, url; did you mean "url"?'],
  ['issuer: i, jwks: {url: "u:p@a"}', 'jwtAuth.jwks.url: expected an http or https URL'],
  ['issuer: i, jwks: {file: none}', 'jwtAuth.jwks.file: cannot read the file (no such file), got "none"'],
  ['issuer: i, jwks: "{"', 'jwtAuth.jwks: not JSON'],
  ['issuer: i, jwks: "{}"', 'jwtAuth.jwks: not a JSON Web Key Set: it has no list "keys"'],
  ['issuer: i, jwks: "{}", mode: lax', 'jwtAuth.mode: unknown value, got "lax"; allowed: strict, optional, permissive'],
])('%s', (fields, message) => {
  expect(refusedPolicy(`jwtAuth: {${fields}}`)).toEqual([message]);
});

test('POL-11: a key of the file that cannot be used is refused by its name', () => {
  verifies('POL-11');
  const keys = JSON.stringify({ keys: [key.jwk, { kty: 'oct', kid: 'shared', k: 'VE9QU0VDUkVU' }] });
  expect(refusedPolicy(`jwtAuth: {issuer: i, jwks: '${keys}'}`)).toEqual([
    'jwtAuth.jwks: a key cannot be used: key "shared": the key type "oct" is not supported; RSA, EC and OKP are',
  ]);
});
