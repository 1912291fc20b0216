import type { Abort } from '@agentgateway/http';
import { GatewayError } from '../../../pipeline/errors.ts';
import type { Exchange } from '../../../pipeline/exchange.ts';
import type { Ports, Step } from '../../../pipeline/step.ts';
import { bearerLocation } from '../../credential.ts';
import { ClientToken } from '../oauth/client-token.ts';
import { grants, wishFields } from '../oauth/form.ts';
import { warnOfOddWishes } from '../oauth/odd-wishes.ts';
import { tokenTypes } from '../oauth/spec.ts';
import { cacheKey, type InsertToken, type IssuedToken, issuedToken, tokenCacheOf } from '../oauth/token-cache.ts';
import { endpointFailure, isBearer, type TokenAnswer, TokenEndpoint } from '../oauth/token-endpoint.ts';
import type { CrossAppAccessSpec } from './spec.ts';

/**
 * `crossAppAccess` (spec 03 §9.2): the identity provider gives an assertion (ID-JAG) for the client's token, and the authorization server
 * of the upstream an access token for that. Only the second is kept.
 */
export function compileCrossAppAccess(spec: CrossAppAccessSpec, ports: Ports): Step {
  const legs = compileLegs(spec, ports);
  const cache = tokenCacheOf(spec, spec.cache.maxEntries, ports.clock);
  const subjectToken = new ClientToken(spec.subjectToken, ports);

  const show = (exchange: Exchange, insert: InsertToken): undefined => {
    subjectToken.remove(exchange);
    insert(exchange.request);
    exchange.explicitCredentialLocation = false;
  };

  return (exchange) => {
    const subject = subjectToken.read(exchange);
    if (subject === null)
      return new GatewayError('subjectTokenRefused', { logDetail: 'cross-app access: there is no subject token' });
    const key = cacheKey([subject, spec.subjectToken.tokenType]);
    const known = cache.get(key);
    if (known !== null) return show(exchange, known);
    return cache
      .obtain(key, exchange.abort, (abort) => legs(subject, exchange, abort))
      .then((insert) => show(exchange, insert));
  };
}

function compileLegs(
  spec: CrossAppAccessSpec,
  ports: Ports,
): (subject: string, exchange: Exchange, abort: Abort) => Promise<IssuedToken> {
  const { audience, resources, scopes, accessTokenScopes, subjectToken } = spec;
  const wishes = { audiences: [audience], scopes: [...scopes, ...accessTokenScopes], resources };
  warnOfOddWishes(spec, wishes, ports.log);
  const shown = { location: bearerLocation, defaultTtl: spec.cache.defaultTtl, clock: ports.clock };
  const provider = new TokenEndpoint(spec.identityProvider, true, ports);
  // What goes there was made by the provider: what is wrong with it is not the client's fault.
  const server = new TokenEndpoint(spec.resourceAuthorizationServer, false, ports);
  return async (subject, exchange, abort) => {
    const assertion = await provider.ask(
      [
        ['grant_type', grants.tokenExchange],
        ['subject_token', subject],
        ['subject_token_type', subjectToken.tokenType],
        ['requested_token_type', tokenTypes.idJag],
        ...wishFields([audience], scopes, resources),
      ],
      exchange,
      abort,
    );
    if (!isIdJag(assertion))
      throw endpointFailure('the identity provider gave no identity assertion', 'the answer is not an id-jag');
    const access = await server.ask(
      [
        ['grant_type', grants.jwtBearer],
        ['assertion', assertion.access_token],
        ...wishFields([], accessTokenScopes, []),
      ],
      exchange,
      abort,
    );
    if (!isBearer(access))
      throw endpointFailure('the authorization server gave no access token', 'token_type is not Bearer');
    return issuedToken(access, subject, shown);
  };
}

/** An assertion is no access token, and says so. */
function isIdJag({ issued_token_type: issued, token_type: type }: TokenAnswer): boolean {
  return (
    issued === tokenTypes.idJag && (type === undefined || (typeof type === 'string' && type.toUpperCase() === 'N_A'))
  );
}
