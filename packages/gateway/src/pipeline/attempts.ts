import { type Headers, isStream, type Response, replayable } from '@agentgateway/http';
import type { CompiledBackend } from '../backends/backend.ts';
import type { RoutePlan } from '../plans/plan.ts';
import { maxReplayBytes, retryAttemptHeader } from '../policies/retry/plan.ts';
import { captureResponse } from './capture.ts';
import { startDeadline } from './deadline.ts';
import { GatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { pause } from './pause.ts';
import { runPhase } from './run.ts';

type Outcome = Response | GatewayError;

/**
 * Calls the backend, once or as often as the route's retry policy allows, within the request's deadline.
 */
export async function callBackend(exchange: Exchange, plan: RoutePlan, backend: CompiledBackend): Promise<Outcome> {
  const { timeout, retry } = plan;
  exchange.attemptTimeout = timeout.backendRequestTimeout;
  const deadline = startDeadline(exchange, timeout.requestTimeout);
  try {
    if (retry === null || !exchange.retries) return await attemptOnce(exchange, backend);
    return await attemptRepeatedly(exchange, backend, retry);
  } catch (error) {
    // Whatever broke because the deadline passed broke for that reason.
    if (exchange.abort.reason instanceof GatewayError) return exchange.abort.reason;
    throw error;
  } finally {
    if (deadline !== null) clearTimeout(deadline);
  }
}

async function attemptOnce(exchange: Exchange, backend: CompiledBackend): Promise<Outcome> {
  exchange.fromUpstream = false;
  const selected = backend.select(exchange);
  const attempt = selected instanceof Promise ? await selected : selected;
  exchange.attemptPlan = attempt;
  exchange.backendSelected = false;
  const early = runPhase(attempt, exchange);
  const decided = early instanceof Promise ? await early : early;
  if (decided !== undefined) return decided;
  exchange.backendSelected = true;
  const response = await attempt.send(exchange);
  exchange.fromUpstream = true;
  return response;
}

async function attemptRepeatedly(
  exchange: Exchange,
  backend: CompiledBackend,
  retry: NonNullable<RoutePlan['retry']>,
): Promise<Outcome> {
  const { request, record } = exchange;
  const start = takeSnapshot(exchange);
  const streamed = isStream(request.body);
  const bodies = replayable(request.body, maxReplayBytes);
  /** A backend that had to hold a streamed body whole has left it in the request: it can be sent again, whatever its size. */
  let held: Buffer | null = null;
  try {
    for (let number = 0; ; number++) {
      exchange.attempt = number;
      record.retryAttempt = number;
      request.body = held ?? bodies.next(number >= retry.attempts);
      if (number > 0) request.headers.set(retryAttemptHeader, String(number));

      let outcome: Outcome;
      try {
        outcome = await attemptOnce(exchange, backend);
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        outcome = error;
      }
      if (number >= retry.attempts || exchange.abort.reason !== null) return outcome;
      const cut =
        retry.readsBody && isJudged(exchange, retry, outcome) ? await captureResponse(exchange, outcome) : undefined;
      if (cut !== undefined) outcome = cut;
      if (!isRetryable(exchange, retry, outcome) || exchange.abort.reason !== null) return outcome;
      if (streamed && Buffer.isBuffer(request.body)) held = request.body;
      if (held === null && !bodies.canReplay()) return outcome;

      if (!(outcome instanceof GatewayError) && isStream(outcome.body)) outcome.body.cancel(new Error('tried again'));
      if (retry.backoff > 0) await pause(exchange, retry.backoff);
      restore(exchange, start);
      exchange.response = null;
      exchange.responseCapture = null;
    }
  } finally {
    bodies.release(new Error('no further tries'));
  }
}

/** Whether the policy's condition has a say: over a response that came from upstream and whose status says nothing. */
function isJudged(exchange: Exchange, retry: NonNullable<RoutePlan['retry']>, outcome: Outcome): outcome is Response {
  if (outcome instanceof GatewayError || !exchange.backendSelected) return false;
  return retry.condition !== null && !retry.shouldRetry(outcome.status);
}

/** Errors by their kind; responses by status or condition, unless a policy of the backend gave them. */
function isRetryable(exchange: Exchange, retry: NonNullable<RoutePlan['retry']>, outcome: Outcome): boolean {
  if (outcome instanceof GatewayError) return retry.shouldRetryError(outcome);
  if (!exchange.backendSelected) return false;
  if (retry.shouldRetry(outcome.status)) return true;
  if (retry.condition === null) return false;
  exchange.response = outcome;
  return retry.condition.test(exchange.variables);
}

interface RequestSnapshot {
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  readonly headers: Headers;
  readonly autoHost: boolean;
  /** Queued for the response. */
  readonly responseHeaders: Headers | null;
}

/** The backend phase changes the request and queues fields; every attempt starts from what the route phase left. */
function takeSnapshot({ request, autoHost, responseHeaders }: Exchange): RequestSnapshot {
  const { scheme, authority, path } = request;
  const queued = responseHeaders?.clone() ?? null;
  return { scheme, authority, path, headers: request.headers.clone(), autoHost, responseHeaders: queued };
}

function restore(exchange: Exchange, start: RequestSnapshot): void {
  exchange.request.scheme = start.scheme;
  exchange.request.authority = start.authority;
  exchange.request.path = start.path;
  exchange.request.headers = start.headers.clone();
  exchange.autoHost = start.autoHost;
  exchange.responseHeaders = start.responseHeaders?.clone() ?? null;
}
