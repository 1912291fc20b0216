import { expect, test } from 'vitest';
import { loaded, refused, refusedPolicy } from '../../config/testing.ts';

function policyOf(fields: string, files: Readonly<Record<string, string>> = {}) {
  const text = `gateways: {default: {port: 1}}\nroutes: [{policies: {basicAuth: {${fields}}}}]`;
  const route = loaded(text, {}, files).resources.find(({ kind }) => kind === 'route');
  return route?.kind === 'route' ? route.policies : [];
}

test('what is left out, and the users of a text', () => {
  expect(policyOf('htpasswd: "ann:{SHA}x\\nbob:y"')).toEqual([
    {
      kind: 'basicAuth',
      spec: {
        realm: 'Restricted',
        mode: 'optional',
        location: { header: { name: 'authorization', prefix: 'Basic ' } },
        users: [
          { name: 'ann', hash: { $secret: '{SHA}x' } },
          { name: 'bob', hash: { $secret: 'y' } },
        ],
      },
    },
  ]);
});

test('a file, in the gateway phase as well', () => {
  const files = { '/etc/gateway/users': 'ann:{SHA}x\r\n' };
  const location = 'authorizationLocation: {header: {name: Proxy-Authorization, prefix: "Basic "}}';
  const basicAuth = `{htpasswd: {file: users}, realm: here, mode: strict, ${location}}`;
  const { resources } = loaded(`gateways: {default: {port: 1, basicAuth: ${basicAuth}}}`, {}, files);
  expect(resources.find(({ kind }) => kind === 'policy')).toMatchObject({
    policy: {
      phase: 'gateway',
      policy: {
        kind: 'basicAuth',
        spec: {
          realm: 'here',
          location: { header: { name: 'proxy-authorization', prefix: 'Basic ' } },
          users: [{ name: 'ann', hash: { $secret: '{SHA}x' } }],
        },
      },
    },
  });
});

test.each([
  ['realm: x', 'basicAuth.htpasswd: is required'],
  ['htpasswd: a, realm: "a\\nb"', 'basicAuth.realm: not a header value, got "a\\nb"'],
  ['htpasswd: a, mode: permissive', 'basicAuth.mode: unknown value, got "permissive"; allowed: strict, optional'],
  ['htpasswd: {file: users}', 'basicAuth.htpasswd.file: cannot read the file (no such file)'],
  [
    'htpasswd: a, authorizationLocation: {expression: "x)"}',
    "basicAuth.authorizationLocation.expression: not an expression: Syntax error: unexpected ')' (column 2 of x))",
  ],
])('%s', (fields, message) => {
  expect(refusedPolicy(`basicAuth: {${fields}}`)).toEqual([message]);
});

test('no message shows what stands in the place of hashes', () => {
  const text = 'gateways: {default: {port: 1, basicAuth: {htpasswd: [TOPSECRET]}}}';
  expect(refused(text).join()).toContain('htpasswd');
  expect(refused(text).join()).not.toContain('TOPSECRET');
});
