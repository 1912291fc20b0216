import { z } from 'zod';
import { duration } from '../../config/duration.ts';
import { closed, word } from '../../config/schema/closed.ts';
import { conditional, conditionalPolicy } from '../../config/schema/conditional.ts';
import { uint } from '../../config/schema/fields.ts';
import type { BucketSpec } from './spec.ts';

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

/** `localRateLimit` in the file: a list of token buckets (spec 03 §6.1), or one bucket per condition. */
export const localRateLimitSchema = conditional(z.array(bucket), bucket);

/** What the file says, as a resource. */
export function localRateLimitPolicy(options: z.output<typeof localRateLimitSchema>) {
  return conditionalPolicy(
    'localRateLimit',
    options,
    (buckets) => buckets.map(bucketSpec),
    (one) => [bucketSpec(one)],
  );
}

function bucketSpec({ maxTokens, tokensPerFill, fillInterval }: z.output<typeof bucket>): BucketSpec {
  return { maxTokens, tokensPerFill, fillInterval };
}
