import { describe, expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import type { PathMatch } from '../../resources/model.ts';
import { testExchange } from '../testing.ts';
import type { UrlRewriteSpec } from './spec.ts';
import { compileUrlRewrite } from './step.ts';

function rewrite(
  spec: UrlRewriteSpec,
  options: { scheme?: string; authority?: string; path?: string; method?: string; matched?: PathMatch } = {},
) {
  const { matched = { pathPrefix: '/' }, ...request } = options;
  const exchange = testExchange(request);
  exchange.matchedPath = matched;
  const result = compileUrlRewrite(spec)(exchange);
  if (result instanceof GatewayError) return `${result.status} ${result.message}`;
  expect(result).toBeUndefined();
  return exchange;
}

function rewritten(...args: Parameters<typeof rewrite>) {
  const exchange = rewrite(...args);
  if (typeof exchange === 'string') throw new Error(exchange);
  return exchange;
}

describe('authority', () => {
  const authorityOf = (authority: NonNullable<UrlRewriteSpec['authority']>, current: string, scheme = 'http') => {
    const { request, autoHost } = rewritten({ authority }, { authority: current, scheme });
    return [request.authority, autoHost];
  };

  test('PROXY-43: a port takes the place of the port, a host drops it', () => {
    verifies('PROXY-43');
    expect(authorityOf({ port: 443 }, 'test.com:80')).toEqual(['test.com:443', false]);
    expect(authorityOf({ host: 'other.com' }, 'test.com:8080')).toEqual(['other.com', false]);
  });

  test('a port is left out where it is that of the scheme', () => {
    expect(authorityOf({ port: 80 }, 'test.com:8080')).toEqual(['test.com', false]);
    expect(authorityOf({ port: 443 }, 'test.com', 'https')).toEqual(['test.com', false]);
    expect(authorityOf({ port: 8080 }, '[::1]:80')).toEqual(['[::1]:8080', false]);
    expect(authorityOf({ port: 8080 }, '[::1]')).toEqual(['[::1]:8080', false]);
  });

  test('full is taken as it stands', () => {
    expect(authorityOf({ full: 'Other.com:1' }, 'test.com')).toEqual(['Other.com:1', false]);
    expect(rewrite({ authority: { full: 'a b' } })).toBe(
      '500 failed to apply filters: invalid authority: the host holds a character that none may',
    );
  });

  test('none keeps it and ends the automatic rewriting; auto and nothing leave that on', () => {
    expect(authorityOf('none', 'test.com:1')).toEqual(['test.com:1', false]);
    expect(authorityOf('auto', 'test.com:1')).toEqual(['test.com:1', true]);
    expect(rewritten({ path: { full: '/x' } }).autoHost).toBe(true);
  });
});

describe('path', () => {
  const pathOf = (path: NonNullable<UrlRewriteSpec['path']>, current: string, pathPrefix = '/api') =>
    rewritten({ path }, { path: current, matched: { pathPrefix } }).request.path;

  test('POL-74: a prefix takes the place of the matched one, the query stays', () => {
    verifies('POL-74');
    expect(pathOf({ prefix: '/v2' }, '/api/x?q=1')).toBe('/v2/x?q=1');
    expect(pathOf({ prefix: '/v2' }, '/api')).toBe('/v2');
  });

  test.each([
    ['/api', '/', '/api/users', '/users'],
    ['/api/', '', '/api/users', '/users'],
    ['/api', '', '/api', '/'],
    ['/api', '/', '/api', '/'],
    ['/api', '/v1/', '/api/users', '/v1/users'],
    ['/api', '/v1/', '/api', '/v1/'],
    ['/api', '/v1', '/api/', '/v1/'],
    ['/api', '/v1', '/api//x', '/v1//x'],
    ['/api', 'v1', '/api/x', '/v1/x'],
    ['/', '/v1', '/x?a=/b', '/v1/x?a=/b'],
    ['/', '/', '/x', '/x'],
    ['/é', '/ü', `${Buffer.from('/é/x').toString('latin1')}`, '/%C3%BC/x'],
  ])('slashes are neither doubled nor lost: %s -> %s on %s is %s', (matched, prefix, path, expected) => {
    expect(pathOf({ prefix }, path, matched)).toBe(expected);
  });

  test('full replaces the path and keeps the query', () => {
    expect(pathOf({ full: '/new' }, '/api/x?q=1')).toBe('/new?q=1');
    expect(pathOf({ full: '' }, '/api/x')).toBe('/');
    expect(pathOf({ full: '/a b?c#d' }, '/api?q')).toBe('/a%20b%3Fc%23d?q');
  });

  test('POL-75: replacing a prefix needs a match by prefix', () => {
    verifies('POL-75');
    for (const matched of [{ exact: '/api' }, { regex: '/api' }]) {
      expect(rewrite({ path: { prefix: '/v2' } }, { path: '/api', matched })).toBe(
        '500 failed to apply filters: invalid filter configuration: prefix redirect requires prefix match',
      );
    }
  });

  test('what is no path is left alone', () => {
    expect(rewritten({ path: { full: '/x' } }, { method: 'OPTIONS', path: '*' }).request.path).toBe('*');
    expect(rewritten({ path: { prefix: '/x' } }, { method: 'CONNECT', path: '' }).request.path).toBe('');
  });
});

test('what the client asked for is remembered, once', () => {
  const exchange = rewritten({ authority: { full: 'b' }, path: { full: '/b' } }, { authority: 'a', path: '/a?q' });
  expect(exchange.original).toEqual({ scheme: 'http', authority: 'a', path: '/a?q' });
  compileUrlRewrite({ path: { full: '/c' } })(exchange);
  expect(exchange.original).toEqual({ scheme: 'http', authority: 'a', path: '/a?q' });
  expect(exchange.request.path).toBe('/c?q');
});
