import { z } from 'zod';
import { closed, maybe, required } from '../../config/schema/closed.ts';
import { expression } from '../../config/schema/expression.ts';
import { isHeaderName, status } from '../../config/schema/fields.ts';
import type { DirectResponseSpec } from './spec.ts';

const byte = z.int('expected a byte').min(0, 'expected a byte').max(255, 'expected a byte');

/** `directResponse` in the file; the body is a text, a list of bytes, or computed. */
export const directResponseSchema = closed({
  status: status().optional(),
  body: z.union([z.string(), z.array(byte)]).default(''),
  bodyExpression: maybe(expression()).describe('Text and bytes as they are, everything else as JSON.'),
  headers: z.record(z.string().refine(isHeaderName, 'not a header name'), expression()).default({}),
}).check(required(['status']));

/** What the file says, as a resource. */
export function directResponseSpec(options: z.output<typeof directResponseSchema>): DirectResponseSpec {
  const body = typeof options.body === 'string' ? Buffer.from(options.body, 'utf8') : Buffer.from(options.body);
  const headers = Object.entries(options.headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  return {
    status: options.status!,
    body: body.toString('base64'),
    ...(options.bodyExpression ? { bodyExpression: options.bodyExpression } : {}),
    ...(headers.length > 0 ? { headers } : {}),
  };
}
