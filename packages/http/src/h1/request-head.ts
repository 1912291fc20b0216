import type { Request } from '../message.ts';
import { consistsOf, isAuthority, isToken, TARGET } from './characters.ts';
import { UnwritableMessage } from './errors.ts';
import { fieldLine } from './fields.ts';

/**
 * The head of a request as it is written: `Host` first, then the fields in their order, then the framing that the body asks
 * for.
 *
 * @throws UnwritableMessage for a method, target, authority or field that would break the message.
 */
export function requestHead(request: Request, absoluteForm: boolean): string {
  const { method, headers, body } = request;
  if (!isToken(method)) throw new UnwritableMessage('invalid method');
  const host = hostOf(request);
  if (host !== '' && !isAuthority(host)) throw new UnwritableMessage('invalid authority');
  let text = `${method} ${target(request, absoluteForm, host)} HTTP/1.1\r\nhost: ${host}\r\n`;
  for (let i = 0; i < headers.length; i++) {
    const name = headers.nameAt(i);
    if (name !== 'host' && name !== 'content-length' && name !== 'transfer-encoding') {
      text += fieldLine(headers.spellingAt(i), headers.valueAt(i));
    }
  }
  if (body === null) text += anticipatesContent(method) ? 'content-length: 0\r\n' : '';
  else if (body.length === undefined) text += 'transfer-encoding: chunked\r\n';
  else text += `content-length: ${body.length}\r\n`;
  return `${text}\r\n`;
}

/** Methods whose content is expected: its absence is said (RFC 9110 §8.6). */
function anticipatesContent(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH';
}

/** The authority without the scheme's own port, or the `host` field where there is none. */
function hostOf({ authority, scheme, method, headers }: Request): string {
  if (authority === '') return headers.get('host') ?? '';
  if (method === 'CONNECT') return authority;
  const port = scheme === 'https' ? ':443' : ':80';
  return authority.endsWith(port) && !authority.endsWith(`:${port}`) ? authority.slice(0, -port.length) : authority;
}

function target({ method, authority, scheme, path }: Request, absoluteForm: boolean, host: string): string {
  if (method === 'CONNECT') {
    if (!isAuthority(authority)) throw new UnwritableMessage('invalid authority');
    return authority;
  }
  if (!consistsOf(path, TARGET)) throw new UnwritableMessage('invalid path');
  if (absoluteForm) {
    if (host === '') throw new UnwritableMessage('absolute form without an authority');
    return `${scheme === '' ? 'http' : scheme}://${host}${path === '*' ? '' : path}`;
  }
  if (path === '') return '/';
  if (path.charCodeAt(0) !== 0x2f && !(path === '*' && method === 'OPTIONS'))
    throw new UnwritableMessage('invalid path');
  return path;
}
