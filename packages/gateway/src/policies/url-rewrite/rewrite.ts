import { type AuthorityProblem, parseAuthority } from '../../pipeline/authority.ts';
import type { PathMatch } from '../../resources/model.ts';
import { toBytes } from '../../resources/routing/text.ts';
import type { UrlRewriteSpec } from './spec.ts';

/** Port that a scheme stands for. */
export function defaultPort(scheme: string): number {
  return scheme === 'https' ? 443 : 80;
}

/** What becomes of an authority under a scheme. */
export type RewriteAuthority = (authority: string, scheme: string) => string;

/**
 * Compiles what becomes of an authority: `full` replaces it, `host` replaces it and drops the port, `port` keeps the host and is
 * left out where it is the scheme's own, `auto` and `none` leave it.
 *
 * @returns what is wrong, where the configured authority can be none.
 */
export function compileAuthority(
  authority: NonNullable<UrlRewriteSpec['authority']>,
): RewriteAuthority | AuthorityProblem | null {
  if (typeof authority === 'string') return null;
  if ('port' in authority) {
    const { port } = authority;
    return (current, scheme) => {
      const host = withoutPort(current);
      return port === defaultPort(scheme) ? host : `${host}:${port}`;
    };
  }
  const parsed = parseAuthority('full' in authority ? authority.full : authority.host);
  if ('problem' in parsed) return parsed;
  const replacement = 'full' in authority ? authority.full : parsed.host;
  return () => replacement;
}

/** The port of an authority, or null if it names none. */
export function portOf(authority: string): number | null {
  const host = withoutPort(authority);
  return host === authority ? null : Number(authority.slice(host.length + 1));
}

function withoutPort(authority: string): string {
  const colon = authority.lastIndexOf(':');
  return colon < 0 || authority.endsWith(']') ? authority : authority.slice(0, colon);
}

/**
 * Compiles what becomes of a path (with its query, which stays).
 *
 * @returns a function that gives null where a prefix is to be replaced and the route did not match by one.
 */
export function compilePath(
  path: NonNullable<UrlRewriteSpec['path']>,
): (path: string, matched: PathMatch | null) => string | null {
  if ('full' in path) {
    const full = rooted(encoded(path.full));
    return (current) => full + queryOf(current);
  }
  const replacement = encoded(path.prefix);
  const trimmed = withoutTrailingSlashes(replacement);
  return (current, matched) => {
    if (matched === null || !('pathPrefix' in matched)) return null;
    const prefix = withoutTrailingSlashes(toBytes(matched.pathPrefix));
    const mark = current.indexOf('?');
    const end = mark < 0 ? current.length : mark;
    if (end < prefix.length || !current.startsWith(prefix)) return null;
    // Empty, or begins with the slash that separates it: joined to a prefix that ends in none, there is always one.
    const rest = current.slice(prefix.length, end);
    return rooted(rest === '' ? replacement : trimmed + rest) + queryOf(current);
  };
}

function queryOf(path: string): string {
  const mark = path.indexOf('?');
  return mark < 0 ? '' : path.slice(mark);
}

function rooted(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}

function withoutTrailingSlashes(path: string): string {
  let end = path.length;
  while (end > 0 && path[end - 1] === '/') end--;
  return path.slice(0, end);
}

/** A configured path as it may stand in a request line: what would end it or break the line is percent-encoded. */
function encoded(path: string): string {
  return toBytes(path).replace(/[^!-~]|[?#]/g, (byte) => {
    return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}
