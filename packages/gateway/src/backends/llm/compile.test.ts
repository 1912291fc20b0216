import { Headers, Response } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import type { GatewayError } from '../../pipeline/errors.ts';
import type { BackendPolicy } from '../../policies/policy.ts';
import type { AiProvider } from '../../resources/model.ts';
import { Bench, TestStream } from './fixture.ts';

const chat = '{"model":"m","messages":[]}';
const ok = () => new Response(200, new Headers(), Buffer.from('{"model":"m"}'));

function provider(name: string, more: Partial<AiProvider> = {}): AiProvider {
  return { name, provider: { type: 'openAI' }, policies: [], ...more };
}

function ai(routes: Record<string, string>): BackendPolicy {
  return { kind: 'ai', spec: { routes } } as BackendPolicy;
}

async function failure(promise: Promise<unknown>): Promise<GatewayError> {
  return promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error as GatewayError,
  );
}

test('without a host of its own a provider is reached at home, over TLS, under its own name and path', async () => {
  verifies('LLM-1');
  const bench = new Bench([[provider('a')]]);
  bench.answer = ok;
  await bench.send(bench.exchange(chat, '/anything'));
  expect(bench.sent).toMatchObject([
    {
      address: { host: 'api.openai.com', port: 443 },
      tls: true,
      authority: 'api.openai.com',
      path: '/v1/chat/completions',
    },
  ]);
});

test('with a host override there is neither TLS nor another name, and the path is the client’s', async () => {
  verifies('LLM-2');
  const hostOverride = { host: 'localhost', port: 9 };
  const bench = new Bench([[provider('a', { hostOverride })]]);
  bench.answer = ok;
  const exchange = bench.exchange(chat, '/x?trace=x');
  await bench.send(exchange);
  expect(bench.sent).toMatchObject([
    { address: hostOverride, tls: false, authority: 'gateway.test', path: '/x?trace=x' },
  ]);
  expect(exchange.request.path).toBe('/x?trace=x');
});

test('backendTLS counts with a host override too', async () => {
  const bench = new Bench(
    [[provider('a', { hostOverride: { host: 'h', port: 1 } })]],
    [{ kind: 'backendTLS', spec: {} }],
  );
  bench.answer = ok;
  await bench.send(bench.exchange(chat));
  expect(bench.sent[0]?.tls).toBe(true);
});

test("a provider's policies go before the backend's", () => {
  const own: BackendPolicy = { kind: 'backendAuth', spec: { key: { value: { $secret: 'own' } } } };
  const common: BackendPolicy = { kind: 'backendAuth', spec: { key: { value: { $secret: 'common' } } } };
  const tls: BackendPolicy = { kind: 'backendTLS', spec: {} };
  const bench = new Bench([[provider('a', { policies: [own] }), provider('b')]], [common, tls]);
  expect(bench.phases).toEqual([
    [own, tls],
    [common, tls],
  ]);
});

test('attempts spread over the first group that has providers, and no other', async () => {
  const at = (port: number) => provider(`p${port}`, { hostOverride: { host: 'h', port } });
  const bench = new Bench([[], [at(1), at(2)], [at(3)]]);
  bench.answer = ok;
  for (const random of [0, 0.49, 0.5, 0.999]) {
    bench.random = random;
    await bench.send(bench.exchange(chat));
  }
  expect(bench.sent.map(({ address }) => (address as { port: number }).port)).toEqual([1, 1, 2, 2]);
});

test('without any provider there is no healthy backend, in the dialect of the caller', async () => {
  const bench = new Bench([]);
  const exchange = bench.exchange(chat);
  const error = await failure(bench.send(exchange));
  expect(error.code).toBe('noHealthyBackends');
  expect(JSON.parse(String(exchange.wordError?.(error).body))).toMatchObject({ error: { type: 'api_error' } });
});

test('route types come from the backend before the route, and from nothing are completions', async () => {
  verifies('LLM-4');
  const route = { routes: { '/a': 'passthrough', '/b': 'messages' } } as const;
  const send = async (bench: Bench, path: string) => {
    bench.answer = ok;
    await bench.send(bench.exchange(chat, path));
    return bench.sent.at(-1)?.path;
  };
  const plain = new Bench([[provider('a')]], [], route);
  expect(await send(plain, '/a')).toBe('/a');
  expect((await failure(send(plain, '/b'))).message).toContain('messages');
  expect(await send(plain, '/c')).toBe('/v1/chat/completions');
  expect(await send(new Bench([[provider('a')]], [ai({ '/b': 'passthrough' })], route), '/b')).toBe('/b');
  expect(await send(new Bench([[provider('a')]], [ai({})], route), '/a')).toBe('/a');
  expect(await send(new Bench([[provider('a')]]), '/a')).toBe('/v1/chat/completions');
});

test.each([
  ['messages', { type: 'error', error: { type: 'api_error', message: 'not supported yet: route type messages' } }],
  ['anthropicTokenCount', { type: 'error' }],
  ['generateContent', { error: { code: 501, status: 'UNIMPLEMENTED' } }],
  ['geminiCountTokens', { error: { code: 501 } }],
  ['responses', { error: { code: 'llm_not_built', param: null } }],
  ['embeddings', { error: { code: 'llm_not_built' } }],
  ['realtime', { error: { code: 'llm_not_built' } }],
  ['rerank', { message: 'not supported yet: route type rerank' }],
])('route type %s is refused by name, in its dialect', async (type, body) => {
  const bench = new Bench([[provider('a')]], [ai({ '*': type })]);
  const exchange = bench.exchange(chat);
  const error = await failure(bench.send(exchange));
  expect(error.status).toBe(501);
  const response = exchange.wordError?.(error);
  expect(response?.status).toBe(501);
  expect(response?.headers.get('content-type')).toBe('application/json');
  expect(JSON.parse(String(response?.body))).toMatchObject(body);
});

test('route type detect is refused in plain text: nobody knows the dialect', async () => {
  const bench = new Bench([[provider('a')]], [ai({ '*': 'detect' })]);
  const exchange = bench.exchange(chat);
  expect((await failure(bench.send(exchange))).code).toBe('llmNotBuilt');
  expect(exchange.wordError).toBeNull();
});

test('route type models has its fixed answer', async () => {
  const bench = new Bench([[provider('a')]], [ai({ '/models': 'models' })]);
  const response = await bench.send(bench.exchange(null, '/v1/models'));
  expect(response.status).toBe(501);
  expect(String(response.body)).toBe(`{"error":"Route 'Models' not implemented"}`);
});

test('passing through touches neither body', async () => {
  verifies('LLM-3');
  const options = { hostOverride: { host: 'h', port: 1 }, pathPrefix: '/openai/v1' };
  const bench = new Bench([[provider('a', options)]], [ai({ '*': 'passthrough' })]);
  const response = new Response(200, new Headers(), new TestStream());
  bench.answer = () => response;
  const body = new TestStream();
  const exchange = bench.exchange(body, '/v1/files?foo=bar');
  expect(await bench.send(exchange)).toBe(response);
  expect(bench.sent).toMatchObject([{ path: '/openai/v1/files?foo=bar', body }]);
  expect(body.consumer).toBeNull();
  expect(exchange.record.llm).toBeNull();
});
