import { type Body, type Headers, isStream, type Replayable, type Response, replayable } from '@agentgateway/http';
import type { CompiledBackend } from '../backends/backend.ts';
import type { RoutePlan } from '../plans/plan.ts';
import { GatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { runSteps } from './run.ts';

/** Bytes of a request body that can be sent again (spec 02 §3.12). */
const REPLAY_LIMIT = 65_536;

type Outcome = Response | GatewayError;

/**
 * Calls the backend, once or as often as the route's retry policy allows, within the request's deadline.
 */
export async function callBackend(exchange: Exchange, plan: RoutePlan, backend: CompiledBackend): Promise<Outcome> {
  const { timeout, retry } = plan;
  exchange.attemptTimeout = timeout.backendRequestTimeout;
  const deadline = timeout.requestTimeout === 0 ? null : startDeadline(exchange, timeout.requestTimeout);
  try {
    if (retry === null) return await attemptOnce(exchange, backend);
    return await attemptRepeatedly(exchange, backend, retry);
  } catch (error) {
    // Whatever broke because the deadline passed broke for that reason.
    if (exchange.abort.reason instanceof GatewayError) return exchange.abort.reason;
    throw error;
  } finally {
    if (deadline !== null) clearTimeout(deadline);
  }
}

function startDeadline(exchange: Exchange, requestTimeout: number): NodeJS.Timeout {
  const left = requestTimeout - (exchange.clock.now() - exchange.record.startedAt);
  return setTimeout(() => exchange.abort.abort(new GatewayError('requestTimeout')), Math.max(0, left));
}

async function attemptOnce(exchange: Exchange, backend: CompiledBackend): Promise<Outcome> {
  const selected = backend.select(exchange);
  const attempt = selected instanceof Promise ? await selected : selected;
  exchange.attemptPlan = attempt;
  const early = runSteps(attempt.steps, exchange);
  const decided = early instanceof Promise ? await early : early;
  if (decided !== undefined) return decided;
  return attempt.send(exchange);
}

async function attemptRepeatedly(
  exchange: Exchange,
  backend: CompiledBackend,
  retry: NonNullable<RoutePlan['retry']>,
): Promise<Outcome> {
  const { request, record } = exchange;
  const start = takeSnapshot(exchange);
  const bodies: Replayable | null = isStream(request.body) ? replayable(request.body, REPLAY_LIMIT) : null;
  const whole = request.body;
  const replays = bodies !== null || whole === null || (whole as Buffer).length <= REPLAY_LIMIT;
  for (let number = 0; ; number++) {
    exchange.attempt = number;
    record.retryAttempt = number;
    request.body = bodies === null ? whole : (bodies.next() as Body);
    if (number > 0) request.headers.set('x-retry-attempt', String(number));

    let outcome: Outcome;
    try {
      outcome = await attemptOnce(exchange, backend);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      outcome = error;
    }
    const again = outcome instanceof GatewayError ? outcome.retryable : retry.retriesStatus(outcome.status);
    if (!again || number >= retry.attempts || !replays || exchange.abort.reason !== null) return outcome;
    if (bodies !== null && !bodies.canReplay()) return outcome;

    if (!(outcome instanceof GatewayError) && isStream(outcome.body)) outcome.body.cancel(new Error('tried again'));
    if (retry.backoff > 0) await pause(exchange, retry.backoff);
    restore(exchange, start);
  }
}

/** Waits, or throws the reason as soon as the exchange is aborted. */
function pause(exchange: Exchange, milliseconds: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (reason: Error) => {
      clearTimeout(timer);
      reject(reason);
    };
    const timer = setTimeout(() => {
      exchange.abort.unlisten(stop);
      resolve();
    }, milliseconds);
    exchange.abort.listen(stop);
  });
}

interface RequestSnapshot {
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  readonly headers: Headers;
  readonly autoHost: boolean;
}

/** The backend phase changes the request; every attempt starts from what the route phase left. */
function takeSnapshot({ request, autoHost }: Exchange): RequestSnapshot {
  const { scheme, authority, path } = request;
  return { scheme, authority, path, headers: request.headers.clone(), autoHost };
}

function restore(exchange: Exchange, start: RequestSnapshot): void {
  exchange.request.scheme = start.scheme;
  exchange.request.authority = start.authority;
  exchange.request.path = start.path;
  exchange.request.headers = start.headers.clone();
  exchange.autoHost = start.autoHost;
}
