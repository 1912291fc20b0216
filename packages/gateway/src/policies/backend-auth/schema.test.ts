import { expect, test } from 'vitest';
import { loaded, refused } from '../../config/testing.ts';

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
  ['{}', 'key must be set'],
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
  ['{key: a, credentials: []}', 'not supported yet: backends[0].policies.backendAuth.credentials'],
  ['{aws: {}}', 'not supported yet: backends[0].policies.backendAuth.aws'],
])('%s is refused: %s', (auth, message) => {
  expect(refused(text(auth), {}, files)).toEqual([expect.stringContaining(message)]);
});
