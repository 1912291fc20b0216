import type { RemoteSource } from '../../resources/remote-source.ts';
import type { Secret } from '../../resources/secret.ts';
import type { JwksSource } from '../jwt/spec.ts';

/** `oidc` as a resource (spec 03 §4.4): browser login at an OpenID provider. */
export interface OidcSpec {
  /** Of whom it is: what one policy sealed no other opens. `route/<key>`, `policy/<key>`. */
  readonly id: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
  /** Absolute; where the provider sends the browser back to. Requests to its path are callbacks. */
  readonly redirectUri: string;
  /** `openid` first, without repetition. */
  readonly scopes: readonly string[];
  readonly provider: OidcProviderSource;
  /** 64 hexadecimal digits each: the first seals cookies, all of them open. */
  readonly cookieKeys: readonly Secret[];
}

/** Where the provider's endpoints are known from. */
export type OidcProviderSource =
  | { readonly discovery: RemoteSource }
  | { readonly endpoints: OidcEndpoints & { readonly jwks: JwksSource } };

export interface OidcEndpoints {
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  readonly tokenEndpointAuth: TokenEndpointAuth;
}

/** How the gateway shows the client secret (RFC 6749 §2.3.1). */
export type TokenEndpointAuth = 'clientSecretBasic' | 'clientSecretPost';
