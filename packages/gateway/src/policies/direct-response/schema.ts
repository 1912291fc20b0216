import { z } from 'zod';
import { closed, required } from '../../config/schema/closed.ts';
import { status } from '../../config/schema/fields.ts';
import { notYet } from '../../config/schema/not-yet.ts';
import type { DirectResponseSpec } from './spec.ts';

const byte = z.int('expected a byte').min(0, 'expected a byte').max(255, 'expected a byte');

/** `directResponse` in the file; the body is a text or a list of bytes. */
export const directResponseSchema = closed(
  {
    status: status().optional(),
    body: z.union([z.string(), z.array(byte)]).default(''),
  },
  notYet.directResponse,
).check(required(['status']));

/** What the file says, as a resource. */
export function directResponseSpec(options: z.output<typeof directResponseSchema>): DirectResponseSpec {
  const body = typeof options.body === 'string' ? Buffer.from(options.body, 'utf8') : Buffer.from(options.body);
  return { status: options.status!, body: body.toString('base64') };
}
