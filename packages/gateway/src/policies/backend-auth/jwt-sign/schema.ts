import { z } from 'zod';
import { duration } from '../../../config/duration.ts';
import type { Files } from '../../../config/files.ts';
import type { Path } from '../../../config/path.ts';
import { closed, maybe, required } from '../../../config/schema/closed.ts';
import { fileOrInline } from '../../../config/schema/fields.ts';
import { credentialLocation, credentialLocationSchema } from '../../credential-location-schema.ts';
import { signingAlgorithms } from '../oauth/signing-key.ts';
import { signingKeySpec } from '../secret-schema.ts';
import type { JwtSignSpec } from './spec.ts';

const reserved = ['iat', 'exp', 'nbf'];

const claims = z.record(z.string(), z.unknown()).check((context) => {
  for (const name of Object.keys(context.value)) {
    if (!reserved.includes(name)) continue;
    const message = `jwtSign claim "${name}" is reserved: the gateway sets iat and exp itself`;
    context.issues.push({ code: 'custom', input: context.value, path: [name], message });
  }
});

/** `jwtSign` in the file (spec 03 §8.4). */
export const jwtSignSchema = closed({
  signingKey: fileOrInline().optional().describe('A private key in PEM.'),
  alg: z.enum(signingAlgorithms).default('RS256'),
  kid: maybe(z.string()),
  claims: claims.default({}),
  ttl: maybe(duration().refine((ms) => ms >= 1000, 'must be at least 1s')).describe('Default 5m.'),
  location: maybe(credentialLocationSchema),
}).check(required(['signingKey']));

/** What the file says, as a resource; reads the file of the key. */
export function jwtSignSpec(
  options: z.output<typeof jwtSignSchema>,
  path: Path,
  files: Files,
): JwtSignSpec | undefined {
  const { alg, kid, claims, ttl, location } = options;
  const signingKey = signingKeySpec(options.signingKey!, alg, [...path, 'signingKey'], files);
  if (signingKey === undefined) return undefined;
  return {
    signingKey,
    alg,
    ...(kid == null ? {} : { kid }),
    claims,
    ttl: ttl ?? 300_000,
    ...(location ? { location: credentialLocation(location) } : {}),
  };
}
