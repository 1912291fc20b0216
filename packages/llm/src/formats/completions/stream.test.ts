import { expect, test } from 'vitest';
import { SseFrames } from '../../sse.ts';
import { CompletionsStream } from './stream.ts';

function frame(value: unknown): string {
  return `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`;
}

function chunk(choice: Record<string, unknown>, more: Record<string, unknown> = {}): string {
  return frame({ id: 'c', model: 'm-1', choices: [{ index: 0, finish_reason: null, ...choice }], ...more });
}

const role = chunk({ delta: { role: 'assistant', content: '' } });
const content = chunk({ delta: { content: 'hello' } });
const stop = chunk({ delta: {}, finish_reason: 'stop' });
const usage = { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 };
const usageOnly = frame({ id: 'c', choices: [], usage });
const done = frame('[DONE]');

/** Reads a stream in chunks of `size` bytes; gives what is hidden as well. */
function read(text: string, { size = 1 << 20, choices = 1 } = {}): { stream: CompletionsStream; hidden: string[] } {
  const stream = new CompletionsStream(choices);
  const hidden: string[] = [];
  const frames = new SseFrames(1 << 20, {
    onFrame(bytes, from, to) {
      if (stream.read(bytes, from, to)) hidden.push(bytes.toString('utf8', from, to));
    },
  });
  const bytes = Buffer.from(text);
  const shared = Buffer.alloc(Math.min(size, bytes.length));
  for (let at = 0; at < bytes.length; at += size) {
    const length = bytes.copy(shared, 0, at, at + size);
    stream.startChunk();
    frames.push(length === shared.length ? shared : shared.subarray(0, length));
  }
  return { stream, hidden };
}

test.each([
  ['in a chunk of its own', role + content + stop + usageOnly + done],
  ['in the last content chunk', role + content + chunk({ delta: {}, finish_reason: 'stop' }, { usage }) + done],
  [
    'in every chunk, counting upwards',
    chunk({ delta: { content: 'a' } }, { usage: { prompt_tokens: 5, completion_tokens: 1 } }) +
      chunk({ delta: { content: 'b' } }, { usage: { prompt_tokens: 5, completion_tokens: 2 } }) +
      chunk({ delta: {}, finish_reason: 'stop' }, { usage }) +
      done,
  ],
  ['before the end, with nulls elsewhere', chunk({ delta: {} }, { usage: null }) + stop + usageOnly + done],
  [
    'with spaces around it',
    role +
      stop +
      `data: { "choices" : [] , "usage" : ${JSON.stringify(usage, null, 1).replaceAll('\n', ' ')} }\n\n${done}`,
  ],
  ['behind [DONE] being missed', role + stop + usageOnly],
])('usage is found %s, however the bytes come', (_, text) => {
  for (const size of [1, 2, 3, 5, 7, 11, 64, 100, 1 << 20]) {
    const { stream } = read(text, { size });
    expect(stream.usage).toMatchObject({ inputTokens: 5, outputTokens: 7, totalTokens: 12 });
    expect(stream).toMatchObject({ model: 'm-1', started: true, finished: true, error: null });
  }
});

test('without usage there is none', () => {
  const { stream } = read(role + content + stop + done);
  expect(stream).toMatchObject({ usage: null, done: true, finished: true });
});

test('only the chunk that carries nothing but usage is hidden', () => {
  const filter = frame({ choices: [], prompt_filter_results: [] });
  const last = chunk({ delta: {}, finish_reason: 'stop' }, { usage });
  expect(read(filter + role + last + usageOnly + done).hidden).toEqual([usageOnly]);
});

test('a stream is finished when every choice is', () => {
  const second = (reason: string | null) => frame({ choices: [{ index: 1, delta: {}, finish_reason: reason }] });
  expect(read(role + second(null) + stop, { choices: 2 }).stream.finished).toBe(false);
  expect(read(role + second(null) + stop + second('length'), { choices: 2 }).stream.finished).toBe(true);
});

test('keys inside a text mean nothing', () => {
  const tricky = chunk({
    delta: { content: 'say "finish_reason": "stop" and "usage": {"prompt_tokens":1} "finish_reason' },
  });
  const { stream } = read(role + tricky);
  expect(stream).toMatchObject({ finished: false, usage: null });
  const hiding = frame({ choices: [{ delta: { content: 'x"finish_reason' }, finish_reason: 'stop' }] });
  expect(read(role + hiding).stream.finished).toBe(true);
});

test('an error in the stream is seen', () => {
  const plain = frame({ error: { message: 'overloaded' } });
  expect(read(role + plain).stream.error).toBe('overloaded');
  expect(read(`${role}event: error\n${plain}`).stream.error).toBe('overloaded');
  expect(read(role + chunk({ delta: {}, finish_reason: 'error' }, { error: 'lost' })).stream.error).toBe('lost');
});

test('a chunk that is no JSON is passed over', () => {
  const { stream } = read(`${role}data: {"choices":[{"finish_reason":"st\n\n${stop}${done}`);
  expect(stream).toMatchObject({ finished: true, done: true });
  expect(read(`data: {"choices":[{"finish_reason":"stop"\n\n`).stream.finished).toBe(false);
});

test('the first chunk tells model and tier, also if it has no choices', () => {
  const { stream } = read(frame({ model: 'm-9', service_tier: 'flex', choices: [] }) + role);
  expect(stream).toMatchObject({ model: 'm-9', serviceTier: 'flex', started: true });
});

test('the rest of a stream counts if it is a whole event', () => {
  const stream = new CompletionsStream(1);
  for (const cut of ['data: [DO', 'dat', 'data', stop.slice(0, -10)]) {
    expect(stream.readRest(Buffer.from(cut))).toBe('cut');
  }
  expect(stream.finished).toBe(false);
  expect(stream.readRest(Buffer.from(stop.trimEnd()))).toBe('whole');
  expect(stream.finished).toBe(true);
  expect(stream.readRest(Buffer.from(usageOnly.trimEnd()))).toBe('usageOnly');
  for (const whole of ['data: [DONE]', '\n', ': bye']) expect(stream.readRest(Buffer.from(whole))).toBe('whole');
  expect(stream.done).toBe(true);
});
