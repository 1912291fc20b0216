import fc from 'fast-check';
import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { type LlmRecord, RequestRecord } from '../record.ts';
import { parseExposition } from '../testing/parse-exposition.ts';
import { type FamilyName, families } from './families.ts';
import { Metrics } from './metrics.ts';
import { observeProcess } from './process.ts';
import { mergeSnapshots, retireSnapshot, type Snapshot, seriesOf } from './snapshot.ts';
import { expose } from './text-format.ts';

function record(fields: Partial<RequestRecord> = {}): RequestRecord {
  return Object.assign(new RequestRecord(), {
    startedAt: 1000,
    upstreamStartedAt: 1000.04,
    upstreamRespondedAt: 1010,
    respondedAt: 1010.2,
    endedAt: 1020,
    bind: 'bind/3000',
    gateway: 'default/default',
    listener: 'default',
    route: 'default/route0',
    backend: '/backend',
    method: 'GET',
    status: 200,
    responseBytes: 10,
    ...fields,
  });
}

function llm(fields: Partial<LlmRecord> = {}): LlmRecord {
  return {
    operation: 'embeddings',
    provider: 'openai',
    requestModel: 'm',
    responseModel: null,
    streaming: true,
    inputTokens: 100,
    cachedInputTokens: 40,
    cacheCreationInputTokens: 10,
    outputTokens: 20,
    reasoningTokens: null,
    inputAudioTokens: null,
    outputAudioTokens: null,
    outputImageTokens: null,
    totalTokens: 120,
    serviceTier: null,
    firstTokenAt: 1010,
    params: {},
    ...fields,
  };
}

function classic(snapshot: Snapshot) {
  return parseExposition(expose(snapshot, 'classic'), 'classic');
}

/** The one value of a series: all labels given must fit. */
function value(snapshot: Snapshot, name: string, labels: Record<string, string> = {}): number | undefined {
  const found = [...classic(snapshot).values()]
    .flatMap((family) => family.samples)
    .filter((one) => one.name === name && Object.entries(labels).every(([key, text]) => one.labels[key] === text));
  expect(found.length).toBeLessThanOrEqual(1);
  return found[0]?.value;
}

const route =
  'bind="bind/3000",gateway="default/default",listener="default",route="default/route0",route_rule="unknown"';
const http = `backend="/backend",protocol="http",method="GET",status="200",reason="Upstream",${route}`;

test('a request is counted under the specified names and labels', () => {
  verifies('TEL-24');
  const metrics = new Metrics('1');
  metrics.observeRequest(record());
  observeProcess(metrics, '1.2.3');
  const text = expose(metrics.snapshot(), 'openmetrics');
  expect(text).toContain(`\nagentgateway_requests_total{${http}} 1\n`);
  expect(text).toContain(`\nagentgateway_response_bytes_total{${http}} 10\n`);
  expect(text).toContain(`\nagentgateway_request_duration_seconds_bucket{${http},le="0.001"} 0\n`);
  expect(text).toContain(`\nagentgateway_request_duration_seconds_bucket{${http},le="0.025"} 1\n`);
  expect(text).toContain(`\nagentgateway_request_duration_seconds_bucket{${http},le="1.0"} 1\n`);
  expect(text).toContain(`\nagentgateway_request_duration_seconds_sum{${http}} 0.02\n`);
  expect(text).toContain(`_processing_seconds_bucket{backend="/backend",${route},le="0.00005"} 1\n`);
  expect(text).toContain('\nagentgateway_build_info{tag="1.2.3"} 1\n');
  expect(text).not.toContain('agentgateway_retries');
  expect(text.endsWith('\n# EOF\n')).toBe(true);
});

test('retries add up; processing is timed only where an upstream was called', () => {
  const metrics = new Metrics('1');
  metrics.observeRequest(record({ retryAttempt: 2 }));
  metrics.observeRequest(record({ retryAttempt: 1 }));
  metrics.observeRequest(record({ upstreamStartedAt: 0, upstreamRespondedAt: 0, responseBytes: 0 }));
  metrics.observeRequest(record({ upstreamRespondedAt: 0, status: 503, reason: 'UpstreamFailure' }));
  const snapshot = metrics.snapshot();
  expect(value(snapshot, 'agentgateway_retries_total')).toBe(3);
  expect(value(snapshot, 'agentgateway_request_processing_seconds_count')).toBe(3);
  expect(value(snapshot, 'agentgateway_response_processing_seconds_count')).toBe(2);
  expect(value(snapshot, 'agentgateway_requests_total', { status: '200' })).toBe(3);
});

test('a model call observes one value per known count of tokens', () => {
  const metrics = new Metrics('1');
  metrics.observeRequest(record({ protocol: 'llm', llm: llm() }));
  metrics.observeRequest(
    record({ protocol: 'llm', llm: llm({ outputTokens: null, cachedInputTokens: null, firstTokenAt: 0 }) }),
  );
  const snapshot = metrics.snapshot();
  const usage = (type: string) =>
    value(snapshot, 'agentgateway_gen_ai_client_token_usage_sum', { gen_ai_token_type: type });
  expect([usage('input'), usage('output'), usage('input_cache_read'), usage('input_cache_write')]).toEqual([
    200, 20, 40, 20,
  ]);
  const labels = {
    gen_ai_operation_name: 'chat',
    gen_ai_system: 'openai',
    gen_ai_request_model: 'm',
    gen_ai_response_model: 'unknown',
    route: 'default/route0',
  };
  expect(value(snapshot, 'agentgateway_gen_ai_server_request_duration_count', labels)).toBe(2);
  expect(value(snapshot, 'agentgateway_gen_ai_server_time_to_first_token_sum', labels)).toBe(0.01);
  expect(value(snapshot, 'agentgateway_gen_ai_server_time_per_output_token_sum', labels)).toBe(0.0005);
});

test('TEL-27: labels of the configuration are on all that is counted by route', () => {
  verifies('TEL-27');
  const metrics = new Metrics('1', { histograms: 'classic', remove: [], labels: ['tenant', 'num'] });
  metrics.observeRequest(record({ retryAttempt: 1, llm: llm() }), ['t1', null]);
  metrics.observeRequest(record({ llm: llm() }), [null, null]);
  const merged = mergeSnapshots([metrics.snapshot(), retireSnapshot(null, metrics.snapshot())]);
  for (const name of ['requests_total', 'request_processing_seconds_count', 'gen_ai_server_request_duration_count'])
    for (const tenant of ['t1', 'unknown'])
      expect(value(merged, `agentgateway_${name}`, { tenant, num: 'unknown' })).toBe(2);
  const tokens = { gen_ai_token_type: 'input', tenant: 't1' };
  expect(value(merged, 'agentgateway_gen_ai_client_token_usage_sum', tokens)).toBe(200);
  expect(value(merged, 'agentgateway_retries_total', { tenant: 't1' })).toBe(2);
});

test('connections, handshakes, upstream calls and the state of the configuration', () => {
  const metrics = new Metrics('supervisor');
  const labels = { bind: 'bind/1', gateway: null, listener: null, protocol: 'https' } as const;
  metrics.connectionOpened(labels);
  metrics.connectionOpened(labels);
  metrics.connectionClosed(labels, 100, 200);
  metrics.tlsHandshake(labels, 1.2);
  metrics.upstreamConnect('tls', 3);
  metrics.upstreamCall('http', 'route', 4);
  metrics.configSynchronized(true);
  metrics.configSynchronized(false);
  const snapshot = metrics.snapshot();
  expect(value(snapshot, 'agentgateway_downstream_connections_total', { protocol: 'https', listener: 'unknown' })).toBe(
    2,
  );
  expect(value(snapshot, 'agentgateway_downstream_received_bytes_total')).toBe(100);
  expect(value(snapshot, 'agentgateway_downstream_sent_bytes_total')).toBe(200);
  expect(value(snapshot, 'agentgateway_tls_handshake_duration_seconds_bucket', { le: '0.0015' })).toBe(1);
  expect(value(snapshot, 'agentgateway_upstream_connect_duration_seconds_sum', { transport: 'tls' })).toBe(0.003);
  expect(value(snapshot, 'agentgateway_upstream_call_duration_seconds_count', { kind: 'http', subtype: 'route' })).toBe(
    1,
  );
  expect(value(snapshot, 'agentgateway_config_synchronized')).toBe(0);
  expect(value(snapshot, 'nodejs_heap_size_used_bytes', { thread: 'supervisor' })).toBeGreaterThan(0);
});

test('labels that a client makes up are bounded', () => {
  const metrics = new Metrics('1');
  for (let i = 0; i < 10_500; i++) {
    metrics.observeRequest(record({ method: `M${i}`, retryAttempt: 1 }));
    if (i < 3_000) metrics.observeRequest(record({ protocol: 'llm', llm: llm({ requestModel: `m${i}` }) }));
  }
  const { families: counted } = metrics.snapshot();
  const labelsOf = (name: FamilyName) => {
    const found = counted.find(({ family }) => family === name);
    return found === undefined ? [] : [...seriesOf(found)];
  };
  // Beyond the bound stands one series for all, of tokens one of each type.
  for (const { family } of counted) expect(labelsOf(family).length, family).toBeLessThanOrEqual(10_004);
  const total = labelsOf('requests');
  expect(total.reduce((sum, { cells }) => sum + (cells[0] ?? 0), 0)).toBe(13_500);
  expect(total.filter(({ labels }) => labels.includes('__overflow__')).map(({ cells }) => cells[0])).toEqual([501]);
  const lost = labelsOf('tokenUsage').find(({ labels }) => labels[0] === 'input' && labels[3] === '__overflow__');
  expect(lost?.cells.at(-1)).toBe(500 * 100);
});

const requests = fc.array(
  fc.record({
    method: fc.constantFrom('GET', 'POST', 'we"ird\\\n'),
    status: fc.constantFrom(0, 200, 503),
    route: fc.constantFrom(null, 'default/a', 'default/b'),
    duration: fc.nat(100_000),
    tokens: fc.option(fc.nat(1_000_000)),
    thread: fc.nat(3),
  }),
  { maxLength: 60 },
);

test('merged snapshots are what one thread would have counted, whoever died on the way', () => {
  fc.assert(
    fc.property(requests, fc.nat(3), (all, dies) => {
      const one = new Metrics('1');
      const threads = [0, 1, 2, 3].map(() => new Metrics('1'));
      for (const { thread, duration, tokens, ...fields } of all) {
        const finished = record({ ...fields, endedAt: 1000 + duration, llm: llm({ inputTokens: tokens }) });
        one.observeRequest(finished);
        threads[thread]?.observeRequest(finished);
      }
      const snapshots = threads.map((thread) => structuredClone(thread.snapshot()));
      const dead = retireSnapshot(null, snapshots[dies]!);
      const living = snapshots.filter((_, index) => index !== dies);
      const merged = mergeSnapshots([dead, ...living]);
      expect(counted(merged)).toEqual(counted(one.snapshot()));
      for (const format of ['openmetrics', 'classic'] as const) parseExposition(expose(merged, format), format);
    }),
    { numRuns: 50 },
  );
});

/** Series of the requests' metrics by name, in no order; sums rounded, for addition of floats is not associative. */
function counted(snapshot: Snapshot): ReadonlyMap<string, number> {
  const samples = [...classic(snapshot)]
    .filter(([name]) => name.startsWith('agentgateway_'))
    .flatMap(([, family]) => family.samples);
  return new Map(samples.map((one) => [one.name + JSON.stringify(one.labels), Math.round(one.value * 1e6)]));
}

test('of a dead thread only counts remain', () => {
  const metrics = new Metrics('7');
  metrics.observeRequest(record());
  metrics.configSynchronized(true);
  const twice = retireSnapshot(retireSnapshot(null, metrics.snapshot()), metrics.snapshot());
  expect(value(twice, 'agentgateway_requests_total')).toBe(2);
  expect(value(twice, 'agentgateway_config_synchronized')).toBeUndefined();
  expect(value(twice, 'nodejs_heap_size_used_bytes')).toBeUndefined();
});

test('sample lines are the same in both formats, types are in each its own', () => {
  const metrics = new Metrics('1');
  metrics.observeRequest(record({ llm: llm() }));
  observeProcess(metrics, 'v');
  metrics.configSynchronized(true);
  const snapshot = metrics.snapshot();
  const samples = (text: string) => text.split('\n').filter((line) => !line.startsWith('#'));
  const open = expose(snapshot, 'openmetrics');
  const plain = expose(snapshot, 'classic');
  expect(samples(open)).toEqual(samples(plain));
  const parsed = parseExposition(open, 'openmetrics');
  expect(parsed.get('agentgateway_requests')?.type).toBe('counter');
  expect(parsed.get('agentgateway_build')?.type).toBe('info');
  expect(parsed.get('agentgateway_response_bytes')?.unit).toBe('bytes');
  const old = parseExposition(plain, 'classic');
  expect(old.get('agentgateway_requests_total')?.type).toBe('counter');
  expect(old.get('agentgateway_build_info')?.type).toBe('gauge');
  expect(plain).not.toContain('# UNIT');
});

test('buckets are those of the specification', () => {
  const bounds = (family: FamilyName) => {
    const definition = families[family];
    return 'buckets' in definition ? definition.buckets.join(' ') : '';
  };
  expect(bounds('requestDuration')).toBe('0.001 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 30 80');
  expect(bounds('requestProcessing')).toBe('0.00005 0.0001 0.00025 0.0005 0.001 0.0025 0.005 0.01 0.05 0.25');
  expect(bounds('upstreamConnect')).toBe('0.0005 0.0015 0.0043 0.0126 0.0368 0.108 0.316 0.924 2.71 8');
  expect(bounds('tokenUsage')).toBe('1 4 16 64 256 1024 4096 16384 65536 262144 1048576 4194304 16777216 67108864');
  expect(bounds('modelDuration')).toBe('0.01 0.02 0.04 0.08 0.16 0.32 0.64 1.28 2.56 5.12 10.24 20.48 40.96 81.92');
  expect(bounds('timePerOutputToken')).toBe('0.001 0.01 0.025 0.05 0.075 0.1 0.15 0.2 0.3 0.4 0.5 0.75 1 2.5');
  expect(bounds('timeToFirstToken')).toBe('0.001 0.005 0.01 0.02 0.04 0.06 0.08 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10');
});
