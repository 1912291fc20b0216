import { z } from 'zod';
import { duration } from '../../config/duration.ts';
import { closed, maybe } from '../../config/schema/closed.ts';
import { status } from '../../config/schema/fields.ts';
import { notYet } from '../../config/schema/not-yet.ts';
import type { RetrySpec } from './spec.ts';

const attempts = 'expected an integer from 1 to 255';

/** `retry` in the file (spec 02 §3.12). */
export const retrySchema = closed(
  {
    attempts: z.int(attempts).min(1, attempts).max(255, attempts).default(1).describe('Retries after the first try.'),
    backoff: maybe(duration()).describe('Pause between two tries.'),
    codes: z.array(status()).describe('Statuses that are tried again.'),
  },
  notYet.retry,
);

/** What the file says, as a resource. */
export function retrySpec(options: z.output<typeof retrySchema>): RetrySpec {
  return { attempts: options.attempts, backoff: options.backoff ?? 0, codes: [...new Set(options.codes)] };
}
