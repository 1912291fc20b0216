import { expect, test } from 'vitest';
import { loaded, refusedPolicy } from '../../config/testing.ts';

test('rules become expressions by what they do', () => {
  const { resources } = loaded(`
gateways: {default: {port: 1}}
routes: [{policies: {authorization: {rules: ["a", {allow: b}, {deny: c}, {require: d}]}}}]`);
  expect(resources.find(({ kind }) => kind === 'route')).toMatchObject({
    policies: [
      {
        kind: 'authorization',
        spec: {
          rules: [
            { allow: { $cel: 'a' } },
            { allow: { $cel: 'b' } },
            { deny: { $cel: 'c' } },
            { require: { $cel: 'd' } },
          ],
        },
      },
    ],
  });
});

test.each([
  ['{}', 'authorization.rules: is required'],
  [
    '{rules: ["1 +"]}',
    'authorization.rules[0]: not an expression: Syntax error: the expression ends too early (column 4 of 1 +)',
  ],
  [
    '{rules: [{allow: a, deny: b}]}',
    'authorization.rules[0]: exactly one of allow, deny, require must be set, found allow and deny',
  ],
  [
    '{rules: [{alow: a}]}',
    'authorization.rules[0].alow: unknown field; allowed: allow, deny, require; did you mean "allow"?',
  ],
])('%s', (value, message) => {
  expect(refusedPolicy(`authorization: ${value}`)).toEqual([message]);
});
