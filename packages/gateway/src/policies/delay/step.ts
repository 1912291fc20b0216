import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { pause } from '../../pipeline/pause.ts';
import type { Ports, Step, StepResult } from '../../pipeline/step.ts';
import { type DelaySpec, maxDelay } from './spec.ts';

/**
 * `delay` (spec 03 §7.6): holds the request back. The wait counts against the route's request timeout, whose end ends it with
 * 504, and it ends when the client leaves. An expression that fails, or gives what is no span of time, delays nothing.
 */
export function compileDelay({ duration }: DelaySpec, ports: Ports): Step | null {
  if (typeof duration === 'number') return duration <= 0 ? null : (exchange) => hold(exchange, duration);
  const program = ports.expression(duration);
  const { values } = ports;
  return (exchange) => {
    const wait = values.millisecondsOf(program.evaluate(exchange.variables));
    return wait !== null && wait > 0 ? hold(exchange, Math.min(wait, maxDelay)) : undefined;
  };
}

function hold(exchange: Exchange, duration: number): Promise<StepResult> {
  const timeout = exchange.routePlan?.timeout.requestTimeout ?? 0;
  if (timeout === 0) return pause(exchange, duration);
  const left = timeout - (exchange.clock.now() - exchange.record.startedAt);
  if (duration < left) return pause(exchange, duration);
  return pause(exchange, Math.max(0, left)).then(() => new GatewayError('requestTimeout'));
}
