import type { Response } from '@agentgateway/http';
import { captureRequest } from './capture.ts';
import type { Exchange } from './exchange.ts';
import type { PhaseNeeds } from './needs.ts';
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

/** Captures of the request what the phase's expressions read, then runs its steps. */
export function runPhase(
  { steps, needs }: { readonly steps: readonly Step[]; readonly needs: PhaseNeeds },
  exchange: Exchange,
): StepResult | Promise<StepResult> {
  const capturing = needs.requestBody ? captureRequest(exchange) : undefined;
  if (capturing === undefined) return runSteps(steps, exchange);
  return capturing.then((failure) => failure ?? runSteps(steps, exchange));
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
