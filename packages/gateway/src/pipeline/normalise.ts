import type { Request } from '@agentgateway/http';
import { parseAuthority } from './authority.ts';
import { GatewayError } from './errors.ts';

/**
 * Brings every form of request target to one (spec 02 §3.5 step 4): the authority is in `authority`, in lower case and without
 * a trailing dot, and no `host` field is left; an authority in the request line wins over the field (RFC 9112 §3.2.2). The
 * scheme is what the request line said, else that of the connection; CONNECT has none.
 *
 * @param tls The request came over TLS.
 * @returns the host without the port.
 * @throws GatewayError `invalidRequest` if no host is named, or one that cannot be.
 */
export function normalise(request: Request, tls: boolean): string {
  const { headers } = request;
  let named = request.authority;
  // RFC 9113 §8.3.1: an HTTP/2 request names its authority in the pseudo header field.
  if (named === '' && request.version !== 'HTTP/2.0') named = headers.get('host') ?? '';
  headers.delete('host');
  if (named === '') {
    const field = request.version === 'HTTP/2.0' ? ':authority' : 'Host';
    throw new GatewayError('invalidRequest', { detail: `the request names no host: ${field} is missing or empty` });
  }
  const parsed = parseAuthority(named);
  if ('problem' in parsed) throw new GatewayError('invalidRequest', { detail: parsed.problem });
  request.authority = parsed.authority;
  if (request.method !== 'CONNECT') {
    request.scheme = schemeOf(request.scheme, tls);
    if (request.path === '') request.path = '/';
  }
  return parsed.host;
}

function schemeOf(said: string, tls: boolean): string {
  if (said === '') return tls ? 'https' : 'http';
  if (said === 'http' || said === 'https') return said;
  const lower = said.toLowerCase();
  if (lower === 'http' || lower === 'https') return lower;
  throw new GatewayError('invalidRequest', { detail: 'the scheme is neither http nor https' });
}
