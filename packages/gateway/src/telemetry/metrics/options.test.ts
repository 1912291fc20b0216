import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { RequestRecord } from '../record.ts';
import { Metrics } from './metrics.ts';
import { defaultMetricOptions, removedFamilies } from './options.ts';
import { expose } from './text-format.ts';

test.each([
  ['requests', ['requests']],
  ['requests_total', ['requests']],
  ['agentgateway_requests', ['requests']],
  ['agentgateway_requests_total', ['requests']],
  ['request_duration', ['requestDuration']],
  ['request_duration_seconds', ['requestDuration']],
  ['agentgateway_request_duration_seconds', ['requestDuration']],
  ['response_bytes_total', ['responseBytes']],
  ['agentgateway_response_bytes', ['responseBytes']],
  ['gen_ai_client_token_usage', ['tokenUsage']],
  ['request', []],
  ['process_cpu_seconds', []],
  ['cpu', []],
  ['nodejs_heap_size_used_bytes', []],
] as const)('%s takes away %j', (entry, families) => {
  expect([...removedFamilies([entry])]).toEqual(families);
});

test('TEL-26: what is removed is not counted, all else is', () => {
  verifies('TEL-26');
  const metrics = new Metrics('1', {
    ...defaultMetricOptions,
    remove: ['response_bytes_total', 'downstream_connections'],
  });
  const labels = { bind: 'bind/1', gateway: null, listener: null, protocol: 'http' } as const;
  for (let i = 0; i < 3; i++) {
    metrics.observeRequest(Object.assign(new RequestRecord(), { responseBytes: 10, status: 200 + i }));
    metrics.connectionOpened(labels);
  }
  metrics.connectionClosed(labels, 1, 2);
  const text = expose(metrics.snapshot(), 'classic');
  expect(text).not.toContain('response_bytes');
  expect(text).not.toContain('downstream_connections');
  expect(text).toContain('agentgateway_requests_total{');
  expect(text).toContain('agentgateway_downstream_sent_bytes_total{');
});
