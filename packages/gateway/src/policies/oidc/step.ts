import { timingSafeEqual } from 'node:crypto';
import { Headers, Response } from '@agentgateway/http';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { Ports, Step, StepResult } from '../../pipeline/step.ts';
import { TokenCache } from '../jwt/token-cache.ts';
import { type TokenIssuer, verifyToken } from '../jwt/verify.ts';
import { exchangeCode, failed } from './code-exchange.ts';
import { CookieJar } from './cookie-jar.ts';
import { compileProvider, type Provider, type ProviderView } from './provider.ts';
import { CookieSeal } from './seal.ts';
import type { OidcSpec } from './spec.ts';
import { challengeOf, decodeState, encodeState, newTransaction, parseObject, parseTransaction } from './transaction.ts';

/** ID tokens of sessions that were verified lately, and the memory that they may take. */
const CACHED_TOKENS = 10_000;
const CACHED_BYTES = 64 * 1024 * 1024;

/**
 * `oidc` (spec 03 §4.4): a browser without a session is sent to the provider to log in, and comes back with a code that becomes one. A
 * session is an ID token, sealed into a cookie; nothing is kept here.
 *
 * What a browser does not load as a page cannot log in: it gets 401 where a redirect could only fail.
 */
export function compileOidc(spec: OidcSpec, ports: Ports): Step {
  return new BrowserLogin(spec, ports).step;
}

class BrowserLogin {
  readonly #spec: OidcSpec;
  readonly #ports: Ports;
  readonly #provider: ProviderView;
  readonly #jar: CookieJar;
  readonly #callbackPath: string;
  readonly #issuer: TokenIssuer;
  readonly #cache = new TokenCache(CACHED_TOKENS, CACHED_BYTES);

  constructor(spec: OidcSpec, ports: Ports) {
    const redirect = new URL(spec.redirectUri);
    const seal = new CookieSeal(spec.cookieKeys.map(({ $secret }) => Buffer.from($secret, 'hex')));
    const provider = compileProvider(spec, ports);
    this.#spec = spec;
    this.#ports = ports;
    this.#provider = provider;
    this.#jar = new CookieJar(spec.id, seal, redirect.protocol === 'https:');
    this.#callbackPath = redirect.pathname;
    this.#issuer = {
      issuer: spec.issuer,
      audiences: [spec.clientId],
      requiredClaims: ['exp'],
      get keys() {
        return provider.current?.keys.current ?? null;
      },
    };
  }

  readonly step: Step = (exchange) => {
    const { request } = exchange;
    const callback = request.method === 'GET' ? this.#callbackOf(request.path) : null;
    if (callback !== null)
      return this.#withProvider(exchange, (provider) => this.#finish(exchange, provider, callback));
    if (isPreflight(exchange)) return undefined;
    const token = this.#sessionToken(request.headers);
    if (token === null) return this.#withProvider(exchange, (provider) => this.#begin(exchange, provider));
    const accepted = this.#accept(exchange, token);
    if (accepted) return undefined;
    return this.#withProvider(exchange, (provider) => this.#acceptWithKeys(exchange, provider, token));
  };

  /** Runs `then` with the provider once it is known, waiting only for its first fetch. */
  #withProvider(
    exchange: Exchange,
    then: (provider: Provider) => StepResult | Promise<StepResult>,
  ): StepResult | Promise<StepResult> {
    const { current } = this.#provider;
    if (current !== null) return then(current);
    const waiting = this.#provider.ready();
    if (waiting === null) return this.#unavailable(this.#provider.failure);
    return waiting.then(() => {
      if (exchange.closed) return undefined;
      const provider = this.#provider.current;
      return provider === null ? this.#unavailable(this.#provider.failure) : then(provider);
    });
  }

  #unavailable(why: string): GatewayError {
    return new GatewayError('oidcUnavailable', { logDetail: `${this.#spec.issuer}: ${why}` });
  }

  /** The ID token of the request's session, not verified yet; null if there is no session of this policy, or it is over. */
  #sessionToken(headers: Headers): string | null {
    const sealed = this.#jar.sealedSession(headers);
    const text = sealed === null ? null : this.#jar.openSession(sealed);
    const session = text === null ? null : parseObject(text);
    if (session === null || session.policyId !== this.#spec.id || typeof session.rawIdToken !== 'string') return null;
    if (typeof session.expiresAtUnix !== 'number') return null;
    return session.expiresAtUnix * 1000 > this.#ports.clock.epoch() ? session.rawIdToken : null;
  }

  #accept(exchange: Exchange, token: string): boolean {
    const now = this.#ports.clock.epoch();
    let verified = this.#cache.get(token, now)?.verified;
    if (verified === undefined) {
      const verdict = verifyToken(token, [this.#issuer], now);
      if (!verdict.ok) return false;
      verified = { claims: verdict.claims, token };
      this.#cache.add({ verified, validUntil: verdict.validUntil, issuer: verdict.issuer, keys: verdict.keys });
    }
    exchange.jwt = verified;
    const { sub } = verified.claims;
    if (typeof sub === 'string') exchange.record.jwtSub = sub;
    return true;
  }

  /** A session that could not be verified may be so for want of keys; else its user logs in again. */
  async #acceptWithKeys(exchange: Exchange, provider: Provider, token: string): Promise<StepResult> {
    const { document, current } = provider.keys;
    await (current === null ? document?.ready() : document?.refetch());
    if (this.#accept(exchange, token)) return undefined;
    if (provider.keys.current === null) return this.#unavailable(document?.failure ?? 'no keys');
    return this.#begin(exchange, provider);
  }

  /** Sends the browser to the provider. */
  #begin(exchange: Exchange, provider: Provider): StepResult {
    const { request, record } = exchange;
    if (!isNavigation(request.headers)) return new GatewayError('oidcLogin', { detail: 'login required' });
    const transaction = newTransaction(this.#spec.id, request.path, this.#ports.clock.epoch());
    const location = new URL(provider.authorizationEndpoint);
    const parameters = {
      response_type: 'code',
      client_id: this.#spec.clientId,
      redirect_uri: this.#spec.redirectUri,
      scope: this.#spec.scopes.join(' '),
      state: encodeState(transaction),
      nonce: transaction.nonce,
      code_challenge: challengeOf(transaction.pkceVerifier),
      code_challenge_method: 'S256',
    };
    for (const [name, value] of Object.entries(parameters)) location.searchParams.set(name, value);
    record.reason = 'DirectResponse';
    return redirect(location.href, [this.#jar.setTransaction(transaction.transactionId, JSON.stringify(transaction))]);
  }

  /** The parameters of a callback; null for any other request. */
  #callbackOf(path: string): URLSearchParams | null {
    const mark = path.indexOf('?');
    if (mark < 0 || path.slice(0, mark) !== this.#callbackPath) return null;
    const parameters = new URLSearchParams(path.slice(mark + 1));
    return parameters.has('state') && (parameters.has('code') || parameters.has('error')) ? parameters : null;
  }

  async #finish(exchange: Exchange, provider: Provider, parameters: URLSearchParams): Promise<StepResult> {
    hideParameters(exchange);
    const { clock } = this.#ports;
    const state = decodeState(parameters.get('state') as string);
    if (state === null) return refused('invalid callback');
    const sealed = this.#jar.transaction(exchange.request.headers, state.transactionId);
    if (sealed === null) return refused('missing transaction');
    const error = parameters.get('error');
    if (error !== null) return refused('the provider refused the login', error.slice(0, 100));
    const transaction = sealed === 'invalid' ? null : parseTransaction(sealed);
    if (transaction === null) return refused('invalid transaction');
    if (transaction.expiresAtUnix * 1000 <= clock.epoch()) return refused('transaction expired');
    if (transaction.policyId !== this.#spec.id) return refused('policy mismatch');
    if (transaction.transactionId !== state.transactionId) return refused('transaction mismatch');
    if (!sameText(transaction.csrfState, state.csrfState)) return refused('csrf mismatch');

    const code = parameters.get('code') as string;
    const token = await exchangeCode(this.#spec, provider, code, transaction, exchange, this.#ports);
    let verdict = verifyToken(token, [this.#issuer], clock.epoch());
    if (!verdict.ok && verdict.lacking.length > 0) {
      const { document, current } = provider.keys;
      await (current === null ? document?.ready() : document?.refetch());
      verdict = verifyToken(token, [this.#issuer], clock.epoch());
    }
    if (!verdict.ok) return failed('invalid id token', verdict.detail);
    const { nonce, exp } = verdict.claims;
    if (typeof nonce !== 'string' || !sameText(nonce, transaction.nonce)) return failed('nonce mismatch');

    const now = Math.floor(clock.epoch() / 1000);
    const session = {
      policyId: this.#spec.id,
      rawIdToken: token,
      expiresAtUnix: Math.min(now + 3600, Math.floor(exp as number)),
    };
    const cookies = this.#jar.setSession(JSON.stringify(session));
    if (cookies === null) return failed('the id token is too large for a session cookie');
    exchange.record.reason = 'DirectResponse';
    return redirect(transaction.originalUri, [...cookies, this.#jar.clearTransaction(transaction.transactionId)]);
  }
}

function refused(detail: string, logDetail?: string): GatewayError {
  return new GatewayError('oidcRefused', { detail, ...(logDetail === undefined ? {} : { logDetail }) });
}

function redirect(location: string, cookies: readonly string[]): Response {
  const headers = Headers.of(['location', location], ['cache-control', 'no-store']);
  for (const cookie of cookies) headers.append('set-cookie', cookie);
  return new Response(302, headers, null);
}

function isPreflight({ request: { method, headers } }: Exchange): boolean {
  return method === 'OPTIONS' && headers.has('origin') && headers.has('access-control-request-method');
}

/** False only where the browser says that it does not load a page: it could follow the redirect, and show nobody a login. */
function isNavigation(headers: Headers): boolean {
  const mode = headers.get('sec-fetch-mode');
  if (mode !== undefined) return mode === 'navigate';
  return headers.get('x-requested-with')?.toLowerCase() !== 'xmlhttprequest';
}

/** The path is logged as it came, and a code is as good as a password until it is used. */
function hideParameters({ record }: Exchange): void {
  const mark = record.path.indexOf('?');
  if (mark >= 0) record.path = record.path.slice(0, mark);
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
