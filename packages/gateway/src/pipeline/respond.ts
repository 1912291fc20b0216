import { type Headers, isStream, type Response, splice } from '@agentgateway/http';
import { captureResponse, recordRequest, recordResponse } from './capture.ts';
import { errorResponse, GatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { stripResponseHopByHop } from './hop-by-hop.ts';
import { runResponseSteps } from './run.ts';
import type { PlacedResponseStep, StepResult } from './step.ts';
import { noteGrpcStatus, WatchedBody } from './watched-body.ts';

const none: readonly PlacedResponseStep[] = [];

/**
 * The response phase, for answers from upstream and for those that the gateway made itself (spec 02 §3.5, steps 33 to 35):
 * route, backend, gateway; then the response is on its way. A promise only where a policy waits.
 */
export function respond(exchange: Exchange, response: Response): undefined | Promise<void> {
  exchange.response = response;
  const result = responsePhase(exchange, response);
  if (result instanceof Promise) return result.then((decided) => finish(exchange, response, decided));
  finish(exchange, response, result);
  return undefined;
}

function responsePhase(exchange: Exchange, response: Response): StepResult | Promise<StepResult> {
  const route = exchange.routePlan?.responseSteps ?? none;
  const backend = exchange.attemptPlan?.responseSteps ?? none;
  const gateway = exchange.listenerPlan?.responseSteps ?? none;
  if (route.length === 0 && backend.length === 0 && gateway.length === 0) return undefined;
  const steps = [...route, ...backend, ...gateway].sort((a, b) => a.row - b.row);
  const capturing = readsResponse(exchange) ? captureResponse(exchange, response) : undefined;
  if (capturing === undefined) return runResponseSteps(steps, exchange, response);
  return capturing.then((failure) => failure ?? runResponseSteps(steps, exchange, response));
}

/** Whether an expression of a policy that the request came by reads the response's body. */
function readsResponse({ routePlan, attemptPlan, listenerPlan }: Exchange): boolean {
  return (
    routePlan?.needs.responseBody === true ||
    attemptPlan?.needs.responseBody === true ||
    listenerPlan?.needs.responseBody === true
  );
}

function finish(exchange: Exchange, original: Response, decided: StepResult): void {
  const { record, reply } = exchange;
  if (exchange.closed) {
    // The client left while a policy waited.
    discard(exchange, original);
    if (decided !== undefined && !(decided instanceof GatewayError)) discard(exchange, decided);
    exchange.upgraded?.destroy();
    return;
  }
  let response = original;
  if (decided !== undefined) {
    if (isStream(original.body)) original.body.cancel(new Error('replaced by a policy'));
    response = decided instanceof GatewayError ? noteError(exchange, decided) : decided;
    exchange.response = response;
    exchange.responseCapture = null;
  }
  // Before the queue, in which the gateway's own challenge may stand.
  stripResponseHopByHop(response.status, response.headers);
  if (exchange.responseHeaders !== null) mergeQueued(exchange.responseHeaders, response.headers);
  record.respondedAt = exchange.clock.now();
  record.status = response.status;

  if (exchange.upgraded !== null && response.status === 101) {
    if (reply.upgradable) {
      splice(reply.upgrade(response), exchange.upgraded, () => {});
      return;
    }
    response = noteError(exchange, new GatewayError('upgradeFailed'));
    exchange.response = response;
    record.status = response.status;
  }
  // Nobody takes the switched connection over: a policy had another answer, or the client's cannot switch.
  exchange.upgraded?.destroy();
  if (exchange.grpc) noteGrpcStatus(exchange.record, response.headers);
  // What the gateway answered itself nobody read the request for; one that is whole is there nevertheless.
  if (exchange.logNeeds.requestBody && !isStream(exchange.request.body)) recordRequest(exchange);
  if (exchange.logNeeds.responseBody) recordResponse(exchange, response);
  if (isStream(response.body)) response.body = new WatchedBody(response.body, exchange);
  reply.respond(response);
}

function discard({ abort }: Exchange, { body }: Response): void {
  if (isStream(body)) body.cancel(abort.reason ?? new Error('nobody waits for it'));
}

/** Notes a failure in the record and words it for the caller. */
export function noteError(exchange: Exchange, error: GatewayError): Response {
  exchange.fromUpstream = false;
  exchange.record.reason = error.reason;
  exchange.record.error = error.logDetail === undefined ? error.message : `${error.message}: ${error.logDetail}`;
  return exchange.wordError === null ? errorResponse(error, exchange.grpc) : exchange.wordError(error);
}

/** Fields that hold lists keep what the upstream said; the others are replaced (spec 02 §6, row 9). */
const listValued: ReadonlySet<string> = new Set(['set-cookie', 'vary', 'www-authenticate']);

function mergeQueued(queued: Headers, into: Headers): void {
  for (let i = 0; i < queued.length; i++) {
    const name = queued.nameAt(i);
    if (!listValued.has(name)) into.delete(name);
  }
  for (let i = 0; i < queued.length; i++) into.append(queued.nameAt(i), queued.valueAt(i));
}
