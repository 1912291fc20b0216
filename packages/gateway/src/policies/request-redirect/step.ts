import { Headers, Response } from '@agentgateway/http';
import type { AuthorityProblem } from '../../pipeline/authority.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { Step } from '../../pipeline/step.ts';
import { compileAuthority, compilePath, defaultPort, portOf, type RewriteAuthority } from '../url-rewrite/rewrite.ts';
import type { RequestRedirectSpec } from './spec.ts';

/**
 * `requestRedirect` (spec 02 §3.7): sends the client elsewhere. What is not configured stays as the client asked for it, before
 * any rewrite; the query always does.
 */
export function compileRequestRedirect(spec: RequestRedirectSpec): Step {
  const rewriteAuthority = compileRedirectAuthority(spec);
  if (rewriteAuthority !== null && 'problem' in rewriteAuthority) {
    const detail = `invalid authority: ${rewriteAuthority.problem}`;
    return () => new GatewayError('filtersFailed', { detail });
  }
  const rewritePath = spec.path === undefined ? null : compilePath(spec.path);

  return (exchange: Exchange) => {
    const asked = exchange.original ?? exchange.request;
    const scheme = spec.scheme ?? (asked.scheme === '' ? 'http' : asked.scheme);
    if (asked.authority === '') return new GatewayError('filtersFailed', { detail: 'invalid URI' });
    const authority = rewriteAuthority === null ? asked.authority : rewriteAuthority(asked.authority, scheme);
    // `*` is the path of no place.
    let path: string | null = asked.path.startsWith('/') ? asked.path : '/';
    if (rewritePath !== null) path = rewritePath(path, exchange.matchedPath);
    if (path === null) {
      return new GatewayError('filtersFailed', {
        detail: 'invalid filter configuration: prefix redirect requires prefix match',
      });
    }
    const headers = new Headers();
    headers.append('location', `${scheme}://${authority}${path}`);
    exchange.record.reason = 'DirectResponse';
    return new Response(spec.status, headers, null);
  };
}

/** As in a rewrite, but a new host keeps the port that was asked for while the scheme stays as well. */
function compileRedirectAuthority({
  scheme,
  authority,
}: RequestRedirectSpec): RewriteAuthority | AuthorityProblem | null {
  if (authority === undefined) return null;
  const rewrite = compileAuthority(authority);
  if (rewrite === null || 'problem' in rewrite) return rewrite;
  if (typeof authority === 'string' || !('host' in authority) || scheme !== undefined) return rewrite;
  return (current, effective) => {
    const port = portOf(current);
    const host = rewrite(current, effective);
    return port === null || port === defaultPort(effective) ? host : `${host}:${port}`;
  };
}
