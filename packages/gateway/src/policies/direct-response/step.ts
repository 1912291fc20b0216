import { Headers, Response } from '@agentgateway/http';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { isFieldValue } from '../../pipeline/header-mutation.ts';
import type { Ports, Step } from '../../pipeline/step.ts';
import type { DirectResponseSpec } from './spec.ts';

/**
 * `directResponse` (spec 02 §3.7): answers without asking any upstream. Response policies still apply.
 *
 * A header whose expression gives neither a text nor bytes is left out. A body that fails, or two of them, are answered with 500.
 */
export function compileDirectResponse(spec: DirectResponseSpec, ports: Ports): Step {
  const { status, body } = spec;
  if (spec.bodyExpression !== undefined && body !== '') {
    return () =>
      new GatewayError('filtersFailed', { detail: 'a direct response has body or bodyExpression, not both' });
  }
  const bytes = body === '' ? null : Buffer.from(body, 'base64');
  if (spec.bodyExpression === undefined && spec.headers === undefined) {
    return (exchange) => answer(exchange, status, new Headers(), bytes);
  }
  const { values } = ports;
  const content = spec.bodyExpression === undefined ? null : ports.expression(spec.bodyExpression);
  const fields = (spec.headers ?? []).map(([name, value]) => [name, ports.expression(value)] as const);

  return (exchange) => {
    const headers = new Headers();
    for (const [name, program] of fields) {
      const value = values.bytesOf(program.evaluate(exchange.variables));
      if (value !== null && isFieldValue(value)) headers.set(name, value);
    }
    if (content === null) return answer(exchange, status, headers, bytes);
    const computed = values.contentOf(content.evaluate(exchange.variables));
    if (computed === null) {
      return new GatewayError('filtersFailed', { detail: 'the body of the direct response cannot be computed' });
    }
    return answer(exchange, status, headers, computed.length === 0 ? null : computed);
  };
}

function answer(exchange: Exchange, status: number, headers: Headers, body: Buffer | null): Response {
  exchange.record.reason = 'DirectResponse';
  return new Response(status, headers, body);
}
