import { z } from 'zod';
import { parseDuration } from '../../config/duration.ts';
import { closed } from '../../config/schema/closed.ts';
import type { DelaySpec } from './spec.ts';

/** The longest that a timer can wait, in milliseconds: 24 days. */
const maxDelay = 2 ** 31 - 1;

/** An expression by its type. What is a duration needs no expression, and a lone number is one of milliseconds. */
const duration = z.string().transform((text, context) => {
  const parsed = parseDuration(text);
  const ms = 'ms' in parsed ? parsed.ms : /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (ms <= maxDelay) return ms;
  if (ms > maxDelay) context.addIssue({ code: 'custom', message: 'longer than a timer can wait, which is 24 days' });
  else if (text.startsWith('-')) context.addIssue({ code: 'custom', message: 'must not be negative' });
  else context.addIssue({ code: 'custom', params: { later: true, keyword: 'an expression' } });
  return z.NEVER;
});

/** `delay` in the file (spec 03 §7.6). */
export const delaySchema = closed({ duration: duration.describe('Such as 250ms; a number alone is milliseconds.') });

/** What the file says, as a resource. */
export function delaySpec({ duration: ms }: z.output<typeof delaySchema>): DelaySpec {
  return { duration: ms };
}
