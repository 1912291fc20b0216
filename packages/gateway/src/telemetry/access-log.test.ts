import fc from 'fast-check';
import { expect, test } from 'vitest';
import { verifies } from '../../test/verifies.ts';
import { compileAccessFormat } from './access-log.ts';
import { type LlmRecord, RequestRecord } from './record.ts';

const json = compileAccessFormat('json');
const text = compileAccessFormat('text');

function record(fields: Partial<RequestRecord> = {}): RequestRecord {
  return Object.assign(new RequestRecord(), {
    connectionId: 3,
    requestId: 7,
    startedAtEpoch: Date.UTC(2026, 0, 2, 3, 4, 5, 0),
    startedAt: 100,
    endedAt: 112.9,
    bind: 'bind/3000',
    gateway: 'default/default',
    listener: 'default',
    route: 'default/route0',
    backend: '/backend',
    endpoint: '127.0.0.1:8080',
    sourceAddress: '127.0.0.1',
    sourcePort: 40000,
    method: 'GET',
    host: 'localhost',
    path: '/a?x=1',
    version: 'HTTP/1.1',
    status: 200,
    ...fields,
  });
}

function llm(fields: Partial<LlmRecord> = {}): LlmRecord {
  return {
    operation: 'chat',
    provider: 'openai',
    requestModel: 'gpt-x',
    responseModel: 'gpt-x-1',
    streaming: true,
    inputTokens: 100,
    cachedInputTokens: 40,
    cacheCreationInputTokens: 10,
    outputTokens: 20,
    reasoningTokens: 5,
    inputAudioTokens: 1,
    outputAudioTokens: 2,
    outputImageTokens: 3,
    totalTokens: 120,
    serviceTier: 'default',
    firstTokenAt: 102.5,
    params: {
      temperature: 0.7,
      topP: 1,
      maxTokens: 64,
      frequencyPenalty: 0,
      presencePenalty: -1.5,
      seed: 42,
      encodingFormat: 'float',
      dimensions: 256,
    },
    ...fields,
  };
}

test('a JSON line, byte by byte', () => {
  verifies('TEL-1', 'TEL-2');
  expect(json(record())).toBe(
    '{"level":"info","time":"2026-01-02T03:04:05.012900Z","scope":"request","gateway":"default/default",' +
      '"listener":"default","route":"default/route0","endpoint":"127.0.0.1:8080","src.addr":"127.0.0.1:40000",' +
      '"http.method":"GET","http.host":"localhost","http.path":"/a?x=1","http.version":"HTTP/1.1","http.status":200,' +
      '"protocol":"http","duration":"12ms"}\n',
  );
});

test('a text line, byte by byte', () => {
  verifies('TEL-3');
  expect(text(record())).toBe(
    '2026-01-02T03:04:05.012900Z\tinfo\trequest gateway=default/default listener=default route=default/route0 ' +
      'endpoint=127.0.0.1:8080 src.addr=127.0.0.1:40000 http.method=GET http.host=localhost http.path=/a?x=1 ' +
      'http.version=HTTP/1.1 http.status=200 protocol=http duration=12ms\n',
  );
});

test('every key that a model call may have, in its place', () => {
  const full = record({ protocol: 'llm', llm: llm(), routeRule: 'rule', grpcStatus: 0, retryAttempt: 1, error: 'no' });
  expect(text(full)).toBe(
    '2026-01-02T03:04:05.012900Z\tinfo\trequest gateway=default/default listener=default route_rule=rule ' +
      'route=default/route0 endpoint=127.0.0.1:8080 src.addr=127.0.0.1:40000 http.method=GET http.host=localhost ' +
      'http.path=/a?x=1 http.version=HTTP/1.1 http.status=200 grpc.status=0 protocol=llm gen_ai.operation.name=chat ' +
      'gen_ai.provider.name=openai gen_ai.request.model=gpt-x gen_ai.response.model=gpt-x-1 ' +
      'gen_ai.usage.input_tokens=100 gen_ai.usage.cache_creation.input_tokens=10 ' +
      'gen_ai.usage.cache_read.input_tokens=40 gen_ai.usage.output_tokens=20 gen_ai.usage.reasoning_tokens=5 ' +
      'agw.ai.time_to_first_token=0.0025 agw.ai.time_per_output_token=0.00052 gen_ai.usage.output_image_tokens=3 ' +
      'gen_ai.usage.input_audio_tokens=1 gen_ai.usage.output_audio_tokens=2 gen_ai.request.temperature=0.7 ' +
      'gen_ai.embeddings.dimension.count=256 gen_ai.request.encoding_formats=float gen_ai.request.top_p=1 ' +
      'gen_ai.request.max_tokens=64 gen_ai.request.frequency_penalty=0 gen_ai.request.presence_penalty=-1.5 ' +
      'gen_ai.request.seed=42 retry.attempt=1 error="no" duration=12ms\n',
  );
  const keys = [...text(full).matchAll(/ ([a-z][a-z._]*)=/g)].map((match) => match[1]);
  expect(Object.keys(JSON.parse(json(full)))).toEqual(['level', 'time', 'scope', ...keys]);
});

test('a failure names its reason and quotes its error', () => {
  verifies('TEL-12');
  const failed = record({ status: 404, reason: 'NotFound', error: 'route not found', route: null, endpoint: null });
  expect(text(failed)).toMatch(
    / http\.status=404 protocol=http error="route not found" reason=NotFound duration=12ms\n$/,
  );
  expect(JSON.parse(json(failed))).toMatchObject({ error: 'route not found', reason: 'NotFound' });
  expect(json(record({ reason: 'DirectResponse' }))).toContain('"reason":"DirectResponse","duration"');
});

test('the last try is told only if there was more than one', () => {
  verifies('TEL-13');
  expect(JSON.parse(json(record({ retryAttempt: 2 })))['retry.attempt']).toBe(2);
  expect(json(record())).not.toContain('retry.attempt');
});

test('ids are written only where they are asked for', () => {
  const line = compileAccessFormat('json', { ids: true })(record());
  expect(line).toContain('"scope":"request","connection.id":3,"request.id":7,"gateway"');
  expect(compileAccessFormat('text', { ids: true })(record())).toContain(
    '\trequest connection.id=3 request.id=7 gateway=',
  );
});

test('microseconds are padded', () => {
  const at = (epoch: number) => text(record({ startedAtEpoch: epoch, startedAt: 0, endedAt: 0 })).slice(0, 27);
  expect(at(0.012)).toBe('1970-01-01T00:00:00.000012Z');
  expect(at(1_767_323_045_000.5)).toBe('2026-01-02T03:04:05.000500Z');
  expect(at(999.9999)).toBe('1970-01-01T00:00:00.999999Z');
  expect(at(1000)).toBe('1970-01-01T00:00:01.000000Z');
});

test('credentials in the query are not logged, however they are spelled', () => {
  const path = (value: string) => JSON.parse(json(record({ path: value })))['http.path'];
  expect(path('/v1?key=s3cret&x=1')).toBe('/v1?key=<redacted>&x=1');
  expect(path('/v1?x=1&access_token=s3cret')).toBe('/v1?x=1&access_token=<redacted>');
  expect(path('/v1?%6bey=s3cret&TOKEN=t&code=c=d')).toBe('/v1?%6bey=<redacted>&TOKEN=<redacted>&code=<redacted>');
  expect(path('/v1?key=&monkey=1&key')).toBe('/v1?key=&monkey=1&key');
  expect(path('/key=1?%zz=1')).toBe('/key=1?%zz=1');
});

test('a client cannot forge a key or a line', () => {
  const line = text(record({ protocol: 'llm', llm: llm({ requestModel: 'x error="no"\nsecond\u2028line' }) }));
  expect(line).toContain(' gen_ai.request.model="x error=\\"no\\"\\nsecond\\u2028line" ');
  expect(line.indexOf('\n')).toBe(line.length - 1);
});

test('what has no value has no key', () => {
  const bare = Object.assign(new RequestRecord(), { endedAt: 5 });
  expect(json(bare)).toBe(
    '{"level":"info","time":"1970-01-01T00:00:00.005000Z","scope":"request","protocol":"http","duration":"5ms"}\n',
  );
  expect(json(record({ host: null, sni: 'a.example' }))).toContain('"tls.sni":"a.example"');
  expect(json(record({ sni: 'a.example' }))).not.toContain('tls.sni');
  expect(json(record({ method: 'CONNECT', path: '' }))).toContain('"http.path":"/"');
  expect(json(record({ sourceAddress: '::1', sourcePort: 1 }))).toContain('"src.addr":"[::1]:1"');
});

test('a JSON line always reads back to the values that went in', () => {
  const anyText = fc.string({ unit: 'binary', minLength: 1 });
  fc.assert(
    fc.property(anyText, anyText, anyText, fc.double({ noNaN: true, noDefaultInfinity: true }), (a, b, c, n) => {
      const line = json(
        record({ gateway: a, error: b, method: c, llm: llm({ responseModel: a, params: { temperature: n } }) }),
      );
      expect(line.endsWith('}\n')).toBe(true);
      const read = JSON.parse(line);
      expect([read.gateway, read.error, read['http.method'], read['gen_ai.response.model']]).toEqual([a, b, c, a]);
      expect(read['gen_ai.request.temperature']).toBe(n === 0 ? 0 : n);
      expect(line).not.toMatch(/"gen_ai\.request\.temperature":[-0-9.]*e/);
    }),
  );
  const lone = JSON.parse(json(record({ error: 'x\ud800"\\\u0001' })));
  expect(lone.error).toBe('x\ud800"\\\u0001');
});
