import type { Expression } from '../../../resources/model.ts';
import type { CredentialLocation } from '../../credential-location.ts';
import type { TokenCacheSpec, TokenEndpointSpec, TokenSourceSpec } from '../oauth/spec.ts';

/** `oauthTokenExchange` as a resource: the client's token against one for the upstream (spec 03 §9.1). */
export interface TokenExchangeSpec {
  readonly endpoint: TokenEndpointSpec;
  /** RFC 8693, or the client's token as an assertion by RFC 7523. */
  readonly grantType: 'tokenExchange' | 'jwtBearer';
  readonly subjectToken: TokenSourceSpec;
  readonly actorToken?: TokenSourceSpec & {
    /** The subject's `may_act` must name the actor (RFC 8693 §4.4). */
    readonly enforceMayAct: boolean;
  };
  readonly audiences: readonly string[];
  readonly scopes: readonly string[];
  readonly resources: readonly string[];
  readonly requestedTokenType?: string;
  /** Further parameters of the request, in their order. */
  readonly additionalParams: readonly { readonly name: string; readonly value: Expression }[];
  /** Absent is `authorization: Bearer …`, which a provider may move to where it wants it. */
  readonly location?: CredentialLocation;
  readonly cache: TokenCacheSpec;
}
