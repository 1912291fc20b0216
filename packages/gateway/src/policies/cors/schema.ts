import { z } from 'zod';
import { duration } from '../../config/duration.ts';
import { closed, maybe } from '../../config/schema/closed.ts';
import { isHeaderName } from '../../config/schema/fields.ts';
import type { CorsSpec } from './spec.ts';

// `*` is a token as well.
const methods = z.array(z.string().refine(isHeaderName, 'not a method')).default([]);
const names = z.array(z.string().refine(isHeaderName, 'not a header name')).default([]);

/** `cors` in the file (spec 03 §7.1). */
export const corsSchema = closed({
  allowOrigins: z
    .array(z.string())
    .default([])
    .describe('scheme://host[:port], where the host may hold *; a lone * is every origin.'),
  allowMethods: methods,
  allowHeaders: names,
  exposeHeaders: names,
  allowCredentials: z.boolean().default(false),
  maxAge: maybe(duration()).describe('How long a browser may keep the answer to a preflight.'),
});

/** What the file says, as a resource. */
export function corsSpec({ maxAge, ...lists }: z.output<typeof corsSchema>): CorsSpec {
  return maxAge == null ? lists : { ...lists, maxAge: Math.floor(maxAge / 1000) };
}
