import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { Step } from '../../pipeline/step.ts';
import { compileAuthority, compilePath } from './rewrite.ts';
import type { UrlRewriteSpec } from './spec.ts';

/**
 * `urlRewrite` (spec 02 §3.7): changes authority and path on the way to the upstream and keeps the query. What the client
 * asked for stays in `exchange.original`. Any decision on the authority, `none` included, ends its rewriting to the upstream's
 * host name; without one, or with `auto`, that goes on.
 */
export function compileUrlRewrite(spec: UrlRewriteSpec): Step {
  const { authority } = spec;
  const rewriteAuthority = authority === undefined ? null : compileAuthority(authority);
  if (rewriteAuthority !== null && 'problem' in rewriteAuthority) {
    const detail = `invalid authority: ${rewriteAuthority.problem}`;
    return () => new GatewayError('filtersFailed', { detail });
  }
  const rewritePath = spec.path === undefined ? null : compilePath(spec.path);
  const decides = authority !== undefined && authority !== 'auto';

  return (exchange: Exchange) => {
    const { request } = exchange;
    const { scheme, method } = request;
    let { path } = request;
    // CONNECT has no path, and `*` is none.
    if (rewritePath !== null && method !== 'CONNECT' && path.startsWith('/')) {
      const rewritten = rewritePath(path, exchange.matchedPath);
      if (rewritten === null) {
        return new GatewayError('filtersFailed', {
          detail: 'invalid filter configuration: prefix redirect requires prefix match',
        });
      }
      path = rewritten;
    }
    exchange.original ??= { scheme, authority: request.authority, path: request.path };
    request.path = path;
    if (rewriteAuthority !== null) request.authority = rewriteAuthority(request.authority, scheme);
    if (decides) exchange.autoHost = false;
    return undefined;
  };
}
