import { z } from 'zod';
import type { RemoteSource } from '../../pipeline/remote-document.ts';
import { closed, exactlyOne } from './closed.ts';
import { name } from './fields.ts';

/** A document: its text, a file, or a URL that it is fetched from (spec 03 §3.2). */
export function fileInlineOrRemote() {
  return z.union([
    z.string(),
    closed({ file: name().optional(), url: httpUrl().optional() }).check(exactlyOne(['file', 'url'])),
  ]);
}

/** Absolute URL of a server that the gateway asks; the output is in its canonical form. */
export function httpUrl() {
  return z.string().transform((text, context) => {
    const url = URL.parse(text);
    const fail = (message: string, hidden = false) => {
      context.addIssue({ code: 'custom', message, params: { hidden } });
      return z.NEVER;
    };
    if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
      // What stands before an @ is a password at times.
      return fail('expected an http or https URL', text.includes('@'));
    }
    if (url.username !== '' || url.password !== '') return fail('a URL must not hold a user or a password', true);
    url.hash = '';
    return url.href;
  });
}

/** The URL of a document with the way to its server: HTTPS is verified with the system's roots. */
export function remoteSource(text: string): RemoteSource {
  const { href, protocol, hostname, port } = new URL(text);
  const secure = protocol === 'https:';
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  const address = { host, port: port === '' ? (secure ? 443 : 80) : Number(port) };
  return { url: href, target: { $backend: { address }, policies: secure ? [{ kind: 'backendTLS', spec: {} }] : [] } };
}
