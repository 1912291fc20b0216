import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { Step } from '../../pipeline/step.ts';
import type { CsrfSpec } from './spec.ts';

/**
 * `csrf` (spec 03 §7.2): refuses what another site's page makes a browser send, by the browser's own word (`sec-fetch-site`, else
 * `origin`). Who sends neither is no browser and passes, and so do methods that change nothing.
 */
export function compileCsrf({ additionalOrigins }: CsrfSpec): Step {
  const listed = new Set(additionalOrigins);

  return ({ request }: Exchange) => {
    const { method, headers } = request;
    if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') return undefined;
    const origin = headers.get('origin');
    const site = headers.get('sec-fetch-site');
    if (site !== undefined) {
      if (site === 'same-origin' || site === 'none') return undefined;
    } else {
      if (origin === undefined || origin === 'null') return undefined;
      if (origin.toLowerCase() === `${request.scheme}://${request.authority}`) return undefined;
    }
    if (origin !== undefined && listed.has(origin)) return undefined;
    return new GatewayError('csrf');
  };
}
