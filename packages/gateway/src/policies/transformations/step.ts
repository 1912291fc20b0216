import { CelError, type Program, toNative } from '@agentgateway/cel';
import type { Request, Response } from '@agentgateway/http';
import { recordRequest, recordResponse } from '../../pipeline/capture.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { Ports, ResponseStep, Step } from '../../pipeline/step.ts';
import { replaceBody } from './body.ts';
import { compileHeaders, requestSide, responseSide, type Side } from './headers.ts';
import type { TransformationSpec, TransformationsSpec } from './spec.ts';

/**
 * `transformations.request` (spec 03 §7.3): metadata, then the head, then the body; each expression sees what those before it did.
 *
 * Expressions see the body as it came, before and after it is changed. A request that asks for a switch of protocols has none to change.
 */
export function compileTransformationRequest({ request: spec }: TransformationsSpec, ports: Ports): Step | null {
  if (spec === undefined) return null;
  const transformHead = compileHead(spec, ports, requestSide);
  const body = spec.body === undefined ? null : ports.expression(spec.body);

  return (exchange) => {
    const { request } = exchange;
    transformHead(exchange, request);
    if (body === null || exchange.upgrade !== null) return undefined;
    // What logs show is what the client sent.
    if (exchange.logNeeds.requestBody) recordRequest(exchange);
    replaceBody(request, ports.values.contentOf(body.evaluate(exchange.variables)));
    return undefined;
  };
}

/** `transformations.response`: the same on the way back, on answers of the gateway's own too. */
export function compileTransformationResponse(
  { response: spec }: TransformationsSpec,
  ports: Ports,
): ResponseStep | null {
  if (spec === undefined) return null;
  const transformHead = compileHead(spec, ports, responseSide);
  const body = spec.body === undefined ? null : ports.expression(spec.body);

  return (exchange, response) => {
    transformHead(exchange, response);
    if (body === null || response.status === 101) return undefined;
    if (exchange.logNeeds.responseBody) recordResponse(exchange, response);
    replaceBody(response, ports.values.contentOf(body.evaluate(exchange.variables)));
    return undefined;
  };
}

function compileHead<Message extends Request | Response>(
  spec: TransformationSpec,
  ports: Ports,
  side: Side<Message>,
): (exchange: Exchange, message: Message) => void {
  const metadata = spec.metadata.map(([name, value]) => [name, ports.expression(value)] as const);
  const transformHeaders = compileHeaders(spec, ports, side);
  if (metadata.length === 0) return transformHeaders;
  return (exchange, message) => {
    for (const [name, program] of metadata) keep(exchange, name, program);
    transformHeaders(exchange, message);
  };
}

/** A value that fails is not kept; one of that name that is there stays. */
function keep(exchange: Exchange, name: string, program: Program): void {
  const value = toNative(program.evaluate(exchange.variables));
  if (value instanceof CelError) return;
  exchange.metadata = { ...exchange.metadata, [name]: value };
}
