import type { Request } from '@agentgateway/http';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Ports, Step } from '../../pipeline/step.ts';
import { bearerLocation, compileCredential } from '../credential.ts';
import { compileCrossAppAccess } from './cross-app-access/step.ts';
import { compileJwtSign } from './jwt-sign/step.ts';
import { showToken } from './show-token.ts';
import type { BackendAuthSpec, CredentialSpec, KeySpec } from './spec.ts';
import { compileTokenExchange } from './token-exchange/step.ts';

/**
 * `backendAuth` (spec 03 §8): shows the gateway's credential to the upstream, in the stead of whatever the client sent there, and
 * further ones after it. Remembers whether the file said where, so that a provider knows if it may move it.
 */
export function compileBackendAuth(spec: BackendAuthSpec, ports: Ports): Step {
  const step = compileKind(spec, ports);
  return spec.credentials === undefined ? step : withCredentials(step, spec.credentials);
}

function compileKind(spec: BackendAuthSpec, ports: Ports): Step {
  if ('key' in spec) return compileKey(spec.key);
  if ('jwtSign' in spec) return compileJwtSign(spec.jwtSign, ports.clock);
  if ('oauthTokenExchange' in spec) return compileTokenExchange(spec.oauthTokenExchange, ports);
  if ('crossAppAccess' in spec) return compileCrossAppAccess(spec.crossAppAccess, ports);
  const location = 'passthrough' in spec ? spec.passthrough.location : undefined;
  const passes = 'passthrough' in spec;
  return (exchange) => {
    if (passes && exchange.jwt !== null) return showToken(exchange, exchange.jwt.token, location);
    // of an earlier attempt, with another provider
    exchange.explicitCredentialLocation = false;
    return undefined;
  };
}

function compileKey(key: KeySpec): Step {
  const insert = compileCredential(key.location ?? bearerLocation, key.value.$secret);
  if (insert === null) return unsendable;
  const explicit = key.location !== undefined;
  return (exchange) => {
    insert(exchange.request);
    exchange.explicitCredentialLocation = explicit;
    return undefined;
  };
}

function unsendable(): GatewayError {
  return new GatewayError('backendAuthFailed', {
    detail: 'the key holds characters that cannot be sent at its location',
  });
}

function withCredentials(step: Step, credentials: readonly CredentialSpec[]): Step {
  const inserts: ((request: Request) => void)[] = [];
  for (const { location, key } of credentials) {
    const insert = compileCredential(location, key.$secret);
    if (insert === null) return unsendable;
    inserts.push(insert);
  }
  return (exchange) => {
    const decided = step(exchange);
    if (decided instanceof Promise) return decided.then((waited) => waited ?? show(exchange.request));
    return decided ?? show(exchange.request);
  };
  function show(request: Request): undefined {
    for (const insert of inserts) insert(request);
  }
}
