import { request as httpRequest } from 'node:http';
import OpenAI from 'openai';
import { afterEach, describe, expect, test } from 'vitest';
import { defaultKey, type SimulatorOptions } from './options.ts';
import { type Simulator, startSimulator } from './server.ts';

let simulator: Simulator;

afterEach(() => simulator.close());

async function start(options: SimulatorOptions = {}): Promise<OpenAI> {
  simulator = await startSimulator(options);
  return client();
}

function client(apiKey = defaultKey): OpenAI {
  return new OpenAI({ apiKey, baseURL: `${simulator.url}/v1`, maxRetries: 0 });
}

const hello = { model: 'sim-large', messages: [{ role: 'user' as const, content: 'hello world' }] };

/** What comes back byte for byte, and how it ended. */
async function raw(body: unknown, headers: Record<string, string> = {}) {
  const { promise, resolve } = Promise.withResolvers<{
    status: number;
    text: string;
    end: 'end' | 'broken' | 'none';
  }>();
  let text = '';
  let status = 0;
  const request = httpRequest(`${simulator.url}/v1/chat/completions`, {
    method: 'POST',
    agent: false,
    headers: { authorization: `Bearer ${defaultKey}`, 'content-type': 'application/json', ...headers },
  });
  request.on('error', () => resolve({ status, text, end: status === 0 ? 'none' : 'broken' }));
  request.on('response', (response) => {
    status = response.statusCode ?? 0;
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      text += chunk;
    });
    response.on('end', () => resolve({ status, text, end: 'end' }));
    response.on('error', () => resolve({ status, text, end: 'broken' }));
  });
  request.end(JSON.stringify(body));
  return await promise;
}

describe('the OpenAI SDK', () => {
  test('gets a plain answer, the same for the same question', async () => {
    const openai = await start();
    const first = await openai.chat.completions.create(hello);
    expect(first.choices[0]?.message.content).toContain('hello world');
    expect(first.choices[0]?.finish_reason).toBe('stop');
    expect(first.usage?.total_tokens).toBe((first.usage?.prompt_tokens ?? 0) + (first.usage?.completion_tokens ?? 0));
    expect(await openai.chat.completions.create(hello)).toEqual(first);
  });

  test('gets the same text in a stream', async () => {
    const openai = await start();
    const plain = await openai.chat.completions.create(hello);
    const stream = await openai.chat.completions.create({
      ...hello,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let usage: unknown;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    expect(text).toBe(plain.choices[0]?.message.content);
    expect(usage).toEqual(plain.usage);
  });

  test('is made to call a tool, plain and streamed, and is answered after it', async () => {
    const openai = await start();
    const tools = [
      {
        type: 'function' as const,
        function: {
          name: 'get_weather',
          parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } } },
        },
      },
    ];
    const plain = await openai.chat.completions.create({ ...hello, tools });
    const call = plain.choices[0]?.message.tool_calls?.[0];
    expect(plain.choices[0]?.finish_reason).toBe('tool_calls');
    expect(call).toMatchObject({ function: { name: 'get_weather', arguments: '{"city":"hello world","days":1}' } });

    const streamed = await openai.chat.completions.stream({ ...hello, tools }).finalChatCompletion();
    expect(streamed.choices[0]?.message.tool_calls?.[0]).toMatchObject({
      function: { name: 'get_weather', arguments: '{"city":"hello world","days":1}' },
    });

    const after = await openai.chat.completions.create({
      ...hello,
      tools,
      messages: [
        ...hello.messages,
        plain.choices[0]!.message,
        { role: 'tool', tool_call_id: call!.id, content: 'sunny' },
      ],
    });
    expect(after.choices[0]?.message.content).toContain('sunny');
    expect(
      (await openai.chat.completions.create({ ...hello, tools, tool_choice: 'none' })).choices[0]?.finish_reason,
    ).toBe('stop');
  });

  test('is refused without the right key', async () => {
    await start();
    await expect(client('wrong').chat.completions.create(hello)).rejects.toMatchObject({
      status: 401,
      code: 'invalid_api_key',
    });
    expect((await fetch(`${simulator.url}/v1/models`)).status).toBe(401);
  });

  test('is limited by max_tokens, and gets several choices', async () => {
    const openai = await start();
    const { choices, usage } = await openai.chat.completions.create({ ...hello, max_completion_tokens: 2, n: 2 });
    expect(choices.map((choice) => choice.finish_reason)).toEqual(['length', 'length']);
    expect(usage?.completion_tokens).toBe(4);
  });

  test('lists models', async () => {
    const openai = await start({ models: ['a', 'b/c'] });
    expect((await openai.models.list()).data.map((model) => model.id)).toEqual(['a', 'b/c']);
    expect((await openai.models.retrieve('b/c')).id).toBe('b/c');
    await expect(openai.models.retrieve('d')).rejects.toMatchObject({ status: 404 });
  });

  test('is told what is wrong with a request', async () => {
    const openai = await start();
    await expect(openai.chat.completions.create({ ...hello, messages: [] })).rejects.toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      param: 'messages',
    });
    await expect(openai.chat.completions.create({ ...hello, model: '' })).rejects.toMatchObject({ param: 'model' });
  });

  test('that aborts is seen to have left', async () => {
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    const openai = await start({ gate: ({ index }) => (index < 2 ? undefined : opened) });
    const stream = await openai.chat.completions.create({ ...hello, stream: true });
    for await (const _ of stream) break;
    expect(await simulator.requests[0]?.closed).toBe(false);
    open();
  });
});

describe('usage', () => {
  const ask = { ...hello, stream: true };
  const asked = { ...ask, stream_options: { include_usage: true } };
  const withUsage = (text: string) => text.split('\n\n').filter((event) => event.includes('"usage":{'));

  test('comes in a chunk of its own if asked for', async () => {
    await start();
    expect(withUsage((await raw(ask)).text)).toEqual([]);
    const [own, ...more] = withUsage((await raw(asked)).text);
    expect(own).toContain('"choices":[]');
    expect(more).toEqual([]);
  });

  test.each([
    ['last', 1],
    ['every', 14],
    ['none', 0],
  ])('comes in %s chunk', async (place, count) => {
    await start();
    const { text } = await raw(asked, { 'x-sim-usage': place, 'x-sim-tokens': '12' });
    expect(withUsage(text).length).toBe(count);
  });
});

describe('faults', () => {
  const stream = { ...hello, stream: true };

  test.each([
    ['seconds', 'retry-after', '2'],
    ['date', 'retry-after', 'Thu, 01 Jan 2026 00:00:02 GMT'],
    ['ms', 'retry-after-ms', '2000'],
    ['reset', 'x-ratelimit-reset-requests', '2s'],
  ])('429 says in %s when to come again', async (form, header, value) => {
    await start({ now: () => Date.UTC(2026, 0, 1) });
    const response = await fetch(`${simulator.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${defaultKey}` },
      body: JSON.stringify({ ...hello, model: `sim-429-${form}` }),
    });
    expect(response.status).toBe(429);
    expect(response.headers.get(header)).toBe(value);
    expect(await response.json()).toMatchObject({ error: { code: 'rate_limit_exceeded' } });
  });

  test.each([0, 1, 120, 100_000])('cut ends the connection after %i bytes', async (at) => {
    await start();
    const whole = await raw(stream);
    const cut = await raw(stream, { 'x-sim-fault': `cut;at=${at}` });
    expect(cut).toMatchObject({ status: 200, text: whole.text.slice(0, at), end: 'broken' });
  });

  test('a plain answer is cut too', async () => {
    await start();
    expect(await raw(hello, { 'x-sim-fault': 'cut;at=10' })).toMatchObject({ text: '{"id":"cha', end: 'broken' });
  });

  test('reset breaks it, refuse never begins it', async () => {
    await start();
    expect((await raw(stream, { 'x-sim-fault': 'reset;at=50' })).end).toBe('broken');
    expect((await raw(stream, { 'x-sim-fault': 'refuse' })).end).toBe('none');
  });

  test('hang and stall wait until the simulator ends', async () => {
    const { promise: stalled, resolve } = Promise.withResolvers<void>();
    await start({ gate: ({ index }) => (index === 1 ? resolve() : undefined) });
    const hung = raw(stream, { 'x-sim-fault': 'hang' });
    const silent = raw(stream, { 'x-sim-fault': 'stall;at=300' });
    await stalled;
    await simulator.close();
    expect((await hung).end).toBe('none');
    expect((await silent).end).not.toBe('end');
    simulator = await startSimulator();
  });

  test('what is said can be wrong in a whole message', async () => {
    await start();
    const events = async (model: string) => {
      const { text, end } = await raw({ ...stream, model });
      expect(end).toBe('end');
      return text.split('\n\n').slice(0, -1);
    };
    expect(await events('sim-malformed')).toContain('data: {"id":"chatcmpl-');
    expect((await events('sim-malformed')).at(-1)).toBe('data: [DONE]');
    expect((await events('sim-malformed-end')).at(-1)).toBe('data: {"id":"chatcmpl-');
    expect((await events('sim-no-done')).at(-1)).toContain('"finish_reason":"stop"');
    expect((await events('sim-early-end')).at(-1)).toContain('"finish_reason":null');
    expect((await events('sim-error-event')).at(-1)).toContain('"error"');
    const plain = await raw({ ...hello, model: 'sim-malformed' });
    expect(plain.end).toBe('end');
    expect(() => JSON.parse(plain.text) as unknown).toThrow();
  });

  test('the queue goes first, then the header, then the model', async () => {
    await start();
    simulator.queue('503', null);
    const body = { ...hello, model: 'sim-500' };
    const headers = { 'x-sim-fault': '429' };
    const statuses: number[] = [];
    for (const used of [headers, headers, headers, {}]) statuses.push((await raw(body, used)).status);
    expect(statuses).toEqual([503, 200, 429, 500]);
  });

  test('500-once fails every first of two', async () => {
    await start();
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) statuses.push((await raw({ ...hello, model: 'sim-500-once' })).status);
    expect(statuses).toEqual([500, 200, 500, 200]);
  });

  test('an unknown fault is a bad request that says what there is', async () => {
    await start();
    const { status, text } = await raw(hello, { 'x-sim-fault': 'explode' });
    expect(status).toBe(400);
    expect(text).toContain('stall');
  });
});

test('the gate lets pieces go one by one', async () => {
  const seen: number[] = [];
  await start({ gate: ({ index }) => void seen.push(index) });
  await raw({ ...hello, stream: true }, { 'x-sim-tokens': '3' });
  expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
});

test('requests are remembered, the newest', async () => {
  await start({ keep: 2 });
  for (const content of ['a', 'b', 'c']) await raw({ ...hello, messages: [{ role: 'user', content }] });
  expect(simulator.requests.map(({ body }) => String(body).at(-5))).toEqual(['b', 'c']);
  expect(await simulator.requests[1]?.closed).toBe(true);
});
