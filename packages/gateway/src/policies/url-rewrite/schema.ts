import { z } from 'zod';
import { isHostName } from '../../config/address.ts';
import { closed, exactlyOne, maybe } from '../../config/schema/closed.ts';
import { u16 } from '../../config/schema/fields.ts';
import type { UrlRewriteSpec } from './spec.ts';

const authorityText = z
  .string()
  .refine((text) => /^[\w.\-~[\]:!$&'()*+,;=%]+$/.test(text), 'not an authority; write host or host:port');
const hostText = z.string().refine((text) => isHostName(text) || /^\[[\da-fA-F:.]+\]$/.test(text), 'not a host name');
const pathText = z
  .string()
  .refine((text) => !/[\s?#]|[^\x21-\x7e]/.test(text), 'not a path; percent-encode it, without ? and #');

const authority = z.union([
  z.enum(['auto', 'none']),
  closed({
    full: authorityText.optional(),
    host: hostText.optional(),
    port: u16().min(1, 'must be at least 1').optional(),
  }).check(exactlyOne(['full', 'host', 'port'])),
]);

const path = closed({ full: pathText.optional(), prefix: pathText.optional() }).check(exactlyOne(['full', 'prefix']));

/** What may be said of a URL, by a rewrite as by a redirect. */
export const urlFields = { authority: maybe(authority), path: maybe(path) };

/** `urlRewrite` in the file (spec 02 §3.7). */
export const urlRewriteSchema = closed(urlFields);

/** What the file says, as a resource. */
export function urlRewriteSpec(options: z.output<typeof urlRewriteSchema>): UrlRewriteSpec {
  return {
    ...(options.authority ? { authority: options.authority as NonNullable<UrlRewriteSpec['authority']> } : {}),
    ...(options.path ? { path: options.path as NonNullable<UrlRewriteSpec['path']> } : {}),
  };
}
