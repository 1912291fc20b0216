import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/**
 * Is this request one that only an operator can have meant (spec 10 W14)?
 *
 * A web page can have a browser send requests to this machine: by a name of its own that resolves to a loopback address, or, where
 * an answer need not be read, straight. A browser cannot hide either: the first shows its name in `Host`, the second names its
 * page in `Origin`. So the host must be `localhost` or an address (a page cannot make those its own), and an origin, if
 * there is one, must be this server itself. Programs that are no browser send no `Origin`.
 *
 * Returns why not, or null.
 */
export function refusal(request: IncomingMessage): string | null {
  const { host, origin } = request.headers;
  if (host !== undefined && !isLocalName(hostName(host))) return 'unexpected Host: use localhost or an address';
  if (origin !== undefined && request.method !== 'GET' && !sameOrigin(origin, host)) return 'cross-origin request';
  return null;
}

function hostName(authority: string): string {
  if (authority.startsWith('[')) return authority.slice(1, Math.max(1, authority.indexOf(']')));
  const colon = authority.indexOf(':');
  return colon < 0 ? authority : authority.slice(0, colon);
}

function isLocalName(name: string): boolean {
  return name.toLowerCase() === 'localhost' || isIP(name) !== 0;
}

function sameOrigin(origin: string, host: string | undefined): boolean {
  return host !== undefined && origin.toLowerCase() === `http://${host.toLowerCase()}`;
}
