import { expect, test } from 'vitest';
import { verifies } from '../../test/verifies.ts';
import { readDocument } from './document.ts';
import { formatErrors } from './errors.ts';

function read(text: string, env: Record<string, string> = {}) {
  return readDocument(text, 'f.yaml', env, () => false);
}

function wrong(text: string, env: Record<string, string> = {}): string {
  return formatErrors(read(text, env).errors);
}

test('YAML 1.2 core: only true and false are booleans', () => {
  expect(read('{a: yes, b: off, c: true, d: 012, e: 0o12, f: ~, g: 1e3, h: "1"}').data).toEqual({
    a: 'yes',
    b: 'off',
    c: true,
    d: 12,
    e: 10,
    f: null,
    g: 1000,
    h: '1',
  });
  expect(read('%YAML 1.1\n---\na: yes').data).toEqual({ a: 'yes' });
});

test('JSON is read', () => {
  expect(read('{"a": [1, 2.5, null, "x\\u0041"]}').data).toEqual({ a: [1, 2.5, null, 'xA'] });
});

test('keys become strings as they were written', () => {
  expect(read('{8000: a, 1.10: b, true: c}').data).toEqual({ 8000: 'a', '1.10': 'b', true: 'c' });
});

test('anchors and aliases', () => {
  expect(read('a: &x {b: [1]}\nc: *x\nd: &s text\ne: *s').data).toEqual({
    a: { b: [1] },
    c: { b: [1] },
    d: 'text',
    e: 'text',
  });
  expect(read('a: &x 1\nb: &x 2\nc: *x').data).toEqual({ a: 1, b: 2, c: 2 });
});

test.each([
  ['merge keys', 'a: &x {b: 1}\nc:\n  <<: *x', 'f.yaml:3:3: merge keys'],
  ['several documents', 'a: 1\n---\nb: 2', 'f.yaml:2:1: only one YAML document'],
  ['repeated keys', 'a: 1\nb: 2\na: 3', 'f.yaml:3:1: repeated key "a"'],
  ['repeated keys in JSON', '{"a": 1, "a": 2}', 'f.yaml:1:10: repeated key "a"'],
  ['keys repeated by a variable', 'abc: 1\n$K: 2', 'f.yaml:2:1: repeated key'],
  ['keys that are lists', '? [a]\n: 1', 'f.yaml:1:3: a key must be a text'],
  ['the prototype', '__proto__: {a: 1}', 'f.yaml:1:1: the key "__proto__" is not allowed'],
  ['an alias inside itself', 'a: &x [*x]', 'f.yaml:1:8: an alias may not contain itself'],
  ['an unknown alias', 'a: *x', 'f.yaml:1:4: '],
  ['unknown tags', 'a: !secret b', 'f.yaml:1:4: invalid YAML'],
  ['broken YAML', 'a: [1', 'f.yaml:1:6: invalid YAML'],
  ['tabs', 'a:\n\tb: 1', 'f.yaml:2:1: invalid YAML'],
  ['nothing', '', 'f.yaml:1:1: the configuration is empty'],
  ['only comments', '# $X\n', 'f.yaml:1:1: the configuration is empty'],
  ['deep nesting', `${'['.repeat(300)}${']'.repeat(300)}`, 'f.yaml:1:1: the configuration is nested too deeply'],
])('%s are refused', (_what, text, message) => {
  expect(wrong(text, { K: 'abc' })).toContain(message);
});

test('aliases that stand for a thousand million values are refused at once', () => {
  const levels = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(10)}]`);
  expect(wrong(`l0: &l0 [1]\n${levels.join('\n')}`)).toContain('aliases stand for too many values');
});

test('CFG-24: a variable in a comment is left alone (ruling)', () => {
  verifies('CFG-24', 'CFG-23');
  const document = read('# yaml-language-server: $schema=https://example.com\na: 1 # costs $X\n');
  expect(document.errors).toEqual([]);
  expect(document.data).toEqual({ a: 1 });
});

test('CFG-23: an unset variable is an error with its place and name', () => {
  verifies('CFG-23');
  const document = read('a:\n  b: [x, $ONE]\n  $TWO: 1');
  expect(formatErrors(document.errors)).toContain('f.yaml:2:10: environment variable ONE is not set');
  expect(formatErrors(document.errors)).toContain('f.yaml:3:3: environment variable TWO is not set');
  expect(document.isBroken(['a', 'b', 1])).toBe(true);
});

test('a value never changes the structure', () => {
  const evil = 'x: 1\ny: "2" # \n- {a: [b';
  expect(read('a: $E\nb: [$E, "$E", \'$E\']\n$E: c', { E: evil }).data).toEqual({
    a: evil,
    b: [evil, evil, evil],
    [evil]: 'c',
  });
});

test('a plain variable takes the type of what it holds, and can be read as the text after all', () => {
  const document = read('{a: $N, b: "$N", c: $T, d: x$N, e: $E}', { N: '8080', T: 'true', E: '' });
  expect(document.data).toEqual({ a: 8080, b: '8080', c: true, d: 'x8080', e: '' });
  expect([document.useText(['a']), document.useText(['a']), document.useText(['b'])]).toEqual([true, false, false]);
  expect(document.data).toMatchObject({ a: '8080' });
});

test('places: of a value, of a key, of what is missing, through an alias', () => {
  const document = read('a:\n  - &x {b: 1}\n  - *x\n');
  const place = (path: (string | number)[], at?: 'key') => {
    const { line, column } = document.report({ path, message: '', ...(at ? { at } : {}) });
    return [line, column];
  };
  expect(place(['a', 0, 'b'])).toEqual([2, 12]);
  expect(place(['a', 0, 'b'], 'key')).toEqual([2, 9]);
  expect(place(['a', 1, 'b'])).toEqual([2, 12]);
  expect(place(['a', 0, 'c'])).toEqual([2, 8]);
});

test('values from the environment are not shown, nor are keys', () => {
  const document = read('{a: $S, $S: 1, b: &x $S, c: *x, d: 5}', { S: 'hush' });
  const shown = [['a'], ['hush'], ['b'], ['c'], ['d']].map((path) =>
    document.report({ path, message: 'm', showValue: true }),
  );
  expect(JSON.stringify(shown)).not.toContain('hush');
  expect(shown.map((error) => error.value)).toEqual([undefined, undefined, undefined, undefined, '5']);
  expect(shown[1]!.path).toEqual(['$S']);
});
