import { expect, test } from 'vitest';
import { isAuthority } from './characters.ts';
import { RequestHead } from './head.ts';

const limits = { maxHeaders: 100, maxHeadBytes: 65_536, preserveHeaderCase: false };

test.each([
  ['GET /a?b=c', '', '', '/a?b=c'],
  ['GET //a/../b', '', '', '//a/../b'],
  ['OPTIONS *', '', '', '*'],
  ['GET http://h', 'http', 'h', '/'],
  ['GET HTTPS://h:8443/p?q', 'https', 'h:8443', '/p?q'],
  ['GET http://h?q', 'http', 'h', '/?q'],
  ['OPTIONS http://h', 'http', 'h', '*'],
  ['OPTIONS http://h/', 'http', 'h', '/'],
  ['GET http://[::1]:80/', 'http', '[::1]:80', '/'],
  ['CONNECT h:443', '', 'h:443', ''],
  ['CONNECT h', '', 'h', ''],
])('the target of %s', (start, scheme, authority, path) => {
  const head = new RequestHead();
  head.parse(`${start} HTTP/1.1\r\nHost: other\r\n`, limits);
  expect([head.scheme, head.authority, head.path]).toEqual([scheme, authority, path]);
  // Where the target names an authority, Host is overruled and gone.
  expect(head.headers.get('host')).toBe(authority === '' ? 'other' : undefined);
});

test.each([
  ['h', true],
  ['h:', true],
  ['h:65535', true],
  ['a_b.c-d~', true],
  ['1.2.3.4:80', true],
  ['[::1]', true],
  ['[::1]:80', true],
  ['', false],
  [':80', false],
  ['h:123456', false],
  ['h:80:80', false],
  ['::1', false],
  ['[::1', false],
  ['[]', false],
  ['[::1]x', false],
  ['a@b', false],
  ['a/b', false],
  ['a\u0120', false],
])('an authority: %s: %s', (text, good) => {
  expect(isAuthority(text)).toBe(good);
});
