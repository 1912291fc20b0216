import OpenAI, { APIError } from 'openai';
import { describe, expect, test } from 'vitest';
import { type SimulatorOptions, startSimulator } from '../../simulator/src/index.ts';
import { gateway } from './support/gateway.ts';
import { verifies } from './verifies.ts';

/** A simulator behind a gateway, and an OpenAI client before it that holds the gateway's key. */
async function setUp(options: SimulatorOptions = {}, provider = '', policy = '') {
  const simulator = await startSimulator({ keys: ['provider-key'], ...options });
  const gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- name: models
  policies:
    apiKey: { mode: strict, keys: [ { key: client-key } ] }
    ai: { routes: { /chat/completions: completions, /messages: messages, '*': passthrough } }
    ${policy}
  backends:
  - ai:
      name: sim
      provider: { openAI: { ${provider} } }
      hostOverride: "${simulator.host}:${simulator.port}"
      policies: { backendAuth: { key: provider-key } }
`);
  const openai = new OpenAI({ apiKey: 'client-key', baseURL: gw.url('/v1'), maxRetries: 0 });
  return {
    simulator,
    gw,
    openai,
    async [Symbol.asyncDispose]() {
      await gw[Symbol.asyncDispose]();
      await simulator.close();
    },
  };
}

const hello = { model: 'sim-large', messages: [{ role: 'user' as const, content: 'hello world' }] };

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

describe('the OpenAI SDK through the gateway', () => {
  test('gets a plain answer; the provider sees its own key only; the log knows the tokens', async () => {
    verifies('LLM-67');
    await using t = await setUp();
    const answer = await t.openai.chat.completions.create({ ...hello, temperature: 0.5 });
    expect(answer.choices[0]?.message.content).toContain('hello world');
    const [seen] = t.simulator.requests;
    expect(seen?.headers.authorization).toBe('Bearer provider-key');
    expect(JSON.stringify(seen?.headers)).not.toContain('client-key');
    expect(await t.gw.line()).toMatchObject({
      protocol: 'llm',
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'sim-large',
      'gen_ai.response.model': 'sim-large',
      'gen_ai.usage.input_tokens': answer.usage?.prompt_tokens,
      'gen_ai.usage.output_tokens': answer.usage?.completion_tokens,
      'gen_ai.request.temperature': 0.5,
    });
  });

  test('streams; usage that it did not ask for is counted and not shown', async () => {
    await using t = await setUp();
    const plain = await t.openai.chat.completions.create(hello);
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of await t.openai.chat.completions.create({ ...hello, stream: true })) chunks.push(chunk);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(
      plain.choices[0]?.message.content,
    );
    expect(chunks.every((chunk) => chunk.choices.length === 1)).toBe(true);
    expect(await t.gw.line(2)).toMatchObject({ 'gen_ai.usage.output_tokens': plain.usage?.completion_tokens });
  });

  test('gets its usage if it asks, and a tool call in pieces', async () => {
    await using t = await setUp();
    const tools = [
      {
        type: 'function' as const,
        function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
      },
    ];
    const final = await t.openai.chat.completions
      .stream({ ...hello, tools, stream_options: { include_usage: true } })
      .finalChatCompletion();
    expect(final.choices[0]?.message.tool_calls?.[0]).toMatchObject({
      function: { name: 'weather', arguments: '{"city":"hello world"}' },
    });
    expect(final.usage?.total_tokens).toBeGreaterThan(0);
  });

  test('asks for the pinned model, whatever it names', async () => {
    await using t = await setUp({}, 'model: pinned');
    expect((await t.openai.chat.completions.create(hello)).model).toBe('pinned');
  });

  test('lists models through a route that passes on', async () => {
    await using t = await setUp({ models: ['a', 'b'] });
    expect((await t.openai.models.list()).data.map(({ id }) => id)).toEqual(['a', 'b']);
  });

  test('is refused with a wrong key, and with a route type that is not built', async () => {
    await using t = await setUp();
    const wrong = new OpenAI({ apiKey: 'wrong', baseURL: t.gw.url('/v1'), maxRetries: 0 });
    await expect(wrong.chat.completions.create(hello)).rejects.toMatchObject({ status: 401 });
    await expect(t.openai.post('/messages', { body: hello })).rejects.toMatchObject({
      status: 501,
      error: { type: 'api_error', message: expect.stringContaining('messages') },
    });
    expect(t.simulator.requests).toEqual([]);
  });

  test('is told in its own words what is wrong with a body', async () => {
    verifies('LLM-17');
    await using t = await setUp();
    await expect(t.openai.post('/chat/completions', { body: { messages: [] } })).rejects.toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      param: 'model',
    });
  });

  test("gets the provider's own refusals as they are", async () => {
    await using t = await setUp();
    const error = await t.openai.chat.completions.create({ ...hello, model: 'sim-429-ms' }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ status: 429, code: 'rate_limit_exceeded' });
    expect((error as APIError).headers?.get('retry-after-ms')).toBe('2000');
  });

  test.each(['cut', 'reset'])('sees an error where the stream is %s in the middle, never an end', async (fault) => {
    await using t = await setUp();
    const stream = await t.openai.chat.completions.create({ ...hello, model: `sim-${fault}-900`, stream: true });
    let text = '';
    const error = await (async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
      return null;
    })().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: expect.stringContaining('the response was cut off') });
    // A reset may overtake what was sent before it; a cut may not.
    if (fault === 'cut') expect(text).toMatch(/^You said:/);
    expect(await t.gw.line()).toMatchObject({ reason: 'UpstreamFailure', error: expect.stringContaining('cut off') });
  });

  test.each(['early-end', 'malformed-end'])(
    'sees an error at the %s of a stream whose message is whole',
    async (fault) => {
      await using t = await setUp();
      const stream = await t.openai.chat.completions.create({ ...hello, model: `sim-${fault}`, stream: true });
      await expect(all(stream)).rejects.toThrow();
      expect(await t.gw.line()).toMatchObject({ reason: 'UpstreamFailure' });
    },
  );

  test('needs no [DONE] behind a finished answer', async () => {
    await using t = await setUp();
    const stream = await t.openai.chat.completions.create({ ...hello, model: 'sim-no-done', stream: true });
    expect((await all(stream)).at(-1)?.choices[0]?.finish_reason).toBe('stop');
  });

  test('that leaves in the middle of a stream ends the call to the provider', async () => {
    const { promise: never } = Promise.withResolvers<void>();
    await using t = await setUp({ gate: ({ index }) => (index < 3 ? undefined : never) });
    const stream = await t.openai.chat.completions.create({ ...hello, stream: true });
    for await (const _ of stream) break;
    expect(await t.simulator.requests[0]?.closed).toBe(false);
    expect(await t.gw.line()).not.toHaveProperty('gen_ai.usage.output_tokens');
  });

  test('that leaves before an answer ends the call to the provider', async () => {
    const { promise: reached, resolve } = Promise.withResolvers<void>();
    const { promise: never } = Promise.withResolvers<void>();
    await using t = await setUp({
      gate: () => {
        resolve();
        return never;
      },
    });
    const controller = new AbortController();
    const call = t.openai.chat.completions.create(hello, { signal: controller.signal });
    const failed = expect(call).rejects.toThrow();
    await reached;
    controller.abort();
    await failed;
    expect(await t.simulator.requests[0]?.closed).toBe(false);
  });

  test('does not notice a failure that a retry mends', async () => {
    await using t = await setUp({}, '', 'retry: { attempts: 1, codes: [ 500, 503 ] }');
    t.simulator.queue('500', null, 'cut', null);
    expect((await t.openai.chat.completions.create(hello)).object).toBe('chat.completion');
    expect((await t.openai.chat.completions.create(hello)).object).toBe('chat.completion');
    expect(t.simulator.requests.length).toBe(4);
    const bodies = new Set(t.simulator.requests.map(({ body }) => body.toString()));
    expect(bodies.size).toBe(1);
  });

  test('sends a large body without a change', async () => {
    await using t = await setUp();
    const content = 'line of "code"\n'.repeat(100_000);
    await t.openai.chat.completions.create({ ...hello, messages: [{ role: 'user', content }] });
    const sent = JSON.stringify({ ...hello, messages: [{ role: 'user', content }] });
    expect(t.simulator.requests[0]?.body.equals(Buffer.from(sent))).toBe(true);
  });
});
