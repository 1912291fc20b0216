import { expect, test } from 'vitest';
import { noPorts } from '../policies/testing.ts';
import { type AccessFormat, compileAccessFormat } from './access-log.ts';
import { Projection } from './access-policy.ts';
import { accessKeyNames, accessKeys } from './key-values.ts';
import { compileProjectedFormat } from './projected-line.ts';
import { type LlmRecord, RequestRecord } from './record.ts';
import type { FinishedExchange } from './telemetry.ts';

const llm: LlmRecord = {
  operation: 'embeddings',
  provider: 'openai',
  requestModel: 'asked',
  responseModel: 'answered',
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
};

/** With every key. */
const full: Partial<RequestRecord> = {
  connectionId: 3,
  requestId: 7,
  startedAt: 100,
  endedAt: 112.9,
  gateway: 'default/default',
  listener: 'default',
  routeRule: 'rule',
  route: 'default/api',
  endpoint: '[::1]:8080',
  sourceAddress: '::1',
  sourcePort: 40000,
  sourceIdentity: 'spiffe://td/ns/n/sa/s',
  method: 'GET',
  host: 'h',
  path: '/a?x=1&token=secret',
  version: 'HTTP/1.1',
  status: 200,
  grpcStatus: 0,
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  jwtSub: 'somebody "else"',
  protocol: 'llm',
  llm,
  retryAttempt: 2,
  error: 'said "no"',
  reason: 'UpstreamFailure',
};

function record(fields: Partial<RequestRecord>): RequestRecord {
  return Object.assign(new RequestRecord(), fields);
}

function listed(line: ReturnType<AccessFormat>): [string, unknown][] {
  return Object.entries(JSON.parse(line)).filter(([key]) => !['level', 'time', 'scope'].includes(key));
}

test.each([
  ['everything', full],
  ['nothing', {}],
  ['no host, but a name in the TLS handshake', { ...full, host: null, sni: 'name' }],
  ['an empty path', { ...full, path: '' }],
  ['the path of a CONNECT', { ...full, path: '', method: 'CONNECT' }],
  ['no model call', { ...full, llm: null }],
] as [string, Partial<RequestRecord>][])('the list says what the line says: %s', (_, fields) => {
  const of = record(fields);
  expect(accessKeys(of)).toEqual(listed(compileAccessFormat('json')(of)));
});

test.each(['json', 'text'] as const)(
  'a line of keys that a policy left as they are is the line without a policy: %s',
  (format) => {
    const untouched = new Projection({ add: [], remove: [] }, noPorts.expression);
    for (const fields of [full, {}, { ...full, host: null, sni: 'name' }, { ...full, path: '', method: 'CONNECT' }]) {
      const of = record(fields);
      for (const ids of [true, false]) {
        const line = compileProjectedFormat(format, untouched, { ids })({ record: of } as FinishedExchange);
        expect(line).toBe(compileAccessFormat(format, { ids })(of));
      }
    }
  },
);

test('the names are those of a line that has everything', () => {
  const line = compileAccessFormat('json', { ids: true });
  const names = [record(full), record({ ...full, host: null, sni: 'name' })].flatMap((of) => listed(line(of)));
  expect(new Set(names.map(([name]) => name))).toEqual(accessKeyNames);
});

test('what is left out is not there', () => {
  const of = record(full);
  const omitted = new Set(['src.addr', 'gen_ai.provider.name', 'duration', 'level']);
  expect(accessKeys(of, omitted)).toEqual(accessKeys(of).filter(([name]) => !omitted.has(name)));
});
