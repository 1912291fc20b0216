import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { parseHtpasswd } from './htpasswd.ts';
import { verifyPassword } from './verify.ts';

const users = parseHtpasswd(readFileSync(new URL('./fixtures/htpasswd', import.meta.url), 'utf8'));
const passwords: Readonly<Record<string, string>> = {
  des: 'des-pass',
  utf8: 'pässwörd',
  long: 'x'.repeat(100),
  longsha: 'y'.repeat(150),
};
const names = [...users.keys()].filter((name) => name !== 'bob');

describe('hashes that other programs made', () => {
  test.each(names)('%s', (name) => {
    const hash = users.get(name) as string;
    const password = passwords[name] ?? `${name}-password`;
    expect(verifyPassword(password, hash)).toBe(true);
    expect(verifyPassword(`${password.slice(0, 5)}?${password.slice(6)}`, hash)).toBe(false);
    expect(verifyPassword('', hash)).toBe(false);
  });

  test('all letters of bcrypt are one', () => {
    const hash = users.get('bcrypt') as string;
    for (const letter of 'abxy')
      expect(verifyPassword('bcrypt-password', hash.replace('$2y', `$2${letter}`))).toBe(true);
    expect(verifyPassword('bcrypt-password', hash.replace('$2y', '$2z'))).toBe(false);
  });
});

test('POL-85: plain text is the hash of nothing', () => {
  verifies('POL-85');
  const hash = users.get('bob') as string;
  expect(hash).toBe('plaintext');
  expect(verifyPassword('plaintext', hash)).toBe(false);
  // As long as a hash of the old kind is.
  expect(verifyPassword('thirteenchars', 'thirteenchars')).toBe(false);
});

test.each([
  '',
  '$',
  '$apr1$',
  '$apr1$salt$short',
  '$2y$05$short',
  '{SHA}',
  '$5$salt',
  '$6$rounds=x$s$h',
  '$7$a$b',
  '*',
  '!!',
])('%j is the hash of nothing', (hash) => {
  expect([verifyPassword('', hash), verifyPassword(hash, hash)]).toEqual([false, false]);
});

test('lines: the last of a user counts, white space does not, and what is no line is passed over', () => {
  const text = '# comment\r\n\r\nann:one\r\nnocolon\n:nobody\nempty:\n ann:two \r\nbob:a:b\n';
  expect([...parseHtpasswd(text)]).toEqual([
    ['ann', 'two'],
    ['bob', 'a:b'],
  ]);
});
