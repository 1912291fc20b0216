import { Headers, Response } from '@agentgateway/http';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { Step } from '../../pipeline/step.ts';
import { compileOrigins } from './origin.ts';
import type { CorsSpec } from './spec.ts';

/**
 * `cors` (spec 03 §7.1, WHATWG Fetch §3.2): answers preflights itself, and queues what browsers look for on whatever answer
 * is sent, errors included.
 *
 * An `OPTIONS` that is no preflight goes to the upstream like any other request, and answers say that they depend on the
 * origin (`vary`), also where none was sent: a shared cache must not hand one origin's answer to another.
 */
export function compileCors(spec: CorsSpec): Step {
  const allows = compileOrigins(spec.allowOrigins);
  const always: [name: string, value: string][] = [];
  if (spec.allowCredentials) always.push(['access-control-allow-credentials', 'true']);
  if (spec.exposeHeaders.length > 0) always.push(['access-control-expose-headers', spec.exposeHeaders.join(',')]);
  const methods = compileAllowed(spec.allowMethods, spec.allowCredentials);
  const names = compileAllowed(spec.allowHeaders, spec.allowCredentials);

  return (exchange: Exchange) => {
    const { method, headers } = exchange.request;
    const queued = varying(exchange);
    const origin = headers.get('origin');
    if (origin === undefined) return undefined;
    const requested = method === 'OPTIONS' ? headers.get('access-control-request-method') : undefined;
    const preflight = requested !== undefined && requested !== '';
    const allowed = allows(origin);
    if (!preflight) {
      if (allowed) grant(queued, origin, always);
      return undefined;
    }
    exchange.record.reason = 'DirectResponse';
    const answer = new Headers();
    if (allowed) {
      grant(answer, origin, always);
      const allowedMethods = methods(requested);
      if (allowedMethods !== null) answer.set('access-control-allow-methods', allowedMethods);
      const allowedHeaders = names(normalised(headers.getAll('access-control-request-headers')));
      if (allowedHeaders !== null) answer.set('access-control-allow-headers', allowedHeaders);
      if (spec.maxAge !== undefined) answer.set('access-control-max-age', String(spec.maxAge));
    }
    return new Response(200, answer, null);
  };
}

/** The queued headers, with `vary` once however many phases run this policy. */
function varying(exchange: Exchange): Headers {
  exchange.responseHeaders ??= new Headers();
  const queued = exchange.responseHeaders;
  if (!queued.getAll('vary').includes('origin')) queued.append('vary', 'origin');
  return queued;
}

function grant(headers: Headers, origin: string, always: readonly [name: string, value: string][]): void {
  headers.set('access-control-allow-origin', origin);
  for (const [name, value] of always) headers.set(name, value);
}

/** A list as it is; for `*` what was asked for, or `*` itself, which means nothing to a browser that sends credentials. */
function compileAllowed(list: readonly string[], credentials: boolean): (requested: string) => string | null {
  if (list.includes('*')) return (requested) => (requested !== '' ? requested : credentials ? null : '*');
  const value = list.length === 0 ? null : list.join(',');
  return () => value;
}

/** Names as `a, b`. */
function normalised(values: readonly string[]): string {
  return values
    .flatMap((value) => value.split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '')
    .join(', ');
}
