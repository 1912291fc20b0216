import { expect, test } from 'vitest';
import { refusedPolicy } from '../../config/testing.ts';
import { corsSchema, corsSpec } from './schema.ts';

test('empty lists are the default, and maxAge is told in whole seconds', () => {
  expect(corsSpec(corsSchema.parse({ maxAge: '1m30.5s' }))).toEqual({
    allowOrigins: [],
    allowMethods: [],
    allowHeaders: [],
    exposeHeaders: [],
    allowCredentials: false,
    maxAge: 90,
  });
});

test.each([
  ['maxAge: 600', 'cors.maxAge: expected a duration as a string such as "5s", "250ms" or "1h30m", got 600'],
  ['allowMethods: ["GET,PUT"]', 'cors.allowMethods[0]: not a method, got "GET,PUT"'],
  ['allowHeaders: ["a b"]', 'cors.allowHeaders[0]: not a header name, got "a b"'],
  [
    'allowOrigin: []',
    'cors.allowOrigin: unknown field; allowed: allowOrigins, allowMethods, allowHeaders, exposeHeaders, allowCredentials, maxAge; did you mean "allowOrigins"?',
  ],
])('%s', (fields, message) => {
  expect(refusedPolicy(`cors: {${fields}}`)).toEqual([message]);
});
