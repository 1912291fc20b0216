import { withinDeadline } from '../../pipeline/deadline.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { VerifiedToken } from '../../pipeline/identity.ts';
import { unlessAborted } from '../../pipeline/pause.ts';
import type { Ports, Step, StepResult } from '../../pipeline/step.ts';
import { compileExtraction, removeCredential, withoutParameter } from '../credential.ts';
import { type IssuerKeys, issuerKeys } from './issuer-keys.ts';
import type { KeySet } from './key-set.ts';
import type { JwtAuthSpec, JwtProvider } from './spec.ts';
import { TokenCache } from './token-cache.ts';
import { type TokenIssuer, type Verdict, verifyToken } from './verify.ts';

const CACHED_TOKENS = 4096;
const CACHED_BYTES = 8 * 1024 * 1024;

/** An issuer whose keys may change. */
class Issuer implements TokenIssuer {
  readonly issuer: string;
  readonly audiences: readonly string[] | null;
  readonly requiredClaims: readonly string[];
  readonly #keys: IssuerKeys;

  constructor({ issuer, audiences, requiredClaims, jwks }: JwtProvider, ports: Ports) {
    this.issuer = issuer;
    this.audiences = audiences ?? null;
    this.requiredClaims = requiredClaims;
    this.#keys = issuerKeys(jwks, ports);
  }

  get keys(): KeySet | null {
    return this.#keys.current;
  }

  /** Why there are no keys. */
  get failure(): string {
    return this.#keys.document?.failure ?? 'there was no answer yet';
  }

  /** Resolves when keys that are missing may have come; null if there is nothing to wait for. */
  newerKeys(): Promise<void> | null {
    const { document, current } = this.#keys;
    if (document === null) return null;
    return current === null ? document.ready() : document.refetch();
  }
}

/**
 * `jwtAuth` (spec 03 §4.1): who shows a good token of a known issuer is who the token says, and the token goes no further.
 *
 * | mode | no token | bad token | keys could not be fetched |
 * |---|---|---|---|
 * | strict | 401 | 401 | 503 |
 * | optional | pass | 401 | 503 |
 * | permissive | pass | pass, the token stays | pass, the token stays |
 *
 * A request waits only for the first fetch of an issuer's keys, and for a fetch that its token is the reason of: one with a key that the
 * issuer did not have so far; and no longer than its own deadline. Tokens that were verified are remembered until they expire or the keys change; bad ones are not.
 */
export function compileJwtAuth(spec: JwtAuthSpec, ports: Ports): Step {
  const { mode, location } = spec;
  const { clock } = ports;
  const extract = compileExtraction(location, ports);
  const issuers = spec.providers.map((provider) => new Issuer(provider, ports));
  const cache = new TokenCache(CACHED_TOKENS, CACHED_BYTES);
  const parameter = 'queryParameter' in location ? location.queryParameter.name : null;

  const accept = (exchange: Exchange, verified: VerifiedToken): undefined => {
    removeCredential(exchange.request, location);
    exchange.jwt = verified;
    const { sub } = verified.claims;
    if (typeof sub === 'string') exchange.record.jwtSub = sub;
  };

  const conclude = (exchange: Exchange, token: string, verdict: Verdict<Issuer>): StepResult => {
    if (verdict.ok) {
      const { claims, validUntil, issuer, keys } = verdict;
      const verified = { claims, token: ownText(token) };
      cache.add({ verified, validUntil, issuer, keys });
      return accept(exchange, verified);
    }
    if (mode === 'permissive') return undefined;
    const silent = verdict.lacking.find(({ keys }) => keys === null);
    if (silent === undefined) return new GatewayError('jwtAuth', { detail: verdict.detail });
    return new GatewayError('jwtKeysMissing', { logDetail: `${silent.issuer}: ${silent.failure}` });
  };

  const decideLater = async (exchange: Exchange, token: string, news: readonly Promise<void>[]) => {
    const timeout = exchange.routePlan?.timeout.requestTimeout ?? 0;
    await withinDeadline(exchange, timeout, unlessAborted(exchange, Promise.all(news)));
    return conclude(exchange, token, verifyToken(token, issuers, clock.epoch()));
  };

  return (exchange: Exchange) => {
    const token = extract(exchange);
    if (token === null) {
      return mode === 'strict' ? new GatewayError('jwtAuth', { detail: 'no bearer token found' }) : undefined;
    }
    // The path is logged as it came, and no token may be, good or not.
    if (parameter !== null) exchange.record.path = withoutParameter(exchange.record.path, parameter);
    const now = clock.epoch();
    const known = cache.get(token, now);
    if (known !== undefined) return accept(exchange, known.verified);
    const verdict = verifyToken(token, issuers, now);
    if (!verdict.ok && verdict.lacking.length > 0) {
      const news = verdict.lacking.flatMap((issuer) => issuer.newerKeys() ?? []);
      if (news.length > 0) return decideLater(exchange, token, news);
    }
    return conclude(exchange, token, verdict);
  };
}

/** A copy that does not keep the head of the request in memory, of which the token is a part. */
function ownText(token: string): string {
  return Buffer.from(token, 'latin1').toString('latin1');
}
