import type { z } from 'zod';
import { duration } from '../../config/duration.ts';
import { present } from '../../config/present.ts';
import { closed, maybe } from '../../config/schema/closed.ts';
import type { TimeoutSpec } from './spec.ts';

/** `timeout` in the file (spec 02 §3.13). */
export const timeoutSchema = closed({
  requestTimeout: maybe(duration()).describe('From the start of the request to the response headers, over all tries.'),
  backendRequestTimeout: maybe(duration()).describe('One try.'),
});

/** What the file says, as a resource. */
export function timeoutSpec(options: z.output<typeof timeoutSchema>): TimeoutSpec {
  return present({
    requestTimeout: options.requestTimeout,
    backendRequestTimeout: options.backendRequestTimeout,
  });
}
