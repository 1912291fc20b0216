import { Response } from '@agentgateway/http';
import { type RateLimitResponse, RateLimitResponse_Code, RateLimitService } from '@agentgateway/protos';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { Ports, Step, StepResult } from '../../pipeline/step.ts';
import { GrpcCallout } from '../grpc-callout.ts';
import { addToRequest, clientHeaders, queue, replaceQueued } from './answer.ts';
import { compileDescriptors } from './descriptors.ts';
import type { RemoteRateLimitSpec } from './spec.ts';

/** Bytes of an answer that are read: the usual limit of gRPC. */
const MAX_ANSWER = 4 * 1024 * 1024;

const { OK, OVER_LIMIT } = RateLimitResponse_Code;

/**
 * `remoteRateLimit` (spec 03 §6.2): asks Envoy's rate-limit service whether the request is one too many. Nothing is asked where no
 * descriptor can be made up for it.
 *
 * In its better form (03 §12): a service that answers UNKNOWN has not decided, so it counts as one that failed.
 */
export function compileRemoteRateLimit(spec: RemoteRateLimitSpec, ports: Ports): Step | null {
  const { domain, failureMode } = spec;
  const describe = compileDescriptors(spec.descriptors, ports);
  if (describe === null) return null;
  const service = new GrpcCallout(ports.callout(spec.service), 'RateLimit', MAX_ANSWER);
  const { log } = ports;
  let failing = false;

  const ask = async (exchange: Exchange, descriptors: ReturnType<typeof describe>): Promise<StepResult> => {
    let answer: RateLimitResponse;
    try {
      answer = await service.unary(RateLimitService.method.shouldRateLimit, { domain, descriptors }, { exchange });
      if (answer.overallCode !== OK && answer.overallCode !== OVER_LIMIT) {
        throw new Error(`the service answered with code ${answer.overallCode}`);
      }
    } catch (error) {
      // Nobody waits for an answer any more: that says nothing of the service.
      if (exchange.abort.reason !== null) throw exchange.abort.reason;
      const detail = detailOf(error as Error);
      if (failureMode === 'failClosed') return new GatewayError('rateLimitFailed', { logDetail: detail, cause: error });
      if (!failing) log.warn('rateLimit', `requests pass uncounted, as ${service.name} fails`, { error: detail });
      failing = true;
      return undefined;
    }
    if (failing) log.info('rateLimit', `${service.name} counts again`);
    failing = false;
    if (answer.overallCode === OVER_LIMIT) return refusal(exchange, answer);
    addToRequest(exchange, answer.requestHeadersToAdd);
    queue(exchange, clientHeaders(answer));
    return undefined;
  };

  return (exchange) => {
    const descriptors = describe(exchange.variables);
    return descriptors.length === 0 ? undefined : ask(exchange, descriptors);
  };
}

function refusal(exchange: Exchange, answer: RateLimitResponse): StepResult {
  const headers = clientHeaders(answer);
  replaceQueued(exchange, headers);
  // A caller that speaks gRPC cannot read the service's text.
  if (exchange.grpc) return new GatewayError('rateLimited', { headers: [...headers] });
  exchange.record.reason = 'DirectResponse';
  const { rawBody } = answer;
  if (rawBody.length === 0) return new Response(429, headers, null);
  if (!headers.has('content-type')) headers.append('content-type', 'text/plain');
  return new Response(429, headers, Buffer.from(rawBody.buffer, rawBody.byteOffset, rawBody.length));
}

function detailOf(error: Error): string {
  return error instanceof GatewayError && error.logDetail !== undefined
    ? `${error.message}: ${error.logDetail}`
    : error.message;
}
