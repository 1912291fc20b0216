import { Headers } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import type { NamedMatch, Route, RouteMatch } from '../model.ts';
import { compileRoutes, type RouteQuery, type RouteTable } from './index.ts';

let order = 0;

function match(options: Partial<RouteMatch> = {}): RouteMatch {
  return { path: { pathPrefix: '/' }, headers: [], query: [], ...options };
}

function route(name: string, hostnames: string[], ...matches: RouteMatch[]): Route {
  return {
    kind: 'route',
    key: name,
    listener: 'listener',
    name: { namespace: '', name },
    order: order++,
    hostnames,
    matches: matches.length === 0 ? [match()] : matches,
    backends: [],
    policies: [],
  };
}

function get(host: string, path = '/', options: Partial<RouteQuery> = {}): RouteQuery {
  return { host, authority: host, scheme: 'http', method: 'GET', path, headers: new Headers(), ...options };
}

function nameFor(table: RouteTable, request: RouteQuery): string | null {
  return table.find(request)?.route.name.name ?? null;
}

const header = (name: string, value: NamedMatch['value']): NamedMatch => ({ name, value });

test('PROXY-1: the exact name, then the longest wildcard, then routes without names', () => {
  verifies('PROXY-1');
  const table = compileRoutes([
    route('none', []),
    route('exact', ['test.example.com']),
    route('wild', ['*.example.com']),
    route('several', ['foo.example.com', '*.bar.example.com']),
  ]);
  expect(
    [
      'test.example.com',
      'sub.example.com',
      'foo.baz.example.com',
      'x.bar.example.com',
      'foo.example.com',
      'other.test',
    ].map((host) => nameFor(table, get(host))),
  ).toEqual(['exact', 'wild', 'wild', 'several', 'several', 'none']);
  expect(['example.com', 'xexample.com', ''].map((host) => nameFor(table, get(host)))).toEqual([
    'none',
    'none',
    'none',
  ]);
});

test('PROXY-2: what the exact name does not match falls through to the wildcard', () => {
  verifies('PROXY-2');
  const table = compileRoutes([
    route('exact', ['a.example.com'], match({ path: { pathPrefix: '/a' } })),
    route('wild', ['*.example.com']),
  ]);
  expect(nameFor(table, get('a.example.com', '/b'))).toBe('wild');
  expect(nameFor(table, get('a.example.com', '/a'))).toBe('exact');
});

test('PROXY-3: a prefix ends at a segment', () => {
  verifies('PROXY-3');
  for (const pathPrefix of ['/api', '/api/']) {
    const table = compileRoutes([route('api', [], match({ path: { pathPrefix } }))]);
    for (const path of ['/api', '/api/', '/api/v1', '/api//v1', '/api?x=/y'])
      expect(nameFor(table, get('h', path))).toBe('api');
    for (const path of ['/apiary', '/api%2Fv1', '/ap', '/', '/x/api'])
      expect(nameFor(table, get('h', path))).toBeNull();
  }
});

test('PROXY-4: an exact path is compared byte for byte', () => {
  verifies('PROXY-4');
  const table = compileRoutes([route('users', [], match({ path: { exact: '/api/v1/users' } }))]);
  expect(nameFor(table, get('h', '/api/v1/users?page=1'))).toBe('users');
  for (const path of ['/api/v1/users/', '/api/v1/user%73', '/API/v1/users'])
    expect(nameFor(table, get('h', path))).toBeNull();
});

test('PROXY-5: prefixes and regular expressions share one rank, ordered by the length of their text', () => {
  verifies('PROXY-5');
  const longerRegex = compileRoutes([
    route('prefix', [], match({ path: { pathPrefix: '/api' } })),
    route('regex', [], match({ path: { regex: '/api/v[0-9]+/users' } })),
  ]);
  expect(nameFor(longerRegex, get('h', '/api/v2/users'))).toBe('regex');
  expect(nameFor(longerRegex, get('h', '/api/v2/users/list'))).toBe('prefix');
  const longerPrefix = compileRoutes([
    route('regex', [], match({ path: { regex: '/api/.*' } })),
    route('prefix', [], match({ path: { pathPrefix: '/api/v2/users/list' } })),
  ]);
  expect(nameFor(longerPrefix, get('h', '/api/v2/users/list'))).toBe('prefix');
  expect(nameFor(longerPrefix, get('h', '/api/v2/users'))).toBe('regex');
});

test('a regular expression spans the path in any of its alternatives (spec 02 §6, 5)', () => {
  const table = compileRoutes([route('regex', [], match({ path: { regex: '/a|/ab' } }))]);
  expect(nameFor(table, get('h', '/ab'))).toBe('regex');
  expect(nameFor(table, get('h', '/abc'))).toBeNull();
});

test('PROXY-6: a method beats none, more headers beat fewer', () => {
  verifies('PROXY-6');
  const path = { pathPrefix: '/x' };
  const a = header('a', { exact: '1' });
  const b = header('b', { exact: '2' });
  const methods = compileRoutes([route('any', [], match({ path })), route('get', [], match({ path, method: 'GET' }))]);
  expect(nameFor(methods, get('h', '/x'))).toBe('get');
  expect(nameFor(methods, get('h', '/x', { method: 'POST' }))).toBe('any');
  expect(nameFor(methods, get('h', '/x', { method: 'get' }))).toBe('any');
  const counts = compileRoutes([
    route('one', [], match({ path, headers: [a] })),
    route('two', [], match({ path, headers: [a, b] })),
  ]);
  expect(nameFor(counts, get('h', '/x', { headers: Headers.of(['a', '1'], ['b', '2']) }))).toBe('two');
  expect(nameFor(counts, get('h', '/x', { headers: Headers.of(['a', '1']) }))).toBe('one');
});

test('PROXY-7: any of the field lines may satisfy, a joined value is one value, a pattern spans it', () => {
  verifies('PROXY-7');
  const exact = compileRoutes([route('exact', [], match({ headers: [header('a', { exact: '1' })] }))]);
  expect(nameFor(exact, get('h', '/', { headers: Headers.of(['a', '0'], ['a', '1']) }))).toBe('exact');
  expect(nameFor(exact, get('h', '/', { headers: Headers.of(['a', '0,1']) }))).toBeNull();
  expect(nameFor(exact, get('h', '/'))).toBeNull();
  const regex = compileRoutes([route('regex', [], match({ headers: [header('a', { regex: '1+' })] }))]);
  expect(nameFor(regex, get('h', '/', { headers: Headers.of(['a', '11']) }))).toBe('regex');
  expect(nameFor(regex, get('h', '/', { headers: Headers.of(['a', '112']) }))).toBeNull();
});

test('a header pattern needs visible ASCII; an exact value beyond it is compared as UTF-8', () => {
  const any = compileRoutes([route('any', [], match({ headers: [header('a', { regex: '.*' })] }))]);
  expect(nameFor(any, get('h', '/', { headers: Headers.of(['a', '\u00e9']) }))).toBeNull();
  const exact = compileRoutes([route('exact', [], match({ headers: [header('a', { exact: '\u00e9' })] }))]);
  expect(nameFor(exact, get('h', '/', { headers: Headers.of(['a', '\u00c3\u00a9']) }))).toBe('exact');
});

// Spec 02 has only the last of repeated keys count; §6, 8 asks for any of them, which is what stands here.
test('PROXY-8, in the better form: any value of a repeated query parameter may satisfy', () => {
  verifies('PROXY-8');
  const table = (value: string) =>
    compileRoutes([route('q', [], match({ query: [{ name: 'k', value: { exact: value } }] }))]);
  for (const value of ['1', '2']) expect(nameFor(table(value), get('h', '/?k=1&k=2'))).toBe('q');
  expect(nameFor(table('3'), get('h', '/?k=1&k=2'))).toBeNull();
  expect(nameFor(table('a b&'), get('h', '/?x&k=a+b%26'))).toBe('q');
  expect(nameFor(table('1'), get('h', '/'))).toBeNull();
  const regex = compileRoutes([route('q', [], match({ query: [{ name: 'k', value: { regex: 'a|ab' } }] }))]);
  expect(nameFor(regex, get('h', '/?k=ab'))).toBe('q');
  expect(nameFor(regex, get('h', '/?k=abc'))).toBeNull();
});

test('PROXY-9: pseudo headers see the port and the query', () => {
  verifies('PROXY-9');
  const authority = compileRoutes([route('port', [], match({ headers: [header(':authority', { exact: 'h:8080' })] }))]);
  expect(nameFor(authority, get('h', '/', { authority: 'h:8080' }))).toBe('port');
  expect(nameFor(authority, get('h', '/'))).toBeNull();
  const path = compileRoutes([route('query', [], match({ headers: [header(':path', { regex: '/x\\?a=.*' })] }))]);
  expect(nameFor(path, get('h', '/x?a=1'))).toBe('query');
  expect(nameFor(path, get('h', '/x'))).toBeNull();
  const both = compileRoutes([
    route(
      'post',
      [],
      match({ headers: [header(':method', { exact: 'POST' }), header(':scheme', { regex: 'http|https' })] }),
    ),
  ]);
  expect(nameFor(both, get('h', '/', { method: 'POST', scheme: 'https' }))).toBe('post');
  expect(nameFor(both, get('h', '/', { scheme: 'https' }))).toBeNull();
});

test('PROXY-12: where no route matches there is none', () => {
  verifies('PROXY-12');
  const table = compileRoutes([
    route('a', ['a.com'], match({ path: { exact: '/x' } })),
    route('none', ['b.com'], match()),
  ]);
  expect(table.find(get('a.com', '/y'))).toBeNull();
  expect(table.find(get('c.com', '/x'))).toBeNull();
  expect(compileRoutes([]).find(get('a.com'))).toBeNull();
});

test('equal matches go by the place in the source, then by the key, then by the place in the route', () => {
  const named = (name: string, place: number): Route => ({ ...route(name, []), order: place });
  expect(nameFor(compileRoutes([named('route10', 1), named('route2', 0)]), get('h'))).toBe('route2');
  expect(nameFor(compileRoutes([named('b', 0), named('a', 0)]), get('h'))).toBe('a');
  const first = match();
  const second = match();
  expect(compileRoutes([route('r', [], first, second)]).find(get('h'))?.match).toBe(first);
});

test('names are compared in lower case and without the trailing dot; a bare * takes every host', () => {
  expect(nameFor(compileRoutes([route('a', ['A.Example.COM.'])]), get('a.example.com'))).toBe('a');
  expect(nameFor(compileRoutes([route('a', ['*'])]), get('anything'))).toBe('a');
});

test('a wildcard stands for at least one whole label', () => {
  const table = compileRoutes([route('short', ['*.c']), route('long', ['*.b.c'])]);
  expect(['a.b.c', 'x.a.b.c', 'b.c', 'c', 'xb.c', '.b.c'].map((host) => nameFor(table, get(host)))).toEqual([
    'long',
    'long',
    'short',
    null,
    'short',
    'long',
  ]);
});

test('the path of CONNECT counts as /', () => {
  const table = compileRoutes([
    route('root', [], match({ path: { exact: '/' } })),
    route('other', [], match({ path: { pathPrefix: '/x' } })),
  ]);
  expect(nameFor(table, get('h', '', { method: 'CONNECT' }))).toBe('root');
});

test('/ takes the asterisk form too', () => {
  expect(nameFor(compileRoutes([route('root', [])]), get('h', '*', { method: 'OPTIONS' }))).toBe('root');
});

test('invalid matchers never match', () => {
  const table = compileRoutes([
    route('path', [], match({ path: { invalid: true } })),
    route('regex', [], match({ path: { regex: '(' } })),
    route('header', [], match({ headers: [header('a', { invalid: true })] })),
    route('header regex', [], match({ headers: [header('a', { regex: '(' })] })),
    route('query', [], match({ query: [{ name: 'a', value: { invalid: true } }] })),
    route('no matches', []),
  ]);
  expect(nameFor(table, get('h', '/?a', { headers: Headers.of(['a', '']) }))).toBe('no matches');
  expect(compileRoutes([{ ...route('empty', []), matches: [] }]).find(get('h'))).toBeNull();
});

test('a path beyond ASCII matches as UTF-8', () => {
  const onWire = Buffer.from('/é', 'utf8').toString('latin1');
  for (const path of [{ exact: '/é' }, { pathPrefix: '/é' }, { regex: '/.' }]) {
    expect(nameFor(compileRoutes([route('r', [], match({ path }))]), get('h', onWire))).toBe('r');
  }
});
