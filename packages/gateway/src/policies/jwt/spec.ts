import type { RemoteSource } from '../../resources/remote-source.ts';
import type { CredentialSource } from '../credential-location.ts';
import type { PublicJwk } from './key-set.ts';

/** `jwtAuth` as a resource (spec 03 §4.1). */
export interface JwtAuthSpec {
  readonly mode: 'strict' | 'optional' | 'permissive';
  readonly location: CredentialSource;
  readonly providers: readonly JwtProvider[];
}

/** An issuer of tokens. */
export interface JwtProvider {
  readonly issuer: string;
  /** Absent is any audience. */
  readonly audiences?: readonly string[];
  /** Claims that a token must have, besides `iss`. */
  readonly requiredClaims: readonly string[];
  readonly jwks: JwksSource;
}

/** Keys that the file gives, or where they are fetched from. */
export type JwksSource = { readonly keys: readonly PublicJwk[] } | RemoteSource;
