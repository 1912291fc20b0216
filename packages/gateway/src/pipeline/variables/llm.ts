import { CelMap, Double, Duration, Uint, type Value } from '@agentgateway/cel';
import type { LlmRecord, RequestRecord } from '../../telemetry/record.ts';

/** `llm` (spec 04 §4.6), as far as the record holds it: what is unknown has no key. */
export function llmVariable(llm: LlmRecord, record: RequestRecord): Value {
  const fields = new Map<string, Value>();
  const put = (name: string, value: Value | undefined) => {
    if (value !== undefined && value !== null) fields.set(name, value);
  };
  const uint = (value: number | null | undefined) => (value == null ? undefined : new Uint(value));
  const double = (value: number | undefined) => (value === undefined ? undefined : new Double(value));
  put('streaming', llm.streaming);
  put('requestModel', llm.requestModel);
  put('responseModel', llm.responseModel);
  put('provider', llm.provider);
  put('serviceTier', llm.serviceTier);
  put('inputTokens', uint(llm.inputTokens));
  put('inputAudioTokens', uint(llm.inputAudioTokens));
  put('cachedInputTokens', uint(llm.cachedInputTokens));
  put('cacheCreationInputTokens', uint(llm.cacheCreationInputTokens));
  put('outputTokens', uint(llm.outputTokens));
  put('outputImageTokens', uint(llm.outputImageTokens));
  put('outputAudioTokens', uint(llm.outputAudioTokens));
  put('reasoningTokens', uint(llm.reasoningTokens));
  put('totalTokens', uint(llm.totalTokens));
  if (llm.firstTokenAt > 0) {
    put('timeToFirstToken', Duration.fromMilliseconds(llm.firstTokenAt - record.startedAt));
    if (record.endedAt > 0 && llm.outputTokens)
      put('timePerOutputToken', Duration.fromMilliseconds((record.endedAt - llm.firstTokenAt) / llm.outputTokens));
  }
  const { params } = llm;
  const asked = new Map<string, Value>();
  const ask = (name: string, value: Value | undefined) => {
    if (value !== undefined) asked.set(name, value);
  };
  ask('temperature', double(params.temperature));
  ask('top_p', double(params.topP));
  ask('frequency_penalty', double(params.frequencyPenalty));
  ask('presence_penalty', double(params.presencePenalty));
  ask('seed', params.seed);
  ask('max_tokens', uint(params.maxTokens));
  ask('dimensions', uint(params.dimensions));
  ask('encoding_format', params.encodingFormat);
  fields.set('params', new CelMap(asked));
  return new CelMap(fields);
}
