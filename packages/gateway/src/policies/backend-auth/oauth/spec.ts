import type { BackendReference } from '../../../resources/model.ts';
import type { Secret } from '../../../resources/secret.ts';
import type { CredentialSource } from '../../credential-location.ts';
import type { SigningAlgorithm } from './signing-key.ts';

/** URNs of token types (RFC 8693 §3; the last of the identity assertion grant's draft). */
export const tokenTypes = {
  accessToken: 'urn:ietf:params:oauth:token-type:access_token',
  refreshToken: 'urn:ietf:params:oauth:token-type:refresh_token',
  idToken: 'urn:ietf:params:oauth:token-type:id_token',
  saml1: 'urn:ietf:params:oauth:token-type:saml1',
  saml2: 'urn:ietf:params:oauth:token-type:saml2',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
  idJag: 'urn:ietf:params:oauth:token-type:id-jag',
} as const;

/** How the gateway makes itself known to a token endpoint (RFC 6749 §2.3, RFC 7523 §2.2). */
export type ClientAuthSpec =
  | { readonly method: 'clientSecretBasic'; readonly clientId: string; readonly clientSecret: Secret }
  | { readonly method: 'clientSecretPost'; readonly clientId: string; readonly clientSecret?: Secret }
  | {
      readonly method: 'privateKeyJwt';
      readonly clientId: string;
      /** A private key in PEM. */
      readonly signingKey: Secret;
      readonly alg: SigningAlgorithm;
      readonly kid?: string;
      readonly assertionAudience: string;
      /** PEM, the key's own first, and the member of the assertion's header that tells of it. */
      readonly certificate?: { readonly pem: string; readonly header: 'x5c' | 'x5t#S256' };
    };

/** Where tokens are asked for. */
export interface TokenEndpointSpec {
  readonly target: BackendReference;
  readonly path: string;
  readonly clientAuth?: ClientAuthSpec;
}

/** A token of the client's, and what it is. */
export interface TokenSourceSpec {
  readonly source: CredentialSource;
  /** An absolute URI. */
  readonly tokenType: string;
}

/** How many issued tokens are kept, and how long where the endpoint does not say; 0 entries is none. */
export interface TokenCacheSpec {
  readonly maxEntries: number;
  /** Milliseconds. */
  readonly defaultTtl: number;
}
