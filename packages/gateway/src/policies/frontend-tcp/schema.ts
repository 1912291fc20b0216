import { z } from 'zod';
import { duration } from '../../config/duration.ts';
import { closed } from '../../config/schema/closed.ts';
import { u32 } from '../../config/schema/fields.ts';
import type { FrontendTcpSpec } from './spec.ts';

/** TCP keepalive: on, first probe after three minutes, then every three, nine times (spec 01 §2.4). */
export const keepalivesSchema = closed({
  enabled: z.boolean().default(true),
  time: duration().default(180_000),
  interval: duration().default(180_000),
  retries: u32().default(9),
});

/** `frontendPolicies.tcp` in the file (spec 02 §2.6). */
export const frontendTcpSchema = closed({ keepalives: keepalivesSchema });

/** What the file says, as a resource. */
export function frontendTcpSpec(options: z.output<typeof frontendTcpSchema>): FrontendTcpSpec {
  return { keepalives: options.keepalives };
}
