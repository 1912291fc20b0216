import { compileRegex, type LinearRegex } from '@agentgateway/regex';
import type { Route, RouteMatch } from '../model.ts';
import { type Condition, compileConditions } from './condition.ts';
import { toBytes } from './text.ts';

/** A route and the one of its matches that fitted. */
export interface RouteFound {
  readonly route: Route;
  readonly match: RouteMatch;
}

/** One match of a route, ready to be tried. */
export interface Candidate {
  readonly found: RouteFound;
  readonly path: CompiledPath;
  readonly condition: Condition | null;
}

/** Paths as bytes; a prefix has lost its trailing slashes, so that `/` has become empty. */
export type CompiledPath =
  | { readonly type: 'exact'; readonly path: string }
  | { readonly type: 'prefix'; readonly prefix: string; readonly trailingSlashes: number }
  | { readonly type: 'regex'; readonly regex: LinearRegex };

/** A route's matches, without those that can never match because something in them is invalid. */
export function candidatesOf(route: Route): Candidate[] {
  const candidates: Candidate[] = [];
  for (const match of route.matches) {
    const path = compilePath(match);
    const condition = compileConditions(match);
    if (path !== null && condition !== 'never') candidates.push({ found: { route, match }, path, condition });
  }
  return candidates;
}

function compilePath({ path }: RouteMatch): CompiledPath | null {
  if ('invalid' in path) return null;
  if ('exact' in path) return { type: 'exact', path: toBytes(path.exact) };
  if ('regex' in path) {
    const compiled = compileRegex(path.regex);
    return compiled.ok ? { type: 'regex', regex: compiled.regex } : null;
  }
  const whole = toBytes(path.pathPrefix);
  let end = whole.length;
  while (end > 0 && whole[end - 1] === '/') end--;
  return { type: 'prefix', prefix: whole.slice(0, end), trailingSlashes: whole.length - end };
}

/**
 * Sorts by precedence (spec 02 §3.6): exact paths first; then prefixes and regular expressions together, the longer text
 * first; a method; more headers; more query parameters; then the place in the source, the key, the place in the route.
 */
export function byPrecedence(a: Candidate, b: Candidate): number {
  const left = a.found;
  const right = b.found;
  return (
    Number(b.path.type === 'exact') - Number(a.path.type === 'exact') ||
    pathLength(right.match) - pathLength(left.match) ||
    Number(right.match.method !== undefined) - Number(left.match.method !== undefined) ||
    right.match.headers.length - left.match.headers.length ||
    right.match.query.length - left.match.query.length ||
    left.route.order - right.route.order ||
    Number(left.route.key > right.route.key) - Number(left.route.key < right.route.key) ||
    left.route.matches.indexOf(left.match) - right.route.matches.indexOf(right.match)
  );
}

/** Bytes of the path as it was written. */
function pathLength({ path }: RouteMatch): number {
  if ('invalid' in path) return 0;
  return Buffer.byteLength('exact' in path ? path.exact : 'regex' in path ? path.regex : path.pathPrefix);
}
