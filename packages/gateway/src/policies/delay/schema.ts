import { z } from 'zod';
import { parseDuration } from '../../config/duration.ts';
import { closed } from '../../config/schema/closed.ts';
import { expression } from '../../config/schema/expression.ts';
import { type DelaySpec, maxDelay } from './spec.ts';

const computed = expression();

/** What is a duration needs no expression, and a lone number is one of milliseconds. */
const duration = z.string().transform((text, context) => {
  const parsed = parseDuration(text);
  const ms = 'ms' in parsed ? parsed.ms : /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (ms <= maxDelay) return ms;
  if (ms > maxDelay) {
    context.addIssue({ code: 'custom', message: 'longer than a timer can wait, which is 24 days' });
    return z.NEVER;
  }
  if (text.startsWith('-') && 'ms' in parseDuration(text.slice(1))) {
    context.addIssue({ code: 'custom', message: 'must not be negative' });
    return z.NEVER;
  }
  const parsedExpression = computed.safeParse(text);
  if (parsedExpression.success) return parsedExpression.data;
  context.issues.push(...(parsedExpression.error.issues as z.core.$ZodRawIssue[]));
  return z.NEVER;
});

/** `delay` in the file (spec 03 §7.6). */
export const delaySchema = closed({
  duration: duration.describe('Such as 250ms; a number alone is milliseconds. Or an expression for either.'),
});

/** What the file says, as a resource. */
export function delaySpec({ duration: ms }: z.output<typeof delaySchema>): DelaySpec {
  return { duration: ms };
}
