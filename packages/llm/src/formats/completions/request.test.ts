import { describe, expect, test } from 'vitest';
import { RequestError } from '../../request-error.ts';
import { type CompletionsChanges, readCompletionsRequest, renderCompletionsRequest } from './request.ts';

const messages = '"messages":[{"role":"user","content":"hi"}]';
const none: CompletionsChanges = { maxCompletionTokens: false, includeUsage: false };

function read(text: string) {
  return readCompletionsRequest(Buffer.from(text));
}

function render(text: string, changes: Partial<CompletionsChanges>): string {
  return renderCompletionsRequest(read(text), { ...none, ...changes }).toString();
}

test('what the gateway needs is read', () => {
  expect(
    read(
      `{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},"temperature":0.7,"top_p":1,"n":2,` +
        `"seed":-3,"max_tokens":9,"frequency_penalty":0.5,"presence_penalty":-0.5,${messages}}`,
    ),
  ).toMatchObject({
    model: 'gpt-4o',
    stream: true,
    includeUsage: true,
    choices: 2,
    params: { temperature: 0.7, topP: 1, maxTokens: 9, frequencyPenalty: 0.5, presencePenalty: -0.5, seed: -3 },
  });
});

test('what is absent or null is absent', () => {
  const request = read(`{"temperature":null,"stream":null,"stream_options":null,"n":null,"model":null,${messages}}`);
  expect(request).toMatchObject({ model: null, stream: false, includeUsage: false, choices: 1, params: {} });
});

test.each([
  ['{', null],
  ['[]', null],
  ['{}', 'messages'],
  ['{"messages":{}}', 'messages'],
  [`{"messages":[],${messages}}`, 'messages'],
  [`{"model":"a","model":"b",${messages}}`, 'model'],
  [`{"model":1,${messages}}`, 'model'],
  [`{"stream":"true",${messages}}`, 'stream'],
  [`{"temperature":"0.7",${messages}}`, 'temperature'],
  [`{"max_tokens":1.5,${messages}}`, 'max_tokens'],
  [`{"max_completion_tokens":-1,${messages}}`, 'max_completion_tokens'],
  [`{"stream_options":{"include_usage":1},${messages}}`, 'stream_options.include_usage'],
])('refuses %s', (text, param) => {
  const error = (() => {
    try {
      return read(text);
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toBeInstanceOf(RequestError);
  expect(error).toMatchObject({ param });
});

describe('rendering', () => {
  test('gives the same bytes where nothing has to change', () => {
    const bytes = Buffer.from(`{"model":"m", "stream":true,"stream_options":{"include_usage":true},${messages} }`);
    const changes = { model: 'm', includeUsage: true, maxCompletionTokens: true };
    expect(renderCompletionsRequest(readCompletionsRequest(bytes), changes)).toBe(bytes);
  });

  test('pins the model', () => {
    expect(render(`{"model":"a",${messages}}`, { model: 'b' })).toBe(`{"model":"b",${messages}}`);
    expect(render(`{${messages}}`, { model: 'b' })).toBe(`{${messages},"model":"b"}`);
  });

  test('LLM-23: max_tokens takes its newer name, and an existing one wins', () => {
    const maxCompletionTokens = true;
    expect(render(`{"max_tokens":10,${messages}}`, { maxCompletionTokens })).toBe(
      `{"max_completion_tokens":10,${messages}}`,
    );
    expect(render(`{"max_tokens":10,"max_completion_tokens":5,${messages}}`, { maxCompletionTokens })).toBe(
      `{"max_completion_tokens":5,${messages}}`,
    );
    expect(render(`{"max_tokens":10,"max_completion_tokens":null,${messages}}`, { maxCompletionTokens })).toBe(
      `{"max_completion_tokens":10,${messages}}`,
    );
    expect(render(`{"max_tokens":null,${messages}}`, { maxCompletionTokens })).toBe(`{${messages}}`);
  });

  test('LLM-23: a stream is made to tell its usage', () => {
    const includeUsage = true;
    const asked = '"stream_options":{"include_usage":true}';
    expect(render(`{"stream":true,${messages}}`, { includeUsage })).toBe(`{"stream":true,${messages},${asked}}`);
    expect(render(`{"stream":true,"stream_options":null,${messages}}`, { includeUsage })).toBe(
      `{"stream":true,${asked},${messages}}`,
    );
    expect(render(`{"stream":true,"stream_options":{"x":1,"include_usage":false},${messages}}`, { includeUsage })).toBe(
      `{"stream":true,"stream_options":{"x":1,"include_usage":true},${messages}}`,
    );
    expect(render(`{${messages}}`, { includeUsage })).toBe(`{${messages}}`);
  });
});
