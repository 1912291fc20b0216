import { z } from 'zod';
import { duration } from '../../config/duration.ts';
import { closed, word } from '../../config/schema/closed.ts';
import { uint } from '../../config/schema/fields.ts';
import { notYet } from '../../config/schema/not-yet.ts';
import type { LocalRateLimitSpec } from './spec.ts';

/** More than a gateway can ever serve, and few enough that the count of tokens earned lasts for centuries. */
const maxTokensPerSecond = 1e9;

const bucket = closed({
  maxTokens: uint().default(0).describe('Size of the bucket: the largest burst.'),
  tokensPerFill: uint().default(0).describe('Tokens added at every fill.'),
  fillInterval: duration()
    .refine((ms) => ms >= 0.001, 'must be at least 1us')
    .describe('Time between two fills, such as 1s or 1m30s.'),
  type: word(['requests'], ['tokens']).default('requests'),
}).check((context) => {
  const { maxTokens, tokensPerFill, fillInterval } = context.value;
  if (context.issues.length > 0) return;
  const refuse = (message: string) =>
    context.issues.push({ code: 'custom', input: context.value, message, params: { at: 'key' } });
  if (maxTokens < tokensPerFill) refuse('max tokens cannot be less than the refill amount');
  else if (tokensPerFill / (fillInterval / 1000) > maxTokensPerSecond)
    refuse('cannot fill more than 1e9 tokens a second');
});

/** `localRateLimit` in the file: a list of token buckets (spec 03 §6.1). */
export const localRateLimitSchema = z.union([
  z.array(bucket),
  closed({}, notYet.localRateLimit).check((context) => {
    if (context.issues.length > 0) return;
    context.issues.push({ code: 'custom', input: context.value, message: 'expected a list', params: { at: 'key' } });
  }),
]);

/** What the file says, as a resource. */
export function localRateLimitSpec(options: z.output<typeof localRateLimitSchema>): LocalRateLimitSpec {
  if (!Array.isArray(options)) return [];
  return options.map(({ maxTokens, tokensPerFill, fillInterval }) => ({ maxTokens, tokensPerFill, fillInterval }));
}
