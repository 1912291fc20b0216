import { Response } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { refusedPolicy } from '../../config/testing.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import type { PathMatch } from '../../resources/model.ts';
import { testExchange } from '../testing.ts';
import { requestRedirectSchema, requestRedirectSpec } from './schema.ts';
import { compileRequestRedirect } from './step.ts';

/** `url` is what the client asks for; the answer is the status and where it is sent, or the error. */
function redirect(options: unknown, url: string, matched: PathMatch | null = null): string {
  const [, scheme = '', authority = '', path = ''] = /^(\w+):\/\/([^/]*)(.*)$/.exec(url) ?? [];
  const exchange = testExchange({ scheme, authority, path });
  exchange.matchedPath = matched;
  const result = compileRequestRedirect(requestRedirectSpec(requestRedirectSchema.parse(options)))(exchange);
  if (result instanceof GatewayError) return `${result.status} ${result.message}`;
  if (!(result instanceof Response)) throw new Error('expected an answer at once');
  expect([result.body, result.headers.length, exchange.record.reason]).toEqual([null, 1, 'DirectResponse']);
  return `${result.status} ${result.headers.get('location')}`;
}

const base = 'http://test.com/hello/world';
const api = { pathPrefix: '/api' };

test.each<[options: unknown, url: string, expected: string, matched?: PathMatch]>([
  [{ scheme: 'https' }, base, '302 https://test.com/hello/world'],
  [{ authority: { host: 'newhost' } }, base, '302 http://newhost/hello/world'],
  [{ authority: { full: 'newhost.com:8080' } }, base, '302 http://newhost.com:8080/hello/world'],
  [{ authority: { port: 8080 } }, base, '302 http://test.com:8080/hello/world'],
  [{ scheme: 'https', authority: { port: 443 } }, 'http://test.com:80/', '302 https://test.com/'],
  [{ path: { prefix: '/v1' } }, 'http://test.com/api', '302 http://test.com/v1', api],
  [{ path: { prefix: '/v1' } }, 'http://test.com/api/users?page=1', '302 http://test.com/v1/users?page=1', api],
  [{ path: { prefix: '/' } }, 'http://test.com/api/users', '302 http://test.com/users', api],
  [{ path: { prefix: '' } }, 'http://test.com/api/users', '302 http://test.com/users', { pathPrefix: '/api/' }],
  [{ path: { full: '' } }, base, '302 http://test.com/'],
  [{ status: 307 }, base, '307 http://test.com/hello/world'],
])('PROXY-41: %j of %s: %s', (options, url, expected, matched) => {
  verifies('PROXY-41');
  expect(redirect(options, url, matched)).toBe(expected);
});

test.each<[PathMatch]>([[{ exact: '/api' }], [{ regex: '/a.*' }]])('PROXY-42: a prefix needs one in %j', (matched) => {
  verifies('PROXY-42');
  expect(redirect({ path: { prefix: '/v1' } }, 'http://test.com/api', matched)).toBe(
    '500 failed to apply filters: invalid filter configuration: prefix redirect requires prefix match',
  );
});

test('POL-72, POL-73: a new host keeps the port, unless the scheme is said as well', () => {
  verifies('POL-72', 'POL-73');
  const authority = { host: 'b.com' };
  expect(redirect({ authority }, 'http://a.com:8080/x?q')).toBe('302 http://b.com:8080/x?q');
  expect(redirect({ authority, scheme: 'https' }, 'http://a.com:8080/x?q')).toBe('302 https://b.com/x?q');
  expect(redirect({ authority, scheme: 'http' }, 'http://a.com:8080/x?q')).toBe('302 http://b.com/x?q');
  expect(redirect({ authority }, 'http://a.com:80/x?q')).toBe('302 http://b.com/x?q');
  expect(redirect({ authority: { host: '[::1]' } }, 'https://[::2]:8443/')).toBe('302 https://[::1]:8443/');
});

test('auto and none leave the authority; the path of OPTIONS * is none', () => {
  for (const authority of ['auto', 'none']) expect(redirect({ authority }, base)).toBe(`302 ${base}`);
  expect(redirect({ scheme: 'HTTPS', authority: { port: 80 } }, 'http://a.com')).toBe('302 https://a.com:80/');
});

test('what a rewrite did is not what the client asked for', () => {
  const exchange = testExchange({ path: '/inside' });
  exchange.original = { scheme: 'https', authority: 'a.com', path: '/outside?q' };
  const result = compileRequestRedirect({ status: 301, authority: { host: 'b.com' } })(exchange);
  expect((result as Response).headers.get('location')).toBe('https://b.com/outside?q');
});

test('a URL without an authority leads nowhere', () => {
  expect(redirect({ scheme: 'https' }, 'nonsense')).toBe('500 failed to apply filters: invalid URI');
});

test.each([
  ['scheme: "a b"', 'requestRedirect.scheme: not a scheme, such as https, got "a b"'],
  ['status: 3', 'requestRedirect.status: expected a status from 100 to 999, got 3'],
  [
    'path: {full: /a, prefix: /b}',
    'requestRedirect.path: exactly one of full, prefix must be set, found full and prefix',
  ],
])('%s', (fields, message) => {
  expect(refusedPolicy(`requestRedirect: {${fields}}`)).toEqual([message]);
});
