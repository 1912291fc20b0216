import { GatewayError } from '../../pipeline/errors.ts';
import type { Step } from '../../pipeline/step.ts';
import { bearerLocation, compileCredential } from '../credential.ts';
import type { BackendAuthSpec } from './spec.ts';

/**
 * `backendAuth` with a static key (spec 03 §8): shows the gateway's credential to the upstream, in the stead of whatever the
 * client sent there. Remembers whether the file said where, so that a provider knows if it may move it.
 */
export function compileBackendAuth({ key }: BackendAuthSpec): Step {
  const insert = compileCredential(key.location ?? bearerLocation, key.value.$secret);
  if (insert === null) {
    const detail = 'the key holds characters that cannot be sent at its location';
    return () => new GatewayError('backendAuthFailed', { detail });
  }
  const explicit = key.location !== undefined;
  return (exchange) => {
    insert(exchange.request);
    exchange.explicitCredentialLocation = explicit;
    return undefined;
  };
}
