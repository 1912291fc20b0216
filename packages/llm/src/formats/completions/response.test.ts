import { expect, test } from 'vitest';
import { JsonScanError } from '../../json-scan.ts';
import { readCompletionsResponse } from './response.ts';

test('model, tier and usage are read', () => {
  const answer = {
    id: 'x',
    model: 'm-2',
    service_tier: 'default',
    choices: [],
    usage: { prompt_tokens: 1, completion_tokens: 2 },
  };
  expect(readCompletionsResponse(Buffer.from(JSON.stringify(answer)))).toMatchObject({
    model: 'm-2',
    serviceTier: 'default',
    usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 },
  });
});

test('an answer without them is an answer', () => {
  expect(readCompletionsResponse(Buffer.from('{}'))).toEqual({ model: null, serviceTier: null, usage: null });
});

test('what is no JSON object is refused', () => {
  expect(() => readCompletionsResponse(Buffer.from('<html>'))).toThrow(JsonScanError);
});
