import type { Request } from '@agentgateway/http';
import { GatewayError } from '../../../pipeline/errors.ts';
import type { Clock, Step } from '../../../pipeline/step.ts';
import { bearerLocation, compileCredential } from '../../credential.ts';
import { compileSigner } from '../oauth/jws.ts';
import { readSigningKey } from '../oauth/signing-key.ts';
import { unfitToken } from '../show-token.ts';
import type { JwtSignSpec } from './spec.ts';

/** Milliseconds; clocks of upstreams may be behind by as much. */
const BACKDATED = 10_000;

/** Milliseconds for which a signed token is shown again, and the share of its time to live that this may be at most. */
const REUSE = 1000;
const REUSE_SHARE = 0.1;

/**
 * `jwtSign` (spec 03 §8.4): shows the configured claims under the gateway's signature, with `iat` ten seconds ago and `exp` a time to
 * live ahead. A token is shown again for up to a second (a tenth of a shorter time to live), since a signature costs more than
 * all else that is done for a request; so what the upstream sees lives for its time to live less that.
 */
export function compileJwtSign(spec: JwtSignSpec, clock: Clock): Step {
  const read = readSigningKey(spec.signingKey.$secret, spec.alg);
  if ('problem' in read) {
    const why = { detail: 'the signing key cannot be used', logDetail: read.problem };
    return () => new GatewayError('backendAuthFailed', why);
  }
  const location = spec.location ?? bearerLocation;
  const explicit = spec.location !== undefined;
  const sign = compileSigner(read.key, spec.alg, spec.kid === undefined ? {} : { kid: spec.kid });
  const reuse = Math.min(REUSE, spec.ttl * REUSE_SHARE);
  let signedAt = Number.NEGATIVE_INFINITY;
  let insert: ((request: Request) => void) | null = null;

  return (exchange) => {
    const now = clock.epoch();
    // a clock that was set back must not keep a token of the future
    if (insert === null || now - signedAt >= reuse || now < signedAt) {
      signedAt = now;
      const iat = Math.floor((now - BACKDATED) / 1000);
      insert = compileCredential(location, sign({ ...spec.claims, iat, exp: Math.floor((now + spec.ttl) / 1000) }));
      if (insert === null) return unfitToken();
    }
    insert(exchange.request);
    exchange.explicitCredentialLocation = explicit;
    return undefined;
  };
}
