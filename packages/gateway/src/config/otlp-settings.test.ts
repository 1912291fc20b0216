import { expect, test } from 'vitest';
import { otlpSettings } from './otlp-settings.ts';

test('defaults', () => {
  expect(otlpSettings({}, 'h')).toEqual({
    resource: { 'service.name': 'agentgateway', 'host.name': 'h' },
    spans: { maxQueueSize: 2048, maxExportBatchSize: 512, scheduleDelay: 5_000, exportTimeout: 30_000 },
    logs: { maxQueueSize: 2048, maxExportBatchSize: 512, scheduleDelay: 1_000, exportTimeout: 30_000 },
  });
});

test('batching from the environment; what cannot be read counts as not set', () => {
  const env = {
    OTEL_BSP_MAX_QUEUE_SIZE: '100',
    OTEL_BSP_SCHEDULE_DELAY: '0',
    OTEL_BSP_EXPORT_TIMEOUT: '0',
    OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: '7',
    OTEL_BLRP_SCHEDULE_DELAY: 'soon',
    OTEL_BLRP_EXPORT_TIMEOUT: '-1',
  };
  const { spans, logs } = otlpSettings(env, '');
  expect(spans).toEqual({ maxQueueSize: 100, maxExportBatchSize: 100, scheduleDelay: 0, exportTimeout: 30_000 });
  expect(logs).toEqual({ maxQueueSize: 2048, maxExportBatchSize: 7, scheduleDelay: 1_000, exportTimeout: 30_000 });
});

test('the resource, from the least to the most precise', () => {
  const env = {
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=a, team=x%2Cy ,k8s.pod.name=b,',
    OTEL_SERVICE_NAME: 'c',
    POD_NAME: 'pod',
    NAMESPACE: 'ns',
    NODE_NAME: 'node',
    INSTANCE_IP: '10.0.0.1',
  };
  expect(otlpSettings(env, '').resource).toEqual({
    'service.name': 'c',
    team: 'x,y',
    'k8s.pod.name': 'pod',
    'k8s.namespace.name': 'ns',
    'k8s.node.name': 'node',
    'k8s.pod.ip': '10.0.0.1',
    'service.instance.id': 'agentgateway~10.0.0.1~pod.ns~ns.svc.cluster.local',
  });
});

test.each(['a', '=a', 'a=%', 'a=b,c'])('a list that cannot be read is none: %s', (text) => {
  expect(otlpSettings({ OTEL_RESOURCE_ATTRIBUTES: text }, '').resource).toEqual({ 'service.name': 'agentgateway' });
});
