import { z } from 'zod';
import { duration } from '../../config/duration.ts';
import { closed, maybe } from '../../config/schema/closed.ts';
import { expression } from '../../config/schema/expression.ts';
import { status } from '../../config/schema/fields.ts';
import type { RetrySpec } from './spec.ts';

const attempts = 'expected an integer from 1 to 255';

/** `retry` in the file (spec 02 §3.12). */
export const retrySchema = closed({
  attempts: z.int(attempts).min(1, attempts).max(255, attempts).default(1).describe('Retries after the first try.'),
  backoff: maybe(duration()).describe('Pause between two tries.'),
  codes: z.array(status()).describe('Statuses that are tried again.'),
  precondition: maybe(expression()).describe('Of the request; unless it holds nothing is tried again.'),
  condition: maybe(expression()).describe('Of a response that is to be tried again, whatever its status.'),
});

/** What the file says, as a resource. */
export function retrySpec(options: z.output<typeof retrySchema>): RetrySpec {
  const { precondition, condition } = options;
  return {
    attempts: options.attempts,
    backoff: options.backoff ?? 0,
    codes: [...new Set(options.codes)],
    ...(precondition ? { precondition } : {}),
    ...(condition ? { condition } : {}),
  };
}
