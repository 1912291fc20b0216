import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { pause } from '../../pipeline/pause.ts';
import type { Step } from '../../pipeline/step.ts';
import type { DelaySpec } from './spec.ts';

/**
 * `delay` (spec 03 §7.6): holds the request back. The wait counts against the route's request timeout, whose end ends it with
 * 504, and it ends when the client leaves.
 */
export function compileDelay({ duration }: DelaySpec): Step | null {
  if (duration <= 0) return null;
  return (exchange: Exchange) => {
    const timeout = exchange.routePlan?.timeout.requestTimeout ?? 0;
    if (timeout === 0) return pause(exchange, duration);
    const left = timeout - (exchange.clock.now() - exchange.record.startedAt);
    if (duration < left) return pause(exchange, duration);
    return pause(exchange, Math.max(0, left)).then(() => new GatewayError('requestTimeout'));
  };
}
