import { z } from 'zod';
import { closed, maybe } from '../../config/schema/closed.ts';
import { status } from '../../config/schema/fields.ts';
import { urlFields, urlRewriteSpec } from '../url-rewrite/schema.ts';
import type { RequestRedirectSpec } from './spec.ts';

/** `requestRedirect` in the file (spec 02 §3.7). */
export const requestRedirectSchema = closed({
  scheme: maybe(z.string().regex(/^[A-Za-z][A-Za-z0-9+.-]*$/, 'not a scheme, such as https')),
  ...urlFields,
  status: maybe(status()),
});

/** What the file says, as a resource. */
export function requestRedirectSpec(options: z.output<typeof requestRedirectSchema>): RequestRedirectSpec {
  const { scheme, status: code, ...url } = options;
  return {
    ...(scheme == null ? {} : { scheme: scheme.toLowerCase() }),
    ...urlRewriteSpec(url),
    status: code ?? 302,
  };
}
