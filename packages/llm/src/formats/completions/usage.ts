import { fieldsOf, tokenCount, type Usage } from '../../usage.ts';

/**
 * Reads the `usage` object of Chat Completions; null if the value is none. `prompt_tokens` contains cached, written and audio
 * tokens, `completion_tokens` contains reasoning and audio tokens.
 */
export function readCompletionsUsage(value: unknown): Usage | null {
  if (typeof value !== 'object' || value === null) return null;
  const usage = fieldsOf(value);
  const prompt = fieldsOf(usage.prompt_tokens_details);
  const completion = fieldsOf(usage.completion_tokens_details);
  const inputTokens = tokenCount(usage.prompt_tokens);
  const outputTokens = tokenCount(usage.completion_tokens);
  return {
    inputTokens,
    cachedInputTokens: tokenCount(prompt.cached_tokens),
    cacheCreationInputTokens: tokenCount(prompt.cache_write_tokens),
    outputTokens,
    reasoningTokens: tokenCount(completion.reasoning_tokens),
    inputAudioTokens: tokenCount(prompt.audio_tokens),
    outputAudioTokens: tokenCount(completion.audio_tokens),
    totalTokens:
      inputTokens !== null && outputTokens !== null ? inputTokens + outputTokens : tokenCount(usage.total_tokens),
  };
}
