import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { bearerLocation, insertCredential } from '../credential.ts';
import type { CredentialLocation } from '../credential-location.ts';

/** Shows a token to the upstream, at its location or where bearer tokens stand, and remembers whether the file said so. */
export function showToken(
  exchange: Exchange,
  token: string,
  location: CredentialLocation | undefined,
): GatewayError | undefined {
  if (!insertCredential(exchange.request, location ?? bearerLocation, token)) return unfitToken();
  exchange.explicitCredentialLocation = location !== undefined;
  return undefined;
}

/** The failure of a token that cannot stand at its location. */
export function unfitToken(): GatewayError {
  return new GatewayError('backendAuthFailed', { detail: 'the token does not fit its location' });
}
