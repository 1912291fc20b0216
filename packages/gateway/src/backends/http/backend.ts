import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { Attempt, BackendContext, CompiledBackend } from '../backend.ts';
import { connectionOptions } from '../connection.ts';

/** `host` backends: one literal target (spec 02 §3.10). */
export function compileHostBackend(context: BackendContext): CompiledBackend {
  const { target } = context.backend;
  if (target.type !== 'host') throw new Error(`not a host backend: ${context.backend.key}`);
  const upstream = context.upstream.compile(target.address, connectionOptions(context.policies));
  const attempt: Attempt = {
    ...context.phase(context.policies),
    send: (exchange) => context.upstream.send(exchange, upstream),
  };
  return { protocol: 'http', select: () => attempt };
}

/**
 * `dynamic` backends: the request's own authority says where to connect, port 443 for https and 80 otherwise. It is read
 * after the backend phase, because a policy may have rewritten it.
 */
export function compileDynamicBackend(context: BackendContext): CompiledBackend {
  const options = connectionOptions(context.policies);
  const attempt: Attempt = {
    ...context.phase(context.policies),
    send(exchange) {
      exchange.autoHost = false;
      return context.upstream.send(exchange, context.upstream.compile(authorityAddress(exchange), options));
    },
  };
  return { protocol: 'http', select: () => attempt };
}

function authorityAddress({ request }: Exchange): { host: string; port: number } {
  const { authority } = request;
  const colon = authority.lastIndexOf(':');
  const bracket = authority.lastIndexOf(']');
  const hasPort = colon > bracket;
  const host = hasPort ? authority.slice(0, colon) : authority;
  const port = hasPort ? Number(authority.slice(colon + 1)) : request.scheme === 'https' ? 443 : 80;
  if (host === '') throw new GatewayError('invalidRequest', { detail: 'the authority has no host' });
  return { host: bracket < 0 ? host : host.slice(1, bracket), port };
}
