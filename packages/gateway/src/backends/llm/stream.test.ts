import { gzipSync } from 'node:zlib';
import { collect, Headers, Response } from '@agentgateway/http';
import { describe, expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { AiProvider } from '../../resources/model.ts';
import { Bench, TestConsumer, TestStream } from './fixture.ts';

const asked = '"stream_options":{"include_usage":true}';
const provider: AiProvider = { name: 'a', provider: { type: 'openAI' }, policies: [] };

function frame(value: unknown): string {
  return `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`;
}

function delta(content: string, finish: string | null = null): string {
  return frame({ model: 'm-1', choices: [{ index: 0, delta: { content }, finish_reason: finish }] });
}

const usage = frame({ model: 'm-1', choices: [], usage: { prompt_tokens: 5, completion_tokens: 7 } });
const done = frame('[DONE]');
const whole = delta('') + delta('é') + delta('', 'stop') + usage + done;
const error = /^data: \{"error":\{[^\n]*\}\}\n\n$/;

interface Call {
  readonly bench: Bench;
  readonly exchange: Exchange;
  readonly source: TestStream;
  readonly client: TestConsumer;
  readonly response: Response;
}

async function stream(more = `,${asked}`): Promise<Call> {
  const bench = new Bench([[provider]]);
  const source = new TestStream();
  const headers = Headers.of(['content-type', 'text/event-stream; charset=utf-8'], ['content-length', '9']);
  bench.answer = () => new Response(200, headers, source);
  const accept = Headers.of(['accept-encoding', 'gzip']);
  const exchange = bench.exchange(`{"model":"m","messages":[],"stream":true${more}}`, '/x', accept);
  const response = await bench.send(exchange);
  const client = new TestConsumer();
  (response.body as TestStream).read(client);
  return { bench, exchange, source, client, response };
}

test('bytes pass unchanged wherever they are cut, and the usage is recorded', async () => {
  const bytes = Buffer.from(whole);
  for (let at = 0; at <= bytes.length; at++) {
    const { source, client, exchange } = await stream();
    if (at > 0) source.data(bytes.subarray(0, at));
    if (at < bytes.length) source.data(bytes.subarray(at));
    source.consumer?.onEnd();
    expect(client.text).toBe(whole);
    expect(client.log.at(-1)).toBe('end');
    expect(exchange.record.llm).toMatchObject({
      inputTokens: 5,
      outputTokens: 7,
      totalTokens: 12,
      responseModel: 'm-1',
    });
    expect(exchange.record.error).toBeNull();
  }
});

test('every event goes on in the turn in which it came', async () => {
  const { source, client, exchange, bench } = await stream();
  bench.now = 5;
  source.data(': hello\n\n');
  expect(exchange.record.llm?.firstTokenAt).toBe(0);
  bench.now = 6;
  source.data(delta('a'));
  bench.now = 7;
  source.data(delta('b'));
  expect(client.text).toBe(`: hello\n\n${delta('a')}${delta('b')}`);
  expect(exchange.record.llm?.firstTokenAt).toBe(6);
  expect(client.log).toEqual(['data', 'data', 'data']);
});

test('an answer whose bytes are all there is streamed too', async () => {
  const bench = new Bench([[provider]]);
  bench.answer = () => new Response(200, Headers.of(['content-type', 'text/event-stream']), Buffer.from(whole));
  const exchange = bench.exchange('{"model":"m","messages":[],"stream":true}');
  const client = new TestConsumer();
  ((await bench.send(exchange)).body as TestStream).read(client);
  expect(client.text).toBe(whole.replace(usage, ''));
  expect(client.log.at(-1)).toBe('end');
});

test('a compressed stream is passed on decoded, and one that nobody can read is refused', async () => {
  verifies('LLM-22');
  const bench = new Bench([[provider]]);
  const answer = (encoding: string, body: Buffer) =>
    new Response(200, Headers.of(['content-type', 'text/event-stream'], ['content-encoding', encoding]), body);
  bench.answer = () => answer('gzip', gzipSync(whole));
  const response = await bench.send(bench.exchange('{"model":"m","messages":[],"stream":true}'));
  expect(response.headers.has('content-encoding')).toBe(false);
  expect((await collect(response.body, 1 << 20)).toString()).toBe(whole.replace(usage, ''));
  bench.answer = () => answer('snappy', Buffer.from(whole));
  const refused = bench.send(bench.exchange('{"model":"m","messages":[],"stream":true}'));
  await expect(refused).rejects.toMatchObject({ status: 502 });
});

test('the provider is asked for usage and for no compression, and the length is not announced', async () => {
  verifies('LLM-23');
  const { bench, response, exchange } = await stream('');
  expect(String(bench.sent[0]?.body)).toBe(`{"model":"m","messages":[],"stream":true,${asked}}`);
  expect(bench.sent[0]?.headers.has('accept-encoding')).toBe(false);
  expect(exchange.request.headers.has('accept-encoding')).toBe(true);
  expect(response.headers.has('content-length')).toBe(false);
});

test.each([
  ['did not ask', '', whole.replace(usage, '')],
  ['said no', ',"stream_options":{"include_usage":false}', whole.replace(usage, '')],
  ['asked', `,${asked}`, whole],
])('the chunk with the usage is for the client that asked: it %s', async (_, more, seen) => {
  for (const size of [1, 10, 1000]) {
    const { source, client, exchange } = await stream(more);
    const bytes = Buffer.from(whole);
    for (let at = 0; at < bytes.length; at += size) source.data(bytes.subarray(at, at + size));
    source.consumer?.onEnd();
    expect(client.text).toBe(seen);
    expect(exchange.record.llm?.totalTokens).toBe(12);
  }
});

test('usage in a chunk with content is never hidden', async () => {
  const { source, client } = await stream('');
  const last = frame({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage: { prompt_tokens: 1 } });
  source.data(last + done);
  source.consumer?.onEnd();
  expect(client.text).toBe(last + done);
});

describe('a stream that ends too early', () => {
  const text = delta('a') + delta('b');

  test('wherever it is cut, whole events come through, then an error, and the body breaks', async () => {
    const bytes = Buffer.from(text);
    for (const end of ['end', 'error'] as const) {
      for (let at = 0; at <= bytes.length; at++) {
        const { source, client, exchange } = await stream();
        if (at > 0) source.data(bytes.subarray(0, at));
        if (end === 'end') source.consumer?.onEnd();
        else source.consumer?.onError(new Error('reset'));
        const frames = client.text.split(/(?<=\n\n)/);
        expect(frames.pop()).toMatch(error);
        expect(text.startsWith(frames.join(''))).toBe(true);
        expect(client.log.at(-1)).toBe('error: upstream call failed: the response was cut off');
        expect(client.text).not.toContain('[DONE]');
        expect(exchange.record).toMatchObject({ reason: 'UpstreamFailure', error: expect.stringContaining('cut off') });
      }
    }
  });

  test('a malformed chunk at its end changes nothing', async () => {
    const { source, client } = await stream();
    source.data(`${delta('a')}data: {"choices":[{"finish_re\n\n`);
    source.consumer?.onEnd();
    expect(client.text.split(/(?<=\n\n)/).at(-1)).toMatch(error);
  });

  test('after a finish reason, a broken connection or a piece of an event is still an error', async () => {
    const broken = await stream();
    broken.source.data(delta('', 'stop'));
    broken.source.consumer?.onError(new Error('reset'));
    expect(broken.client.log.at(-1)).toMatch(/^error/);
    const piece = await stream();
    piece.source.data(`${delta('', 'stop')}data: {"choi`);
    piece.source.consumer?.onEnd();
    expect(piece.client.log.at(-1)).toMatch(/^error/);
  });

  test('with one of two choices finished it is cut', async () => {
    const { source, client } = await stream(`,"n":2`);
    source.data(delta('', 'stop'));
    source.consumer?.onEnd();
    expect(client.log.at(-1)).toMatch(/^error/);
  });
});

describe('a stream that is whole', () => {
  test.each([
    ['without [DONE] behind the finish', delta('a') + delta('', 'stop')],
    ['without line ends behind [DONE]', `${delta('', 'stop')}data: [DONE]`],
    ['with [DONE] only', delta('a') + done],
    ['with a comment at its end', `${delta('', 'stop')}: bye`],
  ])('%s ends cleanly', async (_, text) => {
    const { source, client, exchange } = await stream();
    source.data(text);
    source.consumer?.onEnd();
    expect(client.text).toBe(text);
    expect(client.log.at(-1)).toBe('end');
    expect(exchange.record.error).toBeNull();
  });

  test('does not mind how the connection goes down behind [DONE]', async () => {
    const { source, client } = await stream();
    source.data(delta('', 'stop') + done);
    source.consumer?.onError(new Error('reset'));
    expect(client.log.at(-1)).toBe('end');
  });
});

test("the provider's own error event passes, and is recorded", async () => {
  const { source, client, exchange } = await stream();
  const own = frame({ error: { message: 'overloaded', type: 'server_error' } });
  source.data(delta('a') + own);
  source.consumer?.onEnd();
  expect(client.text).toBe(delta('a') + own);
  expect(exchange.record).toMatchObject({ reason: 'UpstreamFailure', error: 'overloaded' });
});

test('pausing, resuming and cancelling reach the provider in the same turn', async () => {
  const { source, response, client } = await stream();
  const body = response.body as TestStream;
  body.pause();
  body.resume();
  body.cancel(new Error('client left'));
  expect(source.asked).toEqual(['pause', 'resume', 'cancel']);
  source.data(delta('late'));
  source.consumer?.onEnd();
  expect(client.log).toEqual([]);
});

test('a client that leaves in the middle of a chunk gets nothing more', async () => {
  const { source, response, client } = await stream('');
  client.onChunk = () => (response.body as TestStream).cancel(new Error('client left'));
  source.data(delta('a') + usage + delta('b', 'stop') + done);
  source.consumer?.onEnd();
  expect(client.text).toBe(delta('a'));
  expect(client.log).toEqual(['data']);
  expect(source.asked).toEqual(['cancel']);
});

test('a client that left is not the fault of the provider', async () => {
  const { source, client, exchange } = await stream();
  source.data(delta('a'));
  exchange.abort.abort(new Error('client left'));
  source.consumer?.onError(new Error('aborted'));
  expect(client.text).toBe(delta('a'));
  expect(client.log.at(-1)).toBe('error: aborted');
  expect(exchange.record.error).toBeNull();
});

test('a deadline that passes is told in the stream', async () => {
  const { source, client, exchange } = await stream();
  exchange.abort.abort(new GatewayError('requestTimeout'));
  source.consumer?.onError(new Error('aborted'));
  expect(client.text).toMatch(error);
  expect(client.text).toContain('request timeout');
  expect(exchange.record.reason).toBe('Timeout');
});

test('a frame over the limit ends the stream', async () => {
  const bench = new Bench([[provider]]);
  const source = new TestStream();
  bench.answer = () => new Response(200, Headers.of(['content-type', 'text/event-stream']), source);
  const exchange = bench.exchange('{"model":"m","messages":[],"stream":true}');
  exchange.maxBufferSize = 1000;
  const client = new TestConsumer();
  ((await bench.send(exchange)).body as TestStream).read(client);
  source.data(delta('a') + 'x'.repeat(1001));
  expect(source.cancelled).not.toBeNull();
  expect(client.text.startsWith(delta('a'))).toBe(true);
  expect(client.text.slice(delta('a').length)).toMatch(error);
  expect(client.log.at(-1)).toMatch(/^error/);
});

test('an error of the provider to a streamed call passes as it is', async () => {
  verifies('LLM-48');
  const bench = new Bench([[provider]]);
  const body = Buffer.from('{"error":{"message":"no"}}');
  bench.answer = () => new Response(400, Headers.of(['content-type', 'application/json']), body);
  const response = await bench.send(bench.exchange('{"model":"m","messages":[],"stream":true}'));
  expect(response).toMatchObject({ status: 400, body });
});

test('a plain answer to a streamed call is a plain answer', async () => {
  const bench = new Bench([[provider]]);
  const body = Buffer.from('{"model":"m-1","usage":{"prompt_tokens":3}}');
  bench.answer = () => new Response(200, Headers.of(['content-type', 'application/json']), body);
  const exchange = bench.exchange('{"model":"m","messages":[],"stream":true}');
  expect(await bench.send(exchange)).toMatchObject({ status: 200, body });
  expect(exchange.record.llm).toMatchObject({ inputTokens: 3, responseModel: 'm-1' });
});
