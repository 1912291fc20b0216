import type { BatchSettings, OtlpSettings } from '../resources/settings.ts';
import type { Env } from './expand.ts';

/**
 * What exporters take from the environment: the resource (spec 10 §5.5) and the batching, by the names and defaults that
 * OpenTelemetry gives them. As OpenTelemetry asks, a value that cannot be read counts as not set.
 */
export function otlpSettings(env: Env, hostname: string): OtlpSettings {
  return {
    resource: resource(env, hostname),
    spans: batch(env, 'OTEL_BSP', 5_000),
    logs: batch(env, 'OTEL_BLRP', 1_000),
  };
}

function batch(env: Env, prefix: string, scheduleDelay: number): BatchSettings {
  const maxQueueSize = count(env[`${prefix}_MAX_QUEUE_SIZE`], 1) ?? 2048;
  return {
    maxQueueSize,
    maxExportBatchSize: Math.min(count(env[`${prefix}_MAX_EXPORT_BATCH_SIZE`], 1) ?? 512, maxQueueSize),
    scheduleDelay: count(env[`${prefix}_SCHEDULE_DELAY`], 0) ?? scheduleDelay,
    exportTimeout: count(env[`${prefix}_EXPORT_TIMEOUT`], 1) ?? 30_000,
  };
}

function count(text: string | undefined, least: number): number | undefined {
  if (text === undefined || !/^\d{1,9}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= least ? value : undefined;
}

/** From the least to the most precise. */
function resource(env: Env, hostname: string): Readonly<Record<string, string>> {
  const { POD_NAME, NAMESPACE, NODE_NAME, INSTANCE_IP, OTEL_SERVICE_NAME } = env;
  const attributes: Record<string, string> = { 'service.name': 'agentgateway' };
  Object.assign(attributes, listed(env.OTEL_RESOURCE_ATTRIBUTES ?? ''));
  const add = (name: string, value: string | undefined) => {
    if (value !== undefined && value !== '') attributes[name] = value;
  };
  add('service.name', OTEL_SERVICE_NAME);
  add('host.name', hostname);
  add('k8s.pod.name', POD_NAME);
  add('k8s.namespace.name', NAMESPACE);
  add('k8s.node.name', NODE_NAME);
  add('k8s.pod.ip', INSTANCE_IP);
  if (POD_NAME && NAMESPACE) {
    const node = `agentgateway~${INSTANCE_IP ?? ''}~${POD_NAME}.${NAMESPACE}~${NAMESPACE}.svc.cluster.local`;
    add('service.instance.id', node);
  }
  return attributes;
}

/** `k=v,k=v`, percent-encoded as W3C Baggage has it; one pair that cannot be read makes the whole list count as not set. */
function listed(text: string): Readonly<Record<string, string>> {
  const pairs: Record<string, string> = {};
  for (const pair of text.split(',')) {
    if (pair.trim() === '') continue;
    const equals = pair.indexOf('=');
    if (equals < 1) return {};
    try {
      pairs[pair.slice(0, equals).trim()] = decodeURIComponent(pair.slice(equals + 1).trim());
    } catch {
      return {};
    }
  }
  return pairs;
}
