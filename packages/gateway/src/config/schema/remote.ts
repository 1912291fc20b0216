import { z } from 'zod';
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
