import type { Ports, Step } from '../../pipeline/step.ts';
import type { RetrySpec } from './spec.ts';

/**
 * `retry.precondition` (spec 02 §3.12): looked at once, at the policy's place in the route phase. What else the policy says is a setting
 * of the route's plan; its condition is named here so that what it reads of the request's body is there.
 */
export function compileRetryPrecondition({ precondition, condition }: RetrySpec, ports: Ports): Step | null {
  if (condition !== undefined) ports.expression(condition);
  if (precondition === undefined) return null;
  const program = ports.expression(precondition);
  return (exchange) => {
    exchange.retries = program.test(exchange.variables);
    return undefined;
  };
}
