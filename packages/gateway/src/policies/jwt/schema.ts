import { z } from 'zod';
import type { Files } from '../../config/files.ts';
import type { Path } from '../../config/path.ts';
import { closed, maybe, required } from '../../config/schema/closed.ts';
import { name } from '../../config/schema/fields.ts';
import { fileInlineOrRemote } from '../../config/schema/remote.ts';
import { remoteSource } from '../../resources/remote-source.ts';
import { credentialSource, credentialSourceSchema } from '../credential-location-schema.ts';
import { parseKeySet } from './key-set.ts';
import type { JwksSource, JwtAuthSpec, JwtProvider } from './spec.ts';

const provider = {
  issuer: name().optional(),
  audiences: maybe(z.array(z.string())),
  jwks: fileInlineOrRemote().optional().describe('The JSON Web Key Set: its text, a file, or a URL.'),
  jwtValidationOptions: maybe(
    closed({
      requiredClaims: z.array(name()).default(['exp']).describe('Claims that a token must have, besides iss.'),
    }),
  ),
};

const requireFields = required(['issuer', 'jwks']);

const providerSchema = closed(provider).check(requireFields);

/** `jwtAuth` in the file (spec 03 §4.1): one issuer, or several below `providers`. */
export const jwtAuthSchema = closed({
  mode: z.enum(['strict', 'optional', 'permissive']).optional().describe('Default optional.'),
  location: credentialSourceSchema.optional(),
  providers: z.array(providerSchema).min(1).optional(),
  ...provider,
}).check((context) => {
  if (!Object.hasOwn(context.value as object, 'providers')) return requireFields(context);
  if (context.issues.length > 0) return;
  for (const field of Object.keys(provider)) {
    if (!Object.hasOwn(context.value as object, field)) continue;
    const message = `${field} belongs to one of the providers, where there are providers`;
    context.issues.push({ code: 'custom', input: context.value, path: [field], message, params: { at: 'key' } });
  }
});

type ProviderOptions = z.output<typeof providerSchema>;

/** What the file says, as a resource; reads key files and checks the keys. Undefined, with problems, if they are not right. */
export function jwtAuthSpec(
  options: z.output<typeof jwtAuthSchema>,
  path: Path,
  files: Files,
): JwtAuthSpec | undefined {
  const { mode, location, providers } = options;
  const specs = providers
    ? providers.map((entry, index) => providerSpec(entry, [...path, 'providers', index], files))
    : [providerSpec(options, path, files)];
  if (!specs.every((spec) => spec !== undefined)) return undefined;
  return {
    mode: mode ?? 'optional',
    location: location ? credentialSource(location) : { header: { name: 'authorization', prefix: 'Bearer ' } },
    providers: specs,
  };
}

function providerSpec(options: ProviderOptions, path: Path, files: Files): JwtProvider | undefined {
  const { issuer, audiences, jwks, jwtValidationOptions } = options;
  const source = jwksSource(jwks!, [...path, 'jwks'], files);
  if (source === undefined) return undefined;
  return {
    issuer: issuer!,
    ...(audiences == null ? {} : { audiences }),
    requiredClaims: jwtValidationOptions?.requiredClaims ?? ['exp'],
    jwks: source,
  };
}

/** Where keys come from; keys of the file are checked. Undefined, with problems, if they are not right. */
export function jwksSource(
  jwks: NonNullable<ProviderOptions['jwks']>,
  path: Path,
  files: Files,
): JwksSource | undefined {
  const inline = typeof jwks === 'string';
  if (!inline && jwks.url !== undefined) return remoteSource(jwks.url);
  const at = inline ? path : [...path, 'file'];
  const text = inline ? jwks : files.read(jwks.file!, at);
  if (text === undefined) return undefined;
  const compiled = parseKeySet(text);
  if ('error' in compiled) {
    files.problem({ path: at, message: compiled.error });
    return undefined;
  }
  for (const line of compiled.unusable) files.problem({ path: at, message: `a key cannot be used: ${line}` });
  return { keys: compiled.keys.publicKeys };
}
