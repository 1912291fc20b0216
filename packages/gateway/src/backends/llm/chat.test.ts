import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { Headers, Response } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import type { GatewayError } from '../../pipeline/errors.ts';
import type { AiProvider } from '../../resources/model.ts';
import { Bench, TestStream } from './fixture.ts';

const chat = '{"model":"m", "messages":[{"role":"user","content":"hi"}],"unknown": 1.0}';
const answer = JSON.stringify({
  model: 'm-2026',
  service_tier: 'default',
  choices: [{ message: { role: 'assistant', content: 'hello' } }],
  usage: { prompt_tokens: 17, completion_tokens: 23, total_tokens: 40, prompt_tokens_details: { cached_tokens: 5 } },
});

function bench(model?: string): Bench {
  const provider: AiProvider = {
    name: 'a',
    provider: model === undefined ? { type: 'openAI' } : { type: 'openAI', model },
    policies: [],
  };
  const made = new Bench([[provider]]);
  made.answer = () => new Response(200, new Headers(), Buffer.from(answer));
  return made;
}

async function failure(promise: Promise<unknown>): Promise<GatewayError> {
  return promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error as GatewayError,
  );
}

test('a plain call: both bodies go by untouched, the record knows all', async () => {
  verifies('LLM-67');
  const b = bench();
  const exchange = b.exchange(chat);
  const received = exchange.request.body;
  const response = await b.send(exchange);
  expect(b.sent[0]?.body).toBe(received);
  expect(String(response.body)).toBe(answer);
  expect(exchange.record.llm).toMatchObject({
    operation: 'chat',
    provider: 'openai',
    requestModel: 'm',
    responseModel: 'm-2026',
    serviceTier: 'default',
    streaming: false,
    inputTokens: 17,
    cachedInputTokens: 5,
    outputTokens: 23,
    totalTokens: 40,
    reasoningTokens: null,
  });
});

test('parameters are recorded as they were asked', async () => {
  const b = bench();
  const exchange = b.exchange('{"model":"m","temperature":0.7,"top_p":0.9,"seed":4,"max_tokens":5,"messages":[]}');
  await b.send(exchange);
  expect(exchange.record.llm?.params).toEqual({ temperature: 0.7, topP: 0.9, seed: 4, maxTokens: 5 });
});

test('a pinned model goes up and into the record; the request keeps what the client sent', async () => {
  const b = bench('pinned');
  const headers = Headers.of(['content-length', String(chat.length)]);
  const exchange = b.exchange(chat, '/v1/chat/completions', headers);
  await b.send(exchange);
  expect(String(b.sent[0]?.body)).toBe(chat.replace('"m"', '"pinned"'));
  expect(b.sent[0]?.headers.has('content-length')).toBe(false);
  expect(exchange.record.llm?.requestModel).toBe('pinned');
  expect(String(exchange.request.body)).toBe(chat);
  expect(exchange.request.headers).toBe(headers);
});

test('a second attempt sends the same', async () => {
  const b = bench('pinned');
  const exchange = b.exchange(gzipSync(chat), '/x', Headers.of(['content-encoding', 'gzip']));
  await b.send(exchange);
  await b.send(exchange);
  expect(String(b.sent[1]?.body)).toBe(String(b.sent[0]?.body));
  expect(b.sent[1]?.path).toBe(b.sent[0]?.path);
});

test('max_tokens moves for gpt models only', async () => {
  verifies('LLM-23');
  const b = bench();
  await b.send(b.exchange('{"model":"gpt-4o","max_tokens":10,"messages":[]}'));
  await b.send(b.exchange('{"model":"o3","max_tokens":10,"messages":[]}'));
  expect(b.sent.map(({ body }) => String(body))).toEqual([
    '{"model":"gpt-4o","max_completion_tokens":10,"messages":[]}',
    '{"model":"o3","max_tokens":10,"messages":[]}',
  ]);
});

test('a body that arrives in pieces is put together', async () => {
  const b = bench();
  const body = new TestStream();
  const exchange = b.exchange(body);
  const response = b.send(exchange);
  await Promise.resolve();
  body.data(chat.slice(0, 10));
  body.data(chat.slice(10));
  body.consumer?.onEnd();
  await response;
  expect(String(b.sent[0]?.body)).toBe(chat);
  expect(Buffer.isBuffer(exchange.request.body)).toBe(true);
});

test('no model anywhere is refused, a pinned one will do', async () => {
  verifies('LLM-17');
  const error = await failure(bench().send(bench().exchange('{"messages":[]}')));
  expect(error).toMatchObject({
    status: 400,
    message: 'failed to process LLM request: missing field: model not specified',
  });
  const pinned = bench('p');
  await pinned.send(pinned.exchange('{"messages":[]}'));
  expect(String(pinned.sent[0]?.body)).toBe('{"messages":[],"model":"p"}');
});

test.each([
  ['{"model":', null],
  ['[]', null],
  ['{"model":1,"messages":[]}', 'model'],
  ['{"model":"m"}', 'messages'],
])('the malformed body %s is 400 as OpenAI words it, and nothing is sent', async (body, param) => {
  const b = bench();
  const exchange = b.exchange(body);
  const error = await failure(b.send(exchange));
  const response = exchange.wordError?.(error);
  expect(response?.status).toBe(400);
  expect(JSON.parse(String(response?.body))).toEqual({
    error: { message: error.message, type: 'invalid_request_error', param, code: 'llm_request_invalid' },
  });
  expect(b.sent).toEqual([]);
});

test('no body at all is malformed', async () => {
  expect((await failure(bench().send(bench().exchange(null)))).status).toBe(400);
});

test('a body that breaks off is refused', async () => {
  const b = bench();
  const body = new TestStream();
  const sent = failure(b.send(b.exchange(body)));
  await Promise.resolve();
  body.consumer?.onError(new Error('reset'));
  expect(await sent).toMatchObject({ code: 'llmRequestInvalid', logDetail: 'reset' });
});

test('a body over the limit is 413: 32 MiB, or what is configured', async () => {
  const b = bench();
  const large = `{"model":"m","messages":[],"x":"${'x'.repeat(3 * 1024 * 1024)}"}`;
  await b.send(b.exchange(large));
  const limited = b.exchange(large);
  limited.maxBufferSize = 2 * 1024 * 1024;
  expect(await failure(b.send(limited))).toMatchObject({ status: 413, code: 'llmRequestTooLarge' });
  const stream = new TestStream();
  const streamed = failure(b.send(b.exchange(stream)));
  await Promise.resolve();
  for (let sent = 0; sent <= 32; sent++) stream.data(Buffer.alloc(1024 * 1024));
  expect((await streamed).status).toBe(413);
  expect(stream.cancelled).not.toBeNull();
});

test.each([
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
  ['zstd', zstdCompressSync],
])('a body in %s is read, and sent decoded', async (encoding, compress) => {
  verifies('LLM-22');
  const b = bench();
  await b.send(b.exchange(compress(chat), '/x', Headers.of(['content-encoding', encoding])));
  expect(String(b.sent[0]?.body)).toBe(chat);
  expect(b.sent[0]?.headers.has('content-encoding')).toBe(false);
});

test.each([['snappy'], ['gzip, br']])('a body in %s is 415', async (encoding) => {
  verifies('LLM-22');
  const b = bench();
  const error = await failure(b.send(b.exchange(chat, '/x', Headers.of(['content-encoding', encoding]))));
  expect(error).toMatchObject({
    status: 415,
    message: `failed to process LLM request: unsupported content encoding: ${encoding}`,
  });
});

test('a body that is not what its encoding says is 400, one that swells over the limit 413', async () => {
  const b = bench();
  const gzip = Headers.of(['content-encoding', 'gzip']);
  expect((await failure(b.send(b.exchange(chat, '/x', gzip)))).status).toBe(400);
  const bomb = b.exchange(gzipSync(Buffer.alloc(4 * 1024 * 1024, 0x20)), '/x', gzip);
  bomb.maxBufferSize = 2 * 1024 * 1024;
  expect((await failure(b.send(bomb))).status).toBe(413);
});

test('a compressed answer goes on as it is, and is read all the same', async () => {
  verifies('LLM-22');
  const b = bench();
  const compressed = gzipSync(answer);
  b.answer = () => new Response(200, Headers.of(['content-encoding', 'gzip']), compressed);
  const exchange = b.exchange(chat);
  const response = await b.send(exchange);
  expect(response.body).toBe(compressed);
  expect(response.headers.get('content-encoding')).toBe('gzip');
  expect(exchange.record.llm?.inputTokens).toBe(17);
});

test('an answer that nobody can read is 502', async () => {
  verifies('LLM-22');
  const b = bench();
  b.answer = () => new Response(200, Headers.of(['content-encoding', 'snappy']), Buffer.from(answer));
  expect(await failure(b.send(b.exchange(chat)))).toMatchObject({ status: 502 });
  b.answer = () => new Response(200, new Headers(), Buffer.from('<html>'));
  expect(await failure(b.send(b.exchange(chat)))).toMatchObject({ status: 502, logDetail: '<html>' });
});

test('an answer that breaks off fails the call instead of the connection', async () => {
  const b = bench();
  const body = new TestStream();
  b.answer = () => new Response(200, new Headers(), body);
  const sent = failure(b.send(b.exchange(chat)));
  while (body.consumer === null) await Promise.resolve();
  body.data(answer.slice(0, 20));
  body.consumer.onError(new Error('reset'));
  expect(await sent).toMatchObject({ code: 'upstreamCallFailed', retryable: true });
});

test('the errors of the provider pass as they are', async () => {
  const b = bench();
  const body = new TestStream();
  b.answer = () => new Response(429, Headers.of(['retry-after', '3']), body);
  const exchange = b.exchange(chat);
  const response = await b.send(exchange);
  expect(response).toMatchObject({ status: 429, body });
  expect(response.headers.get('retry-after')).toBe('3');
  expect(exchange.record.llm).toMatchObject({ requestModel: 'm', inputTokens: null });
});
