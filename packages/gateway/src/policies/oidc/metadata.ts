import type { OidcEndpoints, TokenEndpointAuth } from './spec.ts';
import { parseObject } from './transaction.ts';

/** What discovery tells (OpenID Connect Discovery 1.0 §3). */
export interface Metadata extends OidcEndpoints {
  readonly jwksUri: string;
}

/**
 * Reads a discovery document.
 *
 * @throws Error whose message says what is wrong with it.
 */
export function discoveredEndpoints(text: string, issuer: string): Metadata {
  const found = parseObject(text);
  if (found === null) throw new Error('the discovery document is not a JSON object');
  if (found.issuer !== issuer) {
    const got = typeof found.issuer === 'string' ? found.issuer.slice(0, 200) : 'none';
    throw new Error(`oidc discovery issuer mismatch: expected ${issuer}, got ${got}`);
  }
  return {
    authorizationEndpoint: endpoint(found, 'authorization_endpoint'),
    tokenEndpoint: endpoint(found, 'token_endpoint'),
    jwksUri: endpoint(found, 'jwks_uri'),
    tokenEndpointAuth: authMethod(found.token_endpoint_auth_methods_supported),
  };
}

function endpoint(found: Readonly<Record<string, unknown>>, name: string): string {
  const value = found[name];
  const url = typeof value === 'string' ? URL.parse(value) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new Error(`the discovery document has no ${name} that is an http or https URL`);
  }
  url.hash = '';
  return url.href;
}

function authMethod(supported: unknown): TokenEndpointAuth {
  // What is left out is basic (OpenID Connect Discovery 1.0 §3).
  if (supported === undefined || supported === null) return 'clientSecretBasic';
  if (Array.isArray(supported)) {
    if (supported.includes('client_secret_basic')) return 'clientSecretBasic';
    if (supported.includes('client_secret_post')) return 'clientSecretPost';
  }
  throw new Error('token endpoint auth methods must include clientSecretBasic or clientSecretPost');
}
