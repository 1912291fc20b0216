import type { TokenCacheSpec, TokenEndpointSpec, TokenSourceSpec } from '../oauth/spec.ts';

/**
 * `crossAppAccess` as a resource: the client's token against an identity assertion (ID-JAG) at its identity provider, and that
 * against an access token at the authorization server of the upstream (spec 03 §9.2).
 */
export interface CrossAppAccessSpec {
  readonly identityProvider: TokenEndpointSpec;
  readonly resourceAuthorizationServer: TokenEndpointSpec;
  readonly audience: string;
  readonly resources: readonly string[];
  readonly scopes: readonly string[];
  /** Of the second leg. */
  readonly accessTokenScopes: readonly string[];
  readonly subjectToken: TokenSourceSpec;
  readonly cache: TokenCacheSpec;
}
