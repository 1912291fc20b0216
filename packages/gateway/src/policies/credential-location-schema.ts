import { z } from 'zod';
import { closed, exactlyOne } from '../config/schema/closed.ts';
import { expression } from '../config/schema/expression.ts';
import { headerName, isHeaderValue, name } from '../config/schema/fields.ts';
import type { CredentialLocation, CredentialSource } from './credential-location.ts';

const prefix = z
  .string()
  .refine((text) => isHeaderValue(text.trim()), 'not a header value')
  .nullish();

const places = {
  header: closed({ name: headerName(), prefix }).optional(),
  queryParameter: closed({ name: name() }).optional(),
  cookie: closed({ name: name().refine((text) => /^[^\s;,="\\]+$/.test(text), 'not a cookie name') }).optional(),
};

/** `AuthLocation` in the file where a credential is put (spec 03 §3.1). */
export const credentialLocationSchema = closed(places, [], {
  expression: 'an expression reads a credential; it is no place to put one',
}).check(exactlyOne(['header', 'queryParameter', 'cookie']));

/** `AuthLocation` where a credential is looked for: a place, or an expression. */
export const credentialSourceSchema = closed({
  ...places,
  expression: expression().optional().describe('Gives the credential; what it is made of stays in the request.'),
}).check(exactlyOne(['header', 'queryParameter', 'cookie', 'expression']));

/** What the file says, as a resource. */
export function credentialLocation(options: z.output<typeof credentialLocationSchema>): CredentialLocation {
  const { header, queryParameter, cookie } = options;
  if (header)
    return { header: header.prefix == null ? { name: header.name } : { name: header.name, prefix: header.prefix } };
  if (queryParameter) return { queryParameter };
  return { cookie: cookie! };
}

/** What the file says of where a credential is looked for, as a resource. */
export function credentialSource(options: z.output<typeof credentialSourceSchema>): CredentialSource {
  const { expression: computed, ...place } = options;
  return computed ? { expression: computed } : credentialLocation(place);
}
