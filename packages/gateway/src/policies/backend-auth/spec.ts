import type { Secret } from '../../resources/secret.ts';
import type { CredentialLocation } from '../credential-location.ts';
import type { CrossAppAccessSpec } from './cross-app-access/spec.ts';
import type { JwtSignSpec } from './jwt-sign/spec.ts';
import type { TokenExchangeSpec } from './token-exchange/spec.ts';

/** A static key. */
export interface KeySpec {
  readonly value: Secret;
  /** Absent is `authorization: Bearer …`, which a provider may move to where it wants it. */
  readonly location?: CredentialLocation;
}

/** A key that is shown besides. */
export interface CredentialSpec {
  readonly location: CredentialLocation;
  readonly key: Secret;
}

/** Which credential the gateway shows; absent members are no members of the others. */
type Kind =
  | { readonly key: KeySpec }
  /** The client's own token, once it was verified. */
  | { readonly passthrough: { readonly location?: CredentialLocation } }
  | { readonly jwtSign: JwtSignSpec }
  | { readonly oauthTokenExchange: TokenExchangeSpec }
  | { readonly crossAppAccess: CrossAppAccessSpec };

/** `backendAuth` as a resource: which credentials the gateway shows to the upstream (spec 03 §8). */
export type BackendAuthSpec =
  | (Kind & { readonly credentials?: readonly CredentialSpec[] })
  | { readonly credentials: readonly CredentialSpec[] };
