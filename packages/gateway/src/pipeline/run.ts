import type { Response } from '@agentgateway/http';
import type { Exchange } from './exchange.ts';
import type { PlacedResponseStep, Step, StepResult } from './step.ts';

/**
 * Runs steps in order until one decides. As long as no step waits, neither does this: the result is a plain value.
 */
export function runSteps(steps: readonly Step[], exchange: Exchange, from = 0): StepResult | Promise<StepResult> {
  for (let i = from; i < steps.length; i++) {
    const result = (steps[i] as Step)(exchange);
    if (result === undefined) continue;
    if (!(result instanceof Promise)) return result;
    return result.then((waited) => (waited === undefined ? runSteps(steps, exchange, i + 1) : waited));
  }
  return undefined;
}

/** The same for the response phase. */
export function runResponseSteps(
  steps: readonly PlacedResponseStep[],
  exchange: Exchange,
  response: Response,
  from = 0,
): StepResult | Promise<StepResult> {
  for (let i = from; i < steps.length; i++) {
    const result = (steps[i] as PlacedResponseStep).run(exchange, response);
    if (result === undefined) continue;
    if (!(result instanceof Promise)) return result;
    return result.then((waited) =>
      waited === undefined ? runResponseSteps(steps, exchange, response, i + 1) : waited,
    );
  }
  return undefined;
}
