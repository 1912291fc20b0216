import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { compileOrigins } from './origin.ts';

test.each<[pattern: string, origin: string, allowed: boolean]>([
  ['*', 'https://anything.test', true],
  ['*', 'null', true],
  ['https://a.test', 'https://a.test', true],
  ['https://a.test', 'https://A.TEST:443', true],
  ['https://a.test:443', 'https://a.test', true],
  ['http://a.test:80', 'http://a.test', true],
  ['https://a.test', 'http://a.test', false],
  ['https://a.test', 'https://a.test:8443', false],
  ['https://a.test', 'https://a.test.evil.example', false],
  ['https://a.test', 'https://a.test@evil.example', false],
  ['https://a.test', 'null', false],
  ['https://*.ex.com', 'https://a.b.ex.com', true],
  ['https://*.ex.com', 'https://ex.com', false],
  ['https://*.ex.com', 'https://aex.com', false],
  ['https://*.ex.com', 'https://a.ex.com.evil.example', false],
  ['https://a*b*c.test', 'https://axbxc.test', true],
  ['https://a*b*c.test', 'https://axc.test', false],
  ['https://ab*ba.test', 'https://aba.test', false],
  ['https://*.ex.com', 'https://*.ex.com', false],
  ['http://[::1]:3000', 'http://[::1]:3000', true],
  ['https://x.test/path', 'https://x.test/path', false],
  ['x.test', 'x.test', false],
  ['ftp://x.test', 'ftp://x.test', false],
  ['https://x.test:port', 'https://x.test:port', false],
])('%s and %s: %s', (pattern, origin, allowed) => {
  expect(compileOrigins(['https://other.test', pattern])(origin)).toBe(allowed);
});

test('POL-22: a wildcard host fits an origin that writes the default port', () => {
  verifies('POL-22');
  expect(compileOrigins(['https://*.ex.com'])('https://a.ex.com:443')).toBe(true);
});
