import type { Step } from '../../pipeline/step.ts';
import type { AiPolicySpec } from './spec.ts';

/** `ai` on a route: kept for whatever `ai` backend the request comes to (spec 05 §2.3). */
export function compileAi(spec: AiPolicySpec): Step {
  return (exchange) => {
    exchange.ai = spec;
    return undefined;
  };
}
