import { expect, test } from 'vitest';
import { verifies } from '../../test/verifies.ts';
import { expand } from './expand.ts';

const env = { KEY: 'abc', EMPTY: '', A_1: 'x' };

test.each([
  ['no variables', 'no variables'],
  ['$KEY', 'abc'],
  ['${KEY}', 'abc'],
  ['a${KEY}b$A_1', 'aabcbx'],
  ['${KEY:-d}', 'abc'],
  ['${NONE:-d}', 'd'],
  ['${NONE:-}', ''],
  ['${EMPTY:-d}', ''],
  ['$$x', '$x'],
  ['$$KEY', '$KEY'],
  ['^a$', '^a$'],
  ['(a|b$)', '(a|b$)'],
  ['$-', '$-'],
  ['${', '${'],
  ['${a b}', '${a b}'],
  // nesting is not supported: the first brace ends it
  ['${NONE:-${KEY}}', '${KEY}'],
])('CFG-23: %s is %s', (text, expected) => {
  verifies('CFG-23');
  expect(expand(text, env)).toMatchObject({ text: expected, unset: [] });
});

test('CFG-23: variables that are not set are named, all of them', () => {
  verifies('CFG-23');
  expect(expand('$ONE/${TWO}/$KEY', env).unset).toEqual(['ONE', 'TWO']);
});

test('a value is not expanded again', () => {
  expect(expand('$OUTER', { OUTER: '$INNER' })).toMatchObject({ text: '$INNER', unset: [] });
});
