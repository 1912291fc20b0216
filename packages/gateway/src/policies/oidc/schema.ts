import { z } from 'zod';
import type { Path } from '../../config/path.ts';
import { closed, maybe } from '../../config/schema/closed.ts';
import { name } from '../../config/schema/fields.ts';
import { fileInlineOrRemote, httpUrl } from '../../config/schema/remote.ts';
import type { Translation } from '../../config/translate/translation.ts';
import { remoteSource } from '../../resources/remote-source.ts';
import { secret } from '../../resources/secret.ts';
import { jwksSource } from '../jwt/schema.ts';
import { discoveredEndpoints } from './metadata.ts';
import type { OidcProviderSource, OidcSpec } from './spec.ts';

const redirectUri = z.string().transform((text, context) => {
  const problem = redirectProblem(text);
  if (problem === null) return text;
  context.addIssue({ code: 'custom', message: problem });
  return z.NEVER;
});

/** `oidc` in the file (spec 03 §4.4). */
export const oidcSchema = closed({
  issuer: name(),
  discovery: fileInlineOrRemote()
    .nullish()
    .describe('Where the provider describes itself; by default below the issuer.'),
  authorizationEndpoint: maybe(httpUrl()),
  tokenEndpoint: maybe(httpUrl()),
  tokenEndpointAuth: maybe(z.enum(['clientSecretBasic', 'clientSecretPost'])),
  jwks: fileInlineOrRemote().nullish(),
  clientId: name(),
  clientSecret: name(),
  redirectURI: redirectUri,
  scopes: z.array(name()).default([]),
}).check((context) => {
  if (context.issues.length > 0) return;
  const { authorizationEndpoint, tokenEndpoint, jwks, tokenEndpointAuth, discovery } = context.value;
  const given = [authorizationEndpoint, tokenEndpoint, jwks].filter((value) => value != null).length;
  const refuse = (message: string, field?: string) =>
    context.issues.push({
      code: 'custom',
      input: context.value,
      message,
      params: { at: 'key' },
      ...(field === undefined ? {} : { path: [field] }),
    });
  if (given !== 0 && given !== 3) {
    refuse('authorizationEndpoint, tokenEndpoint, and jwks must either all be set or all be omitted');
  } else if (given === 3 && discovery != null) {
    refuse('oidc discovery must be omitted when the endpoints are set', 'discovery');
  } else if (given === 0 && tokenEndpointAuth != null) {
    refuse('tokenEndpointAuth must be omitted unless the endpoints are set', 'tokenEndpointAuth');
  }
});

/**
 * What the file says, as a resource. Undefined, with problems, if it is not right.
 *
 * @param id Of whom the policy is: `route/<key>` or `policy/<key>`.
 */
export function oidcSpec(
  options: z.output<typeof oidcSchema>,
  path: Path,
  id: string,
  translation: Translation,
): OidcSpec | undefined {
  const provider = providerSource(options, path, translation);
  const cookieKeys = keysOf(path, translation);
  if (provider === undefined || cookieKeys === undefined) return undefined;
  return {
    id,
    issuer: options.issuer,
    clientId: options.clientId,
    clientSecret: secret(options.clientSecret),
    redirectUri: options.redirectURI,
    scopes: [...new Set(['openid', ...options.scopes])],
    provider,
    cookieKeys: cookieKeys.map(secret),
  };
}

function providerSource(
  options: z.output<typeof oidcSchema>,
  path: Path,
  { files }: Translation,
): OidcProviderSource | undefined {
  const { authorizationEndpoint, tokenEndpoint, jwks, discovery, issuer } = options;
  if (authorizationEndpoint != null && tokenEndpoint != null && jwks != null) {
    const source = jwksSource(jwks, [...path, 'jwks'], files);
    const tokenEndpointAuth = options.tokenEndpointAuth ?? 'clientSecretBasic';
    if (source === undefined) return undefined;
    return { endpoints: { authorizationEndpoint, tokenEndpoint, tokenEndpointAuth, jwks: source } };
  }
  if (discovery == null) {
    const url = URL.parse(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
    if (url !== null && /^https?:$/.test(url.protocol)) return { discovery: remoteSource(url.href) };
    files.problem({ path: [...path, 'issuer'], message: 'expected an http or https URL', showValue: true });
    return undefined;
  }
  if (typeof discovery === 'object' && discovery.url !== undefined) return { discovery: remoteSource(discovery.url) };
  const at = typeof discovery === 'string' ? [...path, 'discovery'] : [...path, 'discovery', 'file'];
  const text = typeof discovery === 'string' ? discovery : files.read(discovery.file!, at);
  if (text === undefined) return undefined;
  try {
    const { jwksUri, ...endpoints } = discoveredEndpoints(text, issuer);
    return { endpoints: { ...endpoints, jwks: remoteSource(jwksUri) } };
  } catch (error) {
    files.problem({ path: at, message: error instanceof Error ? error.message : String(error) });
    return undefined;
  }
}

/** The keys of cookies are of the process, not of the file: files are shared and shown more easily. */
function keysOf(path: Path, translation: Translation): string[] | undefined {
  const text = translation.env.OIDC_COOKIE_SECRET?.trim();
  if (!text) {
    const message = 'OIDC_COOKIE_SECRET is required when oidc is configured';
    translation.problem({ path, at: 'key', message });
    return undefined;
  }
  const keys = text.split(',').map((key) => key.trim());
  if (keys.every((key) => /^[0-9a-fA-F]{64}$/.test(key))) return keys;
  const message =
    'OIDC_COOKIE_SECRET must be 64 hexadecimal digits, or several such keys with commas between them, the newest first';
  translation.problem({ path, at: 'key', message });
  return undefined;
}

/** What keeps a URL from being one that a provider may send browsers back to; null is nothing. */
function redirectProblem(text: string): string | null {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    return 'redirectURI must be an absolute http or https URL';
  if (url.username !== '' || url.password !== '') return 'redirectURI must not hold a user or a password';
  if (text.includes('?')) return 'redirectURI must not have a query';
  if (text.includes('#')) return 'redirectURI must not have a fragment';
  const written = /^[^:]+:\/\/[^/]*(.*)$/.exec(text)?.[1] ?? '';
  if (written === '' || written === '/') return 'redirectURI must have a path of its own';
  if (/%2f|%5c|\\/i.test(written)) return 'redirectURI must not hold an encoded slash or a backslash in its path';
  const segments = written.split('/').map((segment) => segment.replaceAll(/%2e/gi, '.'));
  if (segments.includes('.') || segments.includes('..')) return 'redirectURI must not hold dot segments';
  return null;
}
