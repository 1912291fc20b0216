import type { CompletionsAnswer, CompletionsRequest, Usage } from '@agentgateway/llm';
import type { LlmRecord } from '../../telemetry/record.ts';

/** What is known of a chat when it is sent. */
export function chatRecord(provider: string, model: string, request: CompletionsRequest): LlmRecord {
  return {
    operation: 'chat',
    provider,
    requestModel: model,
    responseModel: null,
    streaming: request.stream,
    inputTokens: null,
    cachedInputTokens: null,
    cacheCreationInputTokens: null,
    outputTokens: null,
    reasoningTokens: null,
    inputAudioTokens: null,
    outputAudioTokens: null,
    outputImageTokens: null,
    totalTokens: null,
    serviceTier: null,
    firstTokenAt: 0,
    params: request.params,
  };
}

/** Adds what an answer said of itself. */
export function recordAnswer(record: LlmRecord, answer: CompletionsAnswer): void {
  record.responseModel = answer.model;
  record.serviceTier = answer.serviceTier;
  if (answer.usage !== null) recordUsage(record, answer.usage);
}

/** Takes over the counts of a usage; those of an earlier one are gone. */
export function recordUsage(record: LlmRecord, usage: Usage): void {
  record.inputTokens = usage.inputTokens;
  record.cachedInputTokens = usage.cachedInputTokens;
  record.cacheCreationInputTokens = usage.cacheCreationInputTokens;
  record.outputTokens = usage.outputTokens;
  record.reasoningTokens = usage.reasoningTokens;
  record.inputAudioTokens = usage.inputAudioTokens;
  record.outputAudioTokens = usage.outputAudioTokens;
  record.totalTokens = usage.totalTokens;
}
