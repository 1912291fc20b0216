import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { loaded, refused } from '../../config/testing.ts';

const env = { OIDC_COOKIE_SECRET: 'ab'.repeat(32) };
const base = 'issuer: "https://idp.test/r/", clientId: web, clientSecret: TOPSECRET';
const callback = 'redirectURI: "https://app.test/cb"';
const text = (fields: string) => `gateways: {default: {port: 1}}\nroutes:\n- {name: r, policies: {oidc: {${fields}}}}`;

function specOf(fields: string, variables: Record<string, string> = env) {
  const route = loaded(text(fields), variables).resources.find(({ kind }) => kind === 'route');
  return route?.kind === 'route' ? route.policies[0] : undefined;
}

test('what is left out is discovered below the issuer', () => {
  expect(specOf(`${base}, ${callback}, scopes: [email, openid]`)).toMatchObject({
    kind: 'oidc',
    spec: {
      id: 'route/gateway/default/default/r',
      scopes: ['openid', 'email'],
      provider: { discovery: { url: 'https://idp.test/r/.well-known/openid-configuration' } },
      cookieKeys: [{ $secret: 'ab'.repeat(32) }],
      clientSecret: { $secret: 'TOPSECRET' },
    },
  });
});

test('a document of the file is read at once', () => {
  const document = {
    issuer: 'https://idp.test/r/',
    authorization_endpoint: 'https://idp.test/a',
    token_endpoint: 'https://idp.test/t',
    jwks_uri: 'https://idp.test/k',
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt'],
  };
  expect(specOf(`${base}, ${callback}, discovery: '${JSON.stringify(document)}'`)).toMatchObject({
    spec: { provider: { endpoints: { tokenEndpointAuth: 'clientSecretPost', jwks: { url: 'https://idp.test/k' } } } },
  });
});

function messages(fields: string, variables: Record<string, string> = env): string[] {
  return refused(text(fields), variables).map((line) => line.replace(/^.*?policies\.oidc/, 'oidc'));
}

test('POL-34: without a key for its cookies there is no login', () => {
  verifies('POL-34', 'CFG-45');
  expect(messages(`${base}, ${callback}`, {})).toEqual([
    'oidc: OIDC_COOKIE_SECRET is required when oidc is configured',
  ]);
  expect(messages(`${base}, ${callback}`, { OIDC_COOKIE_SECRET: 'abc' }).join()).toContain('64 hexadecimal digits');
});

test('POL-84: endpoints are all given, or none', () => {
  verifies('POL-84', 'CFG-45');
  expect(
    messages(`${base}, ${callback}, authorizationEndpoint: "https://a.test/a", tokenEndpoint: "https://a.test/t"`),
  ).toEqual(['oidc: authorizationEndpoint, tokenEndpoint, and jwks must either all be set or all be omitted']);
});

test.each([
  ['redirectURI: "/cb"', 'oidc.redirectURI: redirectURI must be an absolute http or https URL, got "/cb"'],
  [
    'redirectURI: "https://a.test/"',
    'oidc.redirectURI: redirectURI must have a path of its own, got "https://a.test/"',
  ],
  [
    'redirectURI: "https://a.test/cb?x=1"',
    'oidc.redirectURI: redirectURI must not have a query, got "https://a.test/cb?x=1"',
  ],
  [
    'redirectURI: "https://a.test/cb#x"',
    'oidc.redirectURI: redirectURI must not have a fragment, got "https://a.test/cb#x"',
  ],
  [
    'redirectURI: "https://a.test/a/../cb"',
    'oidc.redirectURI: redirectURI must not hold dot segments, got "https://a.test/a/../cb"',
  ],
  [
    'redirectURI: "https://a.test/a%2Fcb"',
    'oidc.redirectURI: redirectURI must not hold an encoded slash or a backslash in its path, got "https://a.test/a%2Fcb"',
  ],
  [
    `${callback}, tokenEndpointAuth: clientSecretPost`,
    'oidc.tokenEndpointAuth: tokenEndpointAuth must be omitted unless the endpoints are set',
  ],
  [
    `${callback}, discovery: "{}"`,
    'oidc.discovery: oidc discovery issuer mismatch: expected https://idp.test/r/, got none',
  ],
])('%s', (fields, message) => {
  expect(messages(`${base}, ${fields}`)).toEqual([message]);
});
