import { expect, test } from 'vitest';
import { readCompletionsUsage } from './usage.ts';

test('every count is read', () => {
  expect(
    readCompletionsUsage({
      prompt_tokens: 100,
      completion_tokens: 20,
      total_tokens: 999,
      prompt_tokens_details: { cached_tokens: 60, audio_tokens: 3, cache_write_tokens: 7 },
      completion_tokens_details: { reasoning_tokens: 8, audio_tokens: 2 },
    }),
  ).toEqual({
    inputTokens: 100,
    cachedInputTokens: 60,
    cacheCreationInputTokens: 7,
    outputTokens: 20,
    reasoningTokens: 8,
    inputAudioTokens: 3,
    outputAudioTokens: 2,
    totalTokens: 120,
  });
});

test('what is no whole number is no count', () => {
  const usage = readCompletionsUsage({
    prompt_tokens: 1.5,
    completion_tokens: -1,
    total_tokens: 7,
    prompt_tokens_details: null,
  });
  expect(usage).toMatchObject({ inputTokens: null, outputTokens: null, totalTokens: 7, cachedInputTokens: null });
  expect(readCompletionsUsage(null)).toBeNull();
  expect(readCompletionsUsage('12')).toBeNull();
});
