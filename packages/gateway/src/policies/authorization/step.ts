import { GatewayError } from '../../pipeline/errors.ts';
import type { Ports, Step } from '../../pipeline/step.ts';
import { compileRules } from './rules.ts';
import type { AuthorizationSpec } from './spec.ts';

/** `authorization` (spec 03 §5.1): who may do what, in expressions. What it refuses is a 403 that does not say why. */
export function compileAuthorization(spec: AuthorizationSpec, ports: Ports): Step | null {
  if (spec.rules.length === 0) return null;
  const allowed = compileRules(spec, (expression) => ports.expression(expression));
  return (exchange) => (allowed(exchange.variables) ? undefined : new GatewayError('authorization'));
}
