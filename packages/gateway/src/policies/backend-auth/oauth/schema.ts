import { createPrivateKey, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { duration } from '../../../config/duration.ts';
import type { Files } from '../../../config/files.ts';
import type { Path } from '../../../config/path.ts';
import { closed, maybe, required } from '../../../config/schema/closed.ts';
import { fileOrInline, name, u32 } from '../../../config/schema/fields.ts';
import { referenceFields } from '../../../config/schema/reference.ts';
import type { Translation } from '../../../config/translate/translation.ts';
import { secret } from '../../../resources/secret.ts';
import { credentialSource, type credentialSourceSchema } from '../../credential-location-schema.ts';
import { readSecret, signingKeySpec } from '../secret-schema.ts';
import { certificatesOf } from './client-auth.ts';
import { signingAlgorithms } from './signing-key.ts';
import type { ClientAuthSpec, TokenCacheSpec, TokenEndpointSpec, TokenSourceSpec } from './spec.ts';

const basic = closed({
  method: z.literal('clientSecretBasic').optional(),
  clientId: name(),
  clientSecret: fileOrInline().optional(),
}).check(required(['clientSecret']));

const post = closed({
  method: z.literal('clientSecretPost'),
  clientId: name(),
  clientSecret: maybe(fileOrInline()),
});

const privateKeyJwt = closed({
  method: z.literal('privateKeyJwt'),
  clientId: name(),
  signingKey: fileOrInline().optional().describe('A private key in PEM.'),
  alg: z.enum(signingAlgorithms).default('RS256'),
  kid: maybe(z.string()),
  assertionAudience: name(),
  certificate: maybe(fileOrInline()).describe('In PEM; those that signed it may follow.'),
  certificateHeader: maybe(z.enum(['x5c', 'x5t#S256'])),
}).check(required(['signingKey']), ({ value, issues }) => {
  if ((value.certificate == null) === (value.certificateHeader == null)) return;
  const message = 'certificate and certificateHeader must be set together';
  issues.push({ code: 'custom', input: value, message });
});

const methods = { clientSecretBasic: basic, clientSecretPost: post, privateKeyJwt } as const;

/** `clientAuth` in the file; without a `method` it is `clientSecretBasic`. The method decides which members there are. */
export const clientAuthSchema = z.unknown().transform((value, context) => {
  if (value === undefined) {
    context.addIssue({ code: 'custom', message: 'is required' });
    return z.NEVER;
  }
  const method = typeof value === 'object' && value !== null && 'method' in value ? value.method : 'clientSecretBasic';
  if (typeof method !== 'string' || !Object.hasOwn(methods, method)) {
    context.addIssue({
      code: 'custom',
      path: ['method'],
      message: `expected one of ${Object.keys(methods).join(', ')}`,
    });
    return z.NEVER;
  }
  const parsed = methods[method as keyof typeof methods].safeParse(value);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) context.issues.push(issue as z.core.$ZodRawIssue);
  return z.NEVER;
});

/** Fields of a token endpoint, beside `clientAuth`. */
export const endpointFields = {
  ...referenceFields,
  path: z
    .string()
    .regex(/^\/[\x21\x22\x24-\x7e]*$/, 'must start with / and hold neither spaces nor #')
    .default('/'),
};

/** An absolute URI, as token types are. */
export function tokenType() {
  return z
    .string()
    .refine((text) => /^[A-Za-z][A-Za-z0-9+.-]*:[^\s]+$/.test(text), 'not an absolute URI, as token types are');
}

/** `cache` in the file. */
export const tokenCacheSchema = closed({
  maxEntries: maybe(u32()).describe('Default 8192; 0 keeps nothing.'),
  defaultTtl: maybe(duration()).describe('Default 5m.'),
});

/** What the file says of the cache, as a resource. */
export function tokenCacheSpec(options: z.output<typeof tokenCacheSchema> | null | undefined): TokenCacheSpec {
  return { maxEntries: options?.maxEntries ?? 8192, defaultTtl: options?.defaultTtl ?? 300_000 };
}

/** What the file says of a token of the client's, as a resource. */
export function tokenSourceSpec(
  options:
    | {
        readonly source?: z.output<typeof credentialSourceSchema> | undefined;
        readonly tokenType?: string | undefined;
      }
    | null
    | undefined,
  defaultType: string,
): TokenSourceSpec {
  return {
    source: options?.source
      ? credentialSource(options.source)
      : { header: { name: 'authorization', prefix: 'Bearer ' } },
    tokenType: options?.tokenType ?? defaultType,
  };
}

/** What the file says of a token endpoint at `path`, as a resource; reads the files of keys and secrets. */
export function tokenEndpointSpec(
  options: z.output<z.ZodObject<typeof endpointFields>> & {
    readonly clientAuth?: ClientAuthOptions | null | undefined;
  },
  path: Path,
  translation: Translation,
): TokenEndpointSpec | undefined {
  const target = translation.reference(options, path);
  if (options.clientAuth == null) return { target, path: options.path };
  const clientAuth = clientAuthSpec(options.clientAuth, [...path, 'clientAuth'], translation.files);
  return clientAuth && { target, path: options.path, clientAuth };
}

type ClientAuthOptions = z.output<typeof clientAuthSchema>;

function clientAuthSpec(options: ClientAuthOptions, path: Path, files: Files): ClientAuthSpec | undefined {
  const { clientId } = options;
  if (options.method === 'privateKeyJwt') return privateKeyJwtSpec(options, path, files);
  const at = [...path, 'clientSecret'];
  if (options.clientSecret == null) return { method: 'clientSecretPost', clientId };
  const text = readSecret(options.clientSecret, 'the client secret', at, files);
  if (text === undefined) return undefined;
  return { method: options.method ?? 'clientSecretBasic', clientId, clientSecret: secret(text) };
}

function privateKeyJwtSpec(
  options: z.output<typeof privateKeyJwt>,
  path: Path,
  files: Files,
): ClientAuthSpec | undefined {
  const { clientId, alg, kid, assertionAudience, certificate, certificateHeader } = options;
  const signingKey = signingKeySpec(options.signingKey!, alg, [...path, 'signingKey'], files);
  if (signingKey === undefined) return undefined;
  const spec = {
    method: 'privateKeyJwt' as const,
    clientId,
    signingKey,
    alg,
    ...(kid == null ? {} : { kid }),
    assertionAudience,
  };
  if (certificate == null || certificateHeader == null) return spec;
  const certificateAt = [...path, 'certificate'];
  const text = readSecret(certificate, 'the certificate', certificateAt, files);
  if (text === undefined) return undefined;
  const problem = certificateProblem(text, createPrivateKey(signingKey.$secret));
  if (problem === null) return { ...spec, certificate: { pem: text, header: certificateHeader } };
  files.problem({ path: certificateAt, message: problem });
  return undefined;
}

function certificateProblem(pem: string, key: Parameters<X509Certificate['checkPrivateKey']>[0]): string | null {
  try {
    const [own] = certificatesOf(pem).map((base64) => new X509Certificate(Buffer.from(base64, 'base64')));
    if (own === undefined) return 'there is no certificate in PEM';
    return own.checkPrivateKey(key) ? null : 'the certificate does not belong to the signing key';
  } catch {
    return 'the certificate cannot be read';
  }
}
