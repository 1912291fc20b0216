import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, test } from 'vitest';
import { type Branch, type Item, readAllowListed } from './allow-list.ts';
import { compileRegex, type LinearRegex } from './regex.ts';

function compiled(source: string): LinearRegex {
  const result = compileRegex(source);
  if (!result.ok) throw new Error(result.message);
  return result.regex;
}

/** Pieces of the subset and some from just outside it. */
const pieces = fc.constantFrom(
  ...[
    'a',
    'b',
    'ab',
    '/',
    '-',
    '0',
    ' ',
    '.',
    '[ab]',
    '[^a]',
    '[^/]',
    '[a-c-]',
    '[\\w-]',
    '[^\\d]',
    '\\d',
    '\\w',
    '\\S',
  ],
  ...[
    '\\.',
    '\\/',
    '\\-',
    '*',
    '+',
    '?',
    '*?',
    '{2}',
    '{1,3}',
    '{2,}',
    '{0}',
    '{,2}',
    '|',
    '(',
    ')',
    '(?:',
    '(a|b)',
    '(ab|ba)',
  ],
  ...[
    '(a|ab)',
    '^',
    '$',
    '\\A',
    '\\z',
    '{',
    '}',
    ']',
    '[',
    '[]a]',
    '[^]a]',
    '\\s',
    '(?i)',
    'é',
    '\\b',
    '[a&&b]',
    '[[:alpha:]]',
  ],
);
const anything = fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join(''));
/** Dense in quantifiers and groups, where an engine that backtracks has most to take back. */
const quantified = fc
  .array(
    fc.oneof(
      fc.tuple(
        fc.constantFrom('a', 'b', '/', '.', '[ab]', '[^a]', '[^/]', '\\w', '\\S'),
        fc.constantFrom('', '', '*', '+', '?', '*?', '{1,3}', '{2,}', '{2}'),
      ),
      fc.tuple(fc.constantFrom('(a|b)', '(ab|ba)', '(a|ab)', '(?:a)'), fc.constant('')),
    ),
    { maxLength: 6 },
  )
  .map((items) => items.map((item) => item.join('')).join(''));
const patterns = fc.oneof(anything, quantified);
const texts = fc
  .array(
    fc.constantFrom(
      'a',
      'b',
      'c',
      'A',
      '/',
      '-',
      '0',
      '_',
      '.',
      ' ',
      '\n',
      '\r',
      '\v',
      '\u2028',
      'é',
      'ÿ',
      '\u{1f600}',
      '\ud83d',
      '&',
      ']',
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));

test('the native engine answers as RE2 does, on every pattern of the allow-list', () => {
  let native = 0;
  fc.assert(
    fc.property(patterns, fc.array(texts, { minLength: 5, maxLength: 10 }), (source, samples) => {
      const result = compileRegex(source);
      if (!result.ok || result.regex.engine !== 'native') return;
      native++;
      const oracle = RE2JS.compile(source);
      for (const text of samples) {
        expect([source, text, result.regex.matchesFully(text)]).toEqual([source, text, oracle.matches(text)]);
        expect([source, text, result.regex.test(text)]).toEqual([source, text, oracle.test(text)]);
      }
    }),
    { numRuns: 4_000 },
  );
  expect(native).toBeGreaterThan(400);
});

/** Steps that a backtracking engine takes to find that a branch does not span the text, trying everything. */
function steps(branch: Branch, text: string): number {
  let count = 0;
  const chars = Array.from(text, (char) => char.codePointAt(0) as number);
  const run = (items: readonly Item[], at: number): boolean => {
    count++;
    const [item, ...rest] = items;
    if (item === undefined) return at === chars.length;
    if (item.kind === 'words') {
      return item.words.some((word) => {
        count += word.length;
        return text.startsWith(word, at) && run(rest, at + word.length);
      });
    }
    let end = at;
    while (end < chars.length && end - at < item.max && item.set.has(chars[end] as number)) {
      end++;
      count++;
    }
    for (; end - at >= item.min; end--) if (run(rest, end)) return true;
    return false;
  };
  run(branch.items, 0);
  return count;
}

test('doubling the text no more than doubles the steps of a native pattern, whatever the text', () => {
  const asciiTexts = fc.array(fc.constantFrom('a', 'b', 'ab', '/', '0', '.'), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(quantified, asciiTexts, fc.constantFrom('', '\n', 'a', '!'), (source, unit, end) => {
      const native = readAllowListed(source);
      if (native === null) return;
      const text = (times: number): string => unit.join('').repeat(times) + end;
      for (const branch of native.branches) {
        const small = steps(branch, text(100));
        const large = steps(branch, text(200));
        expect(large, source).toBeLessThanOrEqual(small * 2.2 + 200);
      }
    }),
    { numRuns: 2_000 },
  );
});

describe('which engine', () => {
  test.each([
    '/api/v[0-9]+/users',
    '/api/.*',
    '/api/.*/users',
    '/v1/(?:chat|responses|models)/x',
    '^/a/[^/]+/b/[^/]+$',
    '[a-z0-9-]+\\.example\\.com',
    'text/(html|plain)',
    'GET|POST',
    '\\d{3}-\\d{4}',
    '/users/(\\d+)',
    '',
  ])('%j cannot backtrack: native', (source) => {
    expect(compiled(source).engine).toBe('native');
  });

  test.each([
    '(a+)+$',
    '(a*)*b',
    '(a|a)*b',
    '(a|aa)+$',
    '([a-zA-Z]+)*x',
    '(.*a){20}',
    '.*.*.*=.*',
    'a*a*a*a*b',
    'a?a?a?a?a?aaaaa',
    '\\w+\\d+\\w+',
    '.*,.*',
    '.*a{100}',
    '(?:a|ab)(?:a|ab)(?:a|ab)c',
    '(x+x+)+y',
    '^(([a-z])+.)+[A-Z]([a-z])+$',
    '(?:[^/]+/)*x',
    'a{1,100}a{1,100}a{1,100}b',
    '\\s+\\s*x',
    '(?i)abc',
    '\\pL+',
    '[[:alpha:]]+',
    '(?P<id>\\d+)',
  ])('%j is left to RE2', (source) => {
    expect(compiled(source).engine).toBe('re2');
  });

  test('what is linear over the whole text may not be so in a search: that is left to RE2', () => {
    expect(readAllowListed('a*b')?.search).toBeNull();
    expect(readAllowListed('^a*b')?.search).not.toBeNull();
    expect(readAllowListed('abc')?.search).not.toBeNull();
    expect([compiled('a*b').test('xaab'), compiled('a*b').test('xaa')]).toEqual([true, false]);
  });
});

describe('the dialect', () => {
  test.each<[pattern: string, text: string, matches: boolean]>([
    ['a|ab', 'ab', true],
    ['a$', 'a\n', false],
    ['.', '\n', false],
    ['.', '\r', true],
    ['.', '\u2028', true],
    ['.', '\u{1f600}', true],
    ['..', '\u{1f600}', false],
    ['[^a]', '\n', true],
    ['(?s).', '\n', true],
    ['\\d', '\u0663', false],
    ['\\w', '\u00e9', false],
    ['\\s', '\u00a0', false],
    ['\\s', '\v', false],
    ['(?i)k', '\u212a', true],
    ['(?P<name>a)', 'a', true],
    ['\\pL', '\u00e9', true],
    ['[[:alpha:]]+', 'abc', true],
    ['\\Aab\\z', 'ab', true],
    ['[]a]', ']', true],
    ['[^]a]', 'b', true],
    ['a{,2}', 'a{,2}', true],
  ])('%j against %j: %j', (pattern, text, matches) => {
    expect(compiled(pattern).matchesFully(text)).toBe(matches);
  });

  test.each([
    '(?=a)a',
    '(?!a)b',
    '(?<=a)b',
    '(a)\\1',
    'a**',
    '(',
    'a)',
    '[z-a]',
    '[^]',
    '[]',
    '[a',
    'a{1001}',
    '\\',
    '\\8',
    '((a{100}){100}){100}',
    '*a',
  ])('%j is refused with a message', (source) => {
    const result = compileRegex(source);
    expect(result.ok).toBe(false);
    if (!result.ok) expect(result.message.length).toBeGreaterThan(5);
  });
});

test.each([
  ['b+', 'abbbcbb', '-', 'a-cbb'],
  ['x', 'abc', '-', 'abc'],
  ['(a)(b)?', 'ac', '[$1$2]', '[a]c'],
  ['(?P<one>a)(?P<two>b)', 'ab', '${two}$one', 'ba'],
  ['(a)', 'a', '$1a-${1}a-$$1-$9-$none', '-aa-$1--'],
  ['^', 'abc', '>', '>abc'],
  ['é', 'aéb😀', '😀', 'a😀b😀'],
])('the first match of %s in %s is replaced by %s', (source, text, replacement, expected) => {
  const compiled = compileRegex(source);
  if (!compiled.ok) throw new Error(compiled.message);
  expect(compiled.regex.replaceFirst(text, replacement)).toBe(expected);
});
