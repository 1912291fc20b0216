import { z } from 'zod';
import { closed } from './closed.ts';
import { name } from './fields.ts';

/** A document: its text, a file, or a URL that it is fetched from (spec 03 §3.2). */
export function fileInlineOrRemote() {
  return z.union([z.string(), closed({ file: name() }), closed({ url: httpUrl() })]);
}

/** Absolute URL of a server that the gateway asks; the output is in its canonical form. */
export function httpUrl() {
  return z.string().transform((text, context) => {
    const url = URL.parse(text);
    const fail = (message: string, hidden = false) => {
      context.addIssue({ code: 'custom', message, params: { hidden } });
      return z.NEVER;
    };
    if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
      return fail('expected an http or https URL');
    if (url.username !== '' || url.password !== '') return fail('a URL must not hold a user or a password', true);
    url.hash = '';
    return url.href;
  });
}
