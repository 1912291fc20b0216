import { hash } from 'node:crypto';
import { Abort, type Request } from '@agentgateway/http';
import type { Clock } from '../../../pipeline/step.ts';
import { compileCredential } from '../../credential.ts';
import type { CredentialLocation } from '../../credential-location.ts';
import { unfitToken } from '../show-token.ts';
import { unverifiedClaims } from './claims.ts';
import type { TokenAnswer } from './token-endpoint.ts';

/** A token that was issued, ready to be shown. */
export interface IssuedToken {
  readonly insert: InsertToken;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Puts a token where the upstream expects it. */
export type InsertToken = (request: Request) => void;

/** Milliseconds that a token must still live to be kept, and to be shown: the call that it is for takes its time. */
const MARGIN = 15_000;

/** Milliseconds between two looks for tokens that are over. */
const SWEEP = 60_000;

/** Everybody has left who waited for a token. */
class NobodyWaits extends Error {
  override readonly name = 'NobodyWaits';
}

/**
 * Tokens by what they were issued for, each asked for once however many requests want it at a time. Bounded in number (the least
 * recently used goes first) and age; failures are not kept.
 */
export class TokenCache {
  readonly #maxEntries: number;
  readonly #clock: Clock;
  readonly #tokens = new Map<string, IssuedToken>();
  readonly #flights = new Map<string, Flight>();
  #sweptAt = 0;

  /** @param maxEntries 0 keeps nothing; requests at the same time share a token all the same. */
  constructor(maxEntries: number, clock: Clock) {
    this.#maxEntries = maxEntries;
    this.#clock = clock;
  }

  get size(): number {
    return this.#tokens.size;
  }

  /** The token that was issued for this, if it lives long enough. */
  get(key: string): InsertToken | null {
    const issued = this.#tokens.get(key);
    if (issued === undefined) return null;
    this.#tokens.delete(key);
    if (this.#over(issued)) return null;
    this.#tokens.set(key, issued);
    return issued.insert;
  }

  /**
   * Waits for the token that somebody is asking for already, or asks.
   *
   * @param abort Of who waits: its end ends the waiting, and the asking only if nobody else waits.
   * @param ask Is given what ends the asking.
   * @throws what `ask` throws, to all who wait, or the reason of `abort`.
   */
  obtain(key: string, abort: Abort, ask: (abort: Abort) => Promise<IssuedToken>): Promise<InsertToken> {
    if (abort.reason !== null) return Promise.reject(abort.reason);
    let flight = this.#flights.get(key);
    if (flight === undefined) {
      const started = new Flight(ask, () => {
        if (this.#flights.get(key) === started) this.#flights.delete(key);
      });
      flight = started;
      this.#flights.set(key, flight);
      flight.issued.then(
        (issued) => this.#keep(key, issued),
        () => {},
      );
    }
    return flight.join(abort);
  }

  #keep(key: string, issued: IssuedToken): void {
    if (this.#maxEntries === 0 || this.#over(issued)) return;
    this.#sweep();
    this.#tokens.delete(key);
    this.#tokens.set(key, issued);
    for (const oldest of this.#tokens.keys()) {
      if (this.#tokens.size <= this.#maxEntries) break;
      this.#tokens.delete(oldest);
    }
  }

  #sweep(): void {
    const now = this.#clock.now();
    if (now - this.#sweptAt < SWEEP) return;
    this.#sweptAt = now;
    for (const [key, issued] of this.#tokens) if (this.#over(issued)) this.#tokens.delete(key);
  }

  #over({ expiresAt }: IssuedToken): boolean {
    return expiresAt - this.#clock.epoch() <= MARGIN;
  }
}

/** One question on its way, and who waits for the answer. */
class Flight {
  readonly issued: Promise<IssuedToken>;
  readonly #abort = new Abort();
  readonly #onOver: () => void;
  #waiting = 0;

  constructor(ask: (abort: Abort) => Promise<IssuedToken>, onOver: () => void) {
    this.#onOver = onOver;
    this.issued = ask(this.#abort).finally(onOver);
  }

  join(abort: Abort): Promise<InsertToken> {
    const { promise, resolve, reject } = Promise.withResolvers<InsertToken>();
    const leave = (reason: Error) => {
      reject(reason);
      this.#leave();
    };
    this.#waiting++;
    abort.listen(leave);
    this.issued.then(
      ({ insert }) => {
        abort.unlisten(leave);
        resolve(insert);
      },
      (error: unknown) => {
        abort.unlisten(leave);
        reject(error);
      },
    );
    return promise;
  }

  #leave(): void {
    if (--this.#waiting > 0) return;
    // Who comes now asks anew.
    this.#onOver();
    this.#abort.abort(new NobodyWaits('nobody waits for the token any more'));
  }
}

/** Names what a token is issued for; what goes in stays secret. Length prefixes keep neighbours apart. */
export function cacheKey(parts: readonly string[]): string {
  let text = '';
  for (const part of parts) text += `${part.length}:${part}`;
  return hash('sha256', text, 'base64');
}

/**
 * A token that was issued for `subject`, for a place in requests. It is good for as long as the endpoint says, or for the default, but no
 * longer than the client's own token.
 *
 * @throws GatewayError if it cannot stand there.
 */
export function issuedToken(
  answer: TokenAnswer,
  subject: string,
  { location, defaultTtl, clock }: { location: CredentialLocation; defaultTtl: number; clock: Clock },
): IssuedToken {
  const insert = compileCredential(location, answer.access_token);
  if (insert === null) throw unfitToken();
  const seconds = Number(answer.expires_in ?? Number.NaN);
  const lifetime = Number.isFinite(seconds) ? seconds * 1000 : defaultTtl;
  const exp = unverifiedClaims(subject)?.exp;
  const subjectEnd = typeof exp === 'number' ? exp * 1000 : Number.POSITIVE_INFINITY;
  return { insert, expiresAt: Math.min(clock.epoch() + lifetime, subjectEnd) };
}

const caches = new WeakMap<object, TokenCache>();

/**
 * The cache of a policy, one for each thread. It belongs to the specification, not to what was compiled of it: a reload that leaves
 * the policy as it is keeps its tokens, and routes to one backend share them.
 */
export function tokenCacheOf(spec: object, maxEntries: number, clock: Clock): TokenCache {
  let cache = caches.get(spec);
  if (cache === undefined) {
    cache = new TokenCache(maxEntries, clock);
    caches.set(spec, cache);
  }
  return cache;
}
