import { expect, test } from 'vitest';
import { changeQuery } from './query.ts';

test.each([
  ['/p', { a: '1' }, [], '/p?a=1'],
  ['/p?', {}, ['a'], '/p'],
  ['/p?a=1', {}, ['a'], '/p'],
  ['/p?a=1&b=2&a=3&A=4', { a: '5' }, [], '/p?b=2&A=4&a=5'],
  ['/p?a=1', { a: '2', b: '3' }, ['a'], '/p?b=3'],
  ['/p?x=%20+%C3%BC&y', { z: 'a b&c=ü' }, [], '/p?x=++%C3%BC&y=&z=a+b%26c%3D%C3%BC'],
] as const)('%s', (path, set, remove, expected) => {
  const parameters = Object.entries(set).map(([key, value]) => ({ key, value }));
  expect(changeQuery(path, parameters, remove)).toBe(expected);
});
