import { Headers, Response } from '@agentgateway/http';
import type { Step } from '../../pipeline/step.ts';
import type { DirectResponseSpec } from './spec.ts';

/** `directResponse` (spec 02 §3.7): answers without asking any upstream. Response policies still apply. */
export function compileDirectResponse({ status, body }: DirectResponseSpec): Step {
  const bytes = body === '' ? null : Buffer.from(body, 'base64');
  return (exchange) => {
    exchange.record.reason = 'DirectResponse';
    return new Response(status, new Headers(), bytes);
  };
}
