import { z } from 'zod';
import type { Files } from '../../config/files.ts';
import type { Path } from '../../config/path.ts';
import { closed, maybe, required } from '../../config/schema/closed.ts';
import { fileOrInline, isHeaderValue } from '../../config/schema/fields.ts';
import { secret } from '../../resources/secret.ts';
import { credentialSource, credentialSourceSchema } from '../credential-location-schema.ts';
import { parseHtpasswd } from './htpasswd.ts';
import type { BasicAuthSpec } from './spec.ts';

/** `basicAuth` in the file (spec 03 §4.2). */
export const basicAuthSchema = closed({
  htpasswd: fileOrInline().optional().describe("Users and hashes as Apache's htpasswd writes them."),
  realm: maybe(z.string().refine(isHeaderValue, 'not a header value')),
  mode: z.enum(['strict', 'optional']).optional().describe('Default optional.'),
  authorizationLocation: maybe(credentialSourceSchema),
}).check(required(['htpasswd']));

/** What the file says, as a resource; reads the htpasswd file. */
export function basicAuthSpec(
  options: z.output<typeof basicAuthSchema>,
  path: Path,
  files: Files,
): BasicAuthSpec | undefined {
  const htpasswd = options.htpasswd!;
  const { realm, mode, authorizationLocation } = options;
  const text = typeof htpasswd === 'string' ? htpasswd : files.read(htpasswd.file, [...path, 'htpasswd', 'file']);
  if (text === undefined) return undefined;
  return {
    realm: realm ?? 'Restricted',
    mode: mode ?? 'optional',
    location: authorizationLocation
      ? credentialSource(authorizationLocation)
      : { header: { name: 'authorization', prefix: 'Basic ' } },
    users: Array.from(parseHtpasswd(text), ([name, hash]) => ({ name, hash: secret(hash) })),
  };
}
