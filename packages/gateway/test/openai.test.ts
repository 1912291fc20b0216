import { createHash } from 'node:crypto';
import { type SimulatorOptions, startSimulator } from '@agentgateway/simulator';
import OpenAI, { APIError, AuthenticationError, InternalServerError, RateLimitError } from 'openai';
import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { count } from './support/counts.ts';
import { gateway, type TestGateway } from './support/gateway.ts';

const clientKey = 'key-of-the-client';
const providerKey = 'key-of-the-provider';
const hash = createHash('sha256').update(clientKey).digest('hex');

/** The main job whole: a client with the gateway's key, a provider with its own. */
async function setUp(options: SimulatorOptions = {}, more = '') {
  const simulator = await startSimulator({ keys: [providerKey], ...options });
  const gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- policies:
    apiKey: { mode: strict, keys: [ { keyHash: "sha256:${hash}" } ] }
    ai: { routes: { /v1/chat/completions: completions, "*": passthrough } }
    ${more}
  backends:
  - ai:
      name: sim
      provider: { openAI: {} }
      hostOverride: ${simulator.host}:${simulator.port}
      policies: { backendAuth: { key: ${providerKey} } }
`);
  return {
    simulator,
    gw,
    openai: client(gw),
    async [Symbol.asyncDispose]() {
      await gw[Symbol.asyncDispose]();
      await simulator.close();
    },
  };
}

function client(gw: TestGateway, apiKey = clientKey): OpenAI {
  return new OpenAI({ apiKey, baseURL: gw.url('/v1'), maxRetries: 0 });
}

const hello = { model: 'sim-large', messages: [{ role: 'user' as const, content: 'hello world' }] };

async function failure(promise: Promise<unknown>): Promise<APIError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(APIError);
  return error as APIError;
}

test('a plain chat, with the keys exchanged and the usage recorded', async () => {
  await using at = await setUp();
  const answer = await at.openai.chat.completions.create(hello);
  expect(answer.choices[0]?.message.content).toContain('hello world');
  expect(at.simulator.requests[0]?.headers.authorization).toBe(`Bearer ${providerKey}`);
  expect(await at.gw.line()).toMatchObject({
    protocol: 'llm',
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': 'sim-large',
    'gen_ai.usage.input_tokens': answer.usage?.prompt_tokens,
    'gen_ai.usage.output_tokens': answer.usage?.completion_tokens,
  });
  expect(at.gw.texts.join('')).not.toMatch(/key-of-the/);
});

test('a streamed chat says the same, its usage is hidden unless it was asked for', async () => {
  await using at = await setUp();
  const plain = await at.openai.chat.completions.create(hello);
  const streamed = async (asked: boolean) => {
    const options = asked ? { stream_options: { include_usage: true } } : {};
    let text = '';
    let usage: unknown = null;
    for await (const chunk of await at.openai.chat.completions.create({ ...hello, stream: true, ...options })) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    return { text, usage };
  };
  const text = plain.choices[0]?.message.content;
  expect(await streamed(true)).toEqual({ text, usage: plain.usage });
  expect(await streamed(false)).toEqual({ text, usage: null });
  await at.gw.line(3);
  expect(at.gw.lines.map((line) => line['gen_ai.usage.output_tokens'])).toEqual(
    Array.from({ length: 3 }, () => plain.usage?.completion_tokens),
  );
});

test('tools are called, plain and streamed, and their results answered', async () => {
  await using at = await setUp();
  const tools = [
    {
      type: 'function' as const,
      function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
    },
  ];
  const asked = await at.openai.chat.completions.create({ ...hello, tools, tool_choice: 'required' });
  const message = asked.choices[0]?.message;
  const [call] = message?.tool_calls ?? [];
  expect(call).toMatchObject({ type: 'function', function: { name: 'weather' } });
  const streamed = await at.openai.chat.completions
    .stream({ ...hello, tools, tool_choice: 'required' })
    .finalChatCompletion();
  expect(streamed.choices[0]?.message.tool_calls?.[0]).toMatchObject({ function: { name: 'weather' } });
  const messages = [
    ...hello.messages,
    message as OpenAI.ChatCompletionMessage,
    { role: 'tool' as const, tool_call_id: call?.id ?? '', content: 'rain' },
  ];
  const last = await at.openai.chat.completions.create({ ...hello, messages, tools });
  expect(last.choices[0]?.finish_reason).toBe('stop');
});

test('a stream that is aborted is aborted upstream', async () => {
  const gate = Promise.withResolvers<void>();
  await using at = await setUp({ tokensPerSecond: 20 });
  const stream = await at.openai.chat.completions.create({ ...hello, stream: true });
  for await (const chunk of stream) {
    if (chunk.choices.length > 0) break;
  }
  stream.controller.abort();
  expect(await at.simulator.requests[0]?.closed).toBe(false);
  gate.resolve();
  const line = await at.gw.line();
  expect(line).toMatchObject({ 'http.status': 200 });
  expect(line).not.toHaveProperty('reason');
});

test('a wrong key does not get past the gateway', async () => {
  await using at = await setUp();
  const error = await failure(client(at.gw, 'wrong').chat.completions.create(hello));
  expect(error).toBeInstanceOf(AuthenticationError);
  expect(at.simulator.requests).toHaveLength(0);
  expect(await at.gw.line()).toMatchObject({ 'http.status': 401, reason: 'APIKeyAuth' });
});

test('a wrong key of the gateway itself is the provider’s 401', async () => {
  await using at = await setUp({ keys: ['another'] });
  const error = await failure(at.openai.chat.completions.create(hello));
  expect(error).toBeInstanceOf(AuthenticationError);
  expect(error.message).not.toContain(providerKey);
});

test.each(['seconds', 'date', 'ms', 'reset'] as const)(
  'a 429 keeps its word on when to come again (%s)',
  async (form) => {
    await using at = await setUp();
    at.simulator.queue({ kind: '429', retry: form });
    const error = await failure(at.openai.chat.completions.create(hello));
    expect(error).toBeInstanceOf(RateLimitError);
    const names = [...(error.headers?.keys() ?? [])].filter((name) => /^retry-after|^x-ratelimit/.test(name));
    expect(names.length).toBeGreaterThan(0);
    expect(await at.gw.line()).toMatchObject({ 'http.status': 429 });
  },
);

test('the provider’s errors arrive as errors', async () => {
  await using at = await setUp();
  at.simulator.queue('500', '503');
  for (const status of [500, 503]) {
    const error = await failure(at.openai.chat.completions.create(hello));
    expect(error).toBeInstanceOf(InternalServerError);
    expect(error.status).toBe(status);
  }
  const invalid = await failure(at.openai.chat.completions.create({ ...hello, model: 5 as unknown as string }));
  expect(invalid.status).toBe(400);
});

test('a failed call is tried again where the route says so', async () => {
  await using at = await setUp({}, 'retry: { attempts: 1, codes: [500] }');
  at.simulator.queue('500');
  const answer = await at.openai.chat.completions.create(hello);
  expect(answer.choices[0]?.finish_reason).toBe('stop');
  expect(at.simulator.requests).toHaveLength(2);
  expect(at.simulator.requests[1]?.body.equals(at.simulator.requests[0]?.body as Buffer)).toBe(true);
});

test.each(['cut;at=300', 'reset;at=300', 'early-end', 'malformed-end'])(
  'a stream that does not end well (%s) is an error for the SDK',
  async (fault) => {
    await using at = await setUp();
    at.simulator.queue(fault);
    const read = async () => {
      for await (const _ of await at.openai.chat.completions.create({ ...hello, stream: true }));
    };
    await expect(read()).rejects.toThrow();
    expect(await at.gw.line()).toMatchObject({ 'http.status': 200, reason: 'UpstreamFailure' });
  },
);

test('a stream that is cut is ended in the client’s dialect', async () => {
  await using at = await setUp();
  at.simulator.queue('cut;at=300');
  const answer = await ask(at.gw.port, {
    method: 'POST',
    path: '/v1/chat/completions',
    headers: { authorization: `Bearer ${clientKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...hello, stream: true }),
  });
  expect(answer.whole).toBe(false);
  const last = answer.text.trimEnd().split('\n\n').at(-1) ?? '';
  expect(JSON.parse(last.replace(/^data: /, ''))).toMatchObject({ error: { message: expect.any(String) } });
  expect(answer.text).not.toContain('[DONE]');
});

test('an answer that breaks off before it is whole is an error', async () => {
  await using at = await setUp();
  at.simulator.queue('cut;at=20', 'refuse');
  expect((await failure(at.openai.chat.completions.create(hello))).status).toBe(503);
  expect((await failure(at.openai.chat.completions.create(hello))).status).toBe(503);
});

test('other calls go through as they are', async () => {
  await using at = await setUp();
  const models = await at.openai.models.list();
  expect(models.data.length).toBeGreaterThan(0);
  expect(at.simulator.requests[0]).toMatchObject({ method: 'GET', path: '/v1/models' });
});

test('a body over the limit is refused before the provider is asked', async () => {
  const simulator = await startSimulator();
  await using gw = await gateway(`
frontendPolicies: { http: { maxBufferSize: 1000 } }
gateways: { default: { port: PORT } }
routes: [ { backends: [ { ai: { name: sim, provider: { openAI: {} }, hostOverride: "${simulator.host}:${simulator.port}" } } ] } ]
`);
  const large = { ...hello, messages: [{ role: 'user' as const, content: 'x'.repeat(2000) }] };
  const error = await failure(client(gw).chat.completions.create(large));
  expect(error.status).toBe(413);
  expect(error.error).toMatchObject({ type: expect.any(String) });
  expect(simulator.requests).toHaveLength(0);
  await simulator.close();
});

test('tokens are counted', async () => {
  await using at = await setUp();
  const { usage } = await at.openai.chat.completions.create(hello);
  const name = 'agentgateway_gen_ai_client_token_usage_sum';
  const labels = { gen_ai_request_model: 'sim-large' };
  const counted = (type: string) => count(at.gw.metrics(), name, { ...labels, gen_ai_token_type: type });
  expect([counted('input'), counted('output')]).toEqual([usage?.prompt_tokens, usage?.completion_tokens]);
});
