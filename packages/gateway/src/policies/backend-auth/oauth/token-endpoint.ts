import { type Abort, collect, Headers, Request } from '@agentgateway/http';
import type { Callout } from '../../../pipeline/callout.ts';
import { GatewayError } from '../../../pipeline/errors.ts';
import type { Exchange } from '../../../pipeline/exchange.ts';
import type { Ports } from '../../../pipeline/step.ts';
import { isObject } from './claims.ts';
import { type ClientAuth, compileClientAuth } from './client-auth.ts';
import { encodeForm, type FormFields } from './form.ts';
import type { TokenEndpointSpec } from './spec.ts';

/** What a token endpoint issued: the members of its answer, among which `access_token` is a text that is not empty. */
export interface TokenAnswer {
  readonly [member: string]: unknown;
  readonly access_token: string;
}

/** Milliseconds for the head of an answer, and again for its body. */
const TIMEOUT = 10_000;

/** Milliseconds after which a call is given up that its backend's policies do not let go out: they may wait for this very token. */
const STUCK = 60_000;

/** Bytes of an answer. */
const MAX_ANSWER = 64 * 1024;

/** A token endpoint (RFC 6749 §3.2), called as any service that a policy asks. */
export class TokenEndpoint {
  readonly #path: string;
  readonly #service: Callout;
  readonly #authenticate: ClientAuth | { readonly problem: string };
  readonly #blamesClient: boolean;

  /** @param blamesClient Whether what is asked for hangs on what the client sent: then a refusal is the client's fault. */
  constructor(spec: TokenEndpointSpec, blamesClient: boolean, ports: Ports) {
    this.#path = spec.path;
    this.#service = ports.callout(spec.target);
    this.#authenticate = compileClientAuth(spec.clientAuth, ports.clock);
    this.#blamesClient = blamesClient;
  }

  /**
   * Asks for a token; `fields` are sent in their order, followed by what makes the gateway known.
   *
   * @param exchange Asks first; others may wait with it.
   * @param abort Ends the call.
   * @throws GatewayError `subjectTokenRefused` for a refusal that is the client's fault, else `backendAuthFailed`. Neither tells the
   * client, nor the log, anything that was sent or received but the endpoint's status and error code.
   */
  async ask(fields: FormFields, exchange: Exchange, abort: Abort): Promise<TokenAnswer> {
    const { status, body } = await this.#send(fields, exchange, abort);
    const answer = parse(body);
    if (status < 200 || status > 299) throw this.#refusal(status, answer);
    if (!isTokenAnswer(answer)) throw endpointFailure('the token endpoint gave no token', this.#service.name);
    return answer;
  }

  async #send(
    fields: FormFields,
    exchange: Exchange,
    abort: Abort,
  ): Promise<{ readonly status: number; readonly body: Buffer }> {
    const headers = Headers.of(['content-type', 'application/x-www-form-urlencoded'], ['accept', 'application/json']);
    if (typeof this.#authenticate !== 'function')
      throw endpointFailure('the gateway cannot make itself known', this.#authenticate.problem);
    this.#authenticate(fields, headers);
    const form = Buffer.from(encodeForm(fields));
    const request = new Request('POST', 'http', '', this.#path, 'HTTP/1.1', headers, form);
    const giveUp = () => abort.abort(new GatewayError('upstreamCallTimeout'));
    let timer = setTimeout(giveUp, STUCK);
    try {
      // Several requests may wait for this answer: it goes on when the one that asked leaves.
      const options = { kind: 'Oidc', exchange, detached: true, abort, timeout: TIMEOUT } as const;
      const response = await this.#service.send(request, options);
      clearTimeout(timer);
      timer = setTimeout(giveUp, TIMEOUT);
      return { status: response.status, body: await collect(response.body, MAX_ANSWER) };
    } catch (error) {
      if (abort.reason !== null && !(abort.reason instanceof GatewayError)) throw abort.reason;
      const cause = error instanceof Error ? error : new Error(String(error));
      const more = cause instanceof GatewayError && cause.logDetail !== undefined ? `: ${cause.logDetail}` : '';
      throw endpointFailure(
        'the token endpoint cannot be asked',
        `${this.#service.name}: ${cause.message}${more}`,
        cause,
      );
    } finally {
      clearTimeout(timer);
    }
  }

  #refusal(status: number, answer: unknown): GatewayError {
    const code = isObject(answer) && typeof answer.error === 'string' ? answer.error : '';
    // RFC 6749 §5.2 has words there; anything longer may hold what nobody should read.
    const told = /^[a-z_]{1,40}$/.test(code) ? ` (${code})` : '';
    const logDetail = `${this.#service.name} answered ${status}${told} when asked for a token`;
    const clientFault = this.#blamesClient && status >= 400 && status < 500 && status !== 401 && status !== 403;
    if (clientFault) return new GatewayError('subjectTokenRefused', { logDetail });
    return endpointFailure('the token endpoint refused', logDetail);
  }
}

/** A failure that is not the client's. */
export function endpointFailure(detail: string, logDetail: string, cause?: unknown): GatewayError {
  return new GatewayError('backendAuthFailed', { detail, logDetail, cause });
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return null;
  }
}

function isTokenAnswer(answer: unknown): answer is TokenAnswer {
  return isObject(answer) && typeof answer.access_token === 'string' && answer.access_token.trim() !== '';
}

/** Whether what was issued is shown as a bearer token (RFC 6750). */
export function isBearer({ token_type: type }: TokenAnswer): boolean {
  return typeof type === 'string' && type.toLowerCase() === 'bearer';
}
