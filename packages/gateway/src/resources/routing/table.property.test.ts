import { Headers } from '@agentgateway/http';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { NamedMatch, PathMatch, Route, RouteMatch } from '../model.ts';
import { compileRoutes, type RouteQuery } from './index.ts';

/** The specification word by word: every pair sorted, every pair tried. */
function reference(routes: readonly Route[], request: RouteQuery): { route: Route; match: RouteMatch } | null {
  const labels = request.host.split('.');
  const names = [request.host, ...labels.slice(1).map((_, i) => `*.${labels.slice(i + 1).join('.')}`), null];
  for (const name of names) {
    const pairs = routes
      .filter((route) => (name === null ? route.hostnames.length === 0 : route.hostnames.includes(name)))
      .flatMap((route) => route.matches.map((match, index) => ({ route, match, index })));
    pairs.sort((a, b) => {
      const left = precedence(a);
      const right = precedence(b);
      const at = left.findIndex((value, i) => value !== right[i]);
      if (at < 0) return 0;
      return (left[at] as number | string) < (right[at] as number | string) ? -1 : 1;
    });
    const found = pairs.find(({ match }) => matches(match, request));
    if (found !== undefined) return found;
  }
  return null;
}

function precedence(pair: { route: Route; match: RouteMatch; index: number }): (number | string)[] {
  const { route, match, index } = pair;
  const { path } = match;
  const text =
    'exact' in path ? path.exact : 'regex' in path ? path.regex : 'pathPrefix' in path ? path.pathPrefix : '';
  return [
    'exact' in path ? 0 : 'invalid' in path ? 2 : 1,
    -text.length,
    match.method === undefined ? 1 : 0,
    -match.headers.length,
    -match.query.length,
    route.order,
    route.key,
    index,
  ];
}

function matches(match: RouteMatch, request: RouteQuery): boolean {
  const [path = '', query = ''] = request.method === 'CONNECT' ? ['/', ''] : request.path.split('?');
  const fits = ({ value }: NamedMatch, values: string[]): boolean =>
    values.some((actual) =>
      'exact' in value ? actual === value.exact : 'regex' in value ? spans(value.regex, actual) : false,
    );
  return (
    pathMatches(match.path, path) &&
    (match.method === undefined || match.method === request.method) &&
    match.headers.every((header) => fits(header, request.headers.getAll(header.name))) &&
    match.query.every((parameter) => fits(parameter, new URLSearchParams(query).getAll(parameter.name)))
  );
}

function pathMatches(match: PathMatch, path: string): boolean {
  if ('invalid' in match) return false;
  if ('exact' in match) return match.exact === path;
  if ('regex' in match) return spans(match.regex, path);
  const prefix = match.pathPrefix.replace(/\/+$/, '');
  const stripped = path.replace(/\/+$/, '');
  if (prefix === '') return true;
  return stripped === prefix || (stripped.startsWith(prefix) && stripped[prefix.length] === '/');
}

/** The patterns below mean the same to the platform's engine. */
function spans(pattern: string, text: string): boolean {
  return new RegExp(`^(?:${pattern})$`).test(text);
}

const segment = fc.constantFrom('a', 'b', 'ab', '', 'a%2Fb');
const paths = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`);
const hosts = fc
  .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 })
  .map((labels) => labels.join('.'));
const value: fc.Arbitrary<NamedMatch['value']> = fc.oneof(
  fc.constantFrom('0', '1').map((exact) => ({ exact })),
  fc.constantFrom('[01]', '1+', '.*', '0|01').map((regex) => ({ regex })),
  fc.constant({ invalid: true } as const),
);
const conditions = (name: string) =>
  fc.array(fc.record({ name: fc.constantFrom(`${name}1`, `${name}2`), value }), { maxLength: 2 });
const path: fc.Arbitrary<PathMatch> = fc.oneof(
  paths.map((exact) => ({ exact })),
  { arbitrary: paths.map((pathPrefix) => ({ pathPrefix })), weight: 3 },
  fc.constantFrom('/', '', '//', '/a///', '/a////////').map((pathPrefix) => ({ pathPrefix })),
  fc.constantFrom('/a', '/.*', '/a/.*', '/[ab]+', '/(a|ab)/b?', '/a|/ab', '/a/[^/]*/b').map((regex) => ({ regex })),
  fc.constant({ invalid: true } as const),
);
const routeMatch: fc.Arbitrary<RouteMatch> = fc.record(
  {
    path,
    method: fc.constantFrom('GET', 'POST'),
    headers: fc.oneof({ arbitrary: fc.constant([]), weight: 3 }, conditions('h')),
    query: fc.oneof({ arbitrary: fc.constant([]), weight: 3 }, conditions('q')),
  },
  { requiredKeys: ['path', 'headers', 'query'] },
);
const routes = fc.array(
  fc
    .record({
      key: fc.constantFrom('k1', 'k2', 'k10'),
      order: fc.nat({ max: 2 }),
      hostnames: fc.uniqueArray(
        fc.oneof(
          hosts,
          hosts.map((host) => `*.${host}`),
        ),
        { maxLength: 2 },
      ),
      matches: fc.array(routeMatch, { maxLength: 3 }),
    })
    .map(
      (fields): Route => ({
        ...fields,
        kind: 'route',
        listener: '',
        name: { namespace: '', name: '' },
        backends: [],
        policies: [],
      }),
    ),
  { maxLength: 12 },
);
const requests: fc.Arbitrary<RouteQuery> = fc
  .record({
    host: hosts,
    method: fc.constantFrom('GET', 'POST', 'CONNECT'),
    path: paths,
    query: fc.constantFrom('', '?q1=0', '?q1=1&q1=0', '?q2=01&q1=1'),
    headers: fc.array(fc.tuple(fc.constantFrom('h1', 'h2'), fc.constantFrom('0', '1', '01')), { maxLength: 3 }),
  })
  .map(({ query, headers, ...rest }) => ({
    ...rest,
    authority: rest.host,
    scheme: 'http',
    path: rest.path + query,
    headers: Headers.of(...headers),
  }));

test('the table finds what sorting and trying every match finds', () => {
  fc.assert(
    fc.property(routes, fc.array(requests, { minLength: 5, maxLength: 10 }), (table, samples) => {
      // Two routes with the same order and key leave the winner open.
      const distinct = table.map((route, index) => ({ ...route, key: `${route.key}.${index}` }));
      const compiled = compileRoutes(distinct);
      for (const request of samples) {
        const expected = reference(distinct, request);
        const found = compiled.find(request);
        expect(found?.route).toBe(expected?.route);
        expect(found?.match).toBe(expected?.match);
      }
    }),
    { numRuns: 1_500 },
  );
});
