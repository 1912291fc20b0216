import { z } from 'zod';
import { closed, exactlyOne } from '../config/schema/closed.ts';
import { headerName, isHeaderValue, name } from '../config/schema/fields.ts';
import { notYet } from '../config/schema/not-yet.ts';
import type { CredentialLocation } from './credential-location.ts';

const prefix = z
  .string()
  .refine((text) => isHeaderValue(text.trim()), 'not a header value')
  .nullish();

/** `AuthLocation` in the file: where a credential stands, or is put (spec 03 §3.1). */
export const credentialLocationSchema = closed(
  {
    header: closed({ name: headerName(), prefix }).optional(),
    queryParameter: closed({ name: name() }).optional(),
    cookie: closed({ name: name().refine((text) => /^[^\s;,="\\]+$/.test(text), 'not a cookie name') }).optional(),
  },
  notYet.credentialLocation,
).check(exactlyOne(['header', 'queryParameter', 'cookie']));

/** What the file says, as a resource. */
export function credentialLocation(options: z.output<typeof credentialLocationSchema>): CredentialLocation {
  const { header, queryParameter, cookie } = options;
  if (header)
    return { header: header.prefix == null ? { name: header.name } : { name: header.name, prefix: header.prefix } };
  if (queryParameter) return { queryParameter };
  return { cookie: cookie! };
}
