import { z } from 'zod';
import { closed } from '../../config/schema/closed.ts';
import type { CsrfSpec } from './spec.ts';

/** `csrf` in the file (spec 03 §7.2). */
export const csrfSchema = closed({
  additionalOrigins: z.array(z.string()).default([]).describe('scheme://host[:port] as browsers write it.'),
});

/** What the file says, as a resource. */
export function csrfSpec({ additionalOrigins }: z.output<typeof csrfSchema>): CsrfSpec {
  return { additionalOrigins: [...new Set(additionalOrigins)] };
}
