/** What a metric is: its name, labels and buckets as spec 10 §6.2 and §6.3 have them. */
export interface Family {
  /** As samples spell it, without `_total`, `_bucket`, `_sum`, `_count` or `_info`. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'info';
  readonly help: string;
  readonly labels: readonly string[];
  /** Suffix of the name that is its unit. */
  readonly unit?: 'seconds' | 'bytes';
  /** Upper bounds without `+Inf`, ascending. Of histograms only. */
  readonly buckets?: readonly number[];
}

interface HistogramDefinition extends Family {
  readonly type: 'histogram';
  readonly buckets: readonly number[];
}

/** Of every name but those that all processes have in common. */
export const PREFIX = 'agentgateway_';

const request = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 80];
const processing = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25];
const connect = [0.0005, 0.0015, 0.0043, 0.0126, 0.0368, 0.108, 0.316, 0.924, 2.71, 8];
const tokens = Array.from({ length: 14 }, (_, power) => 4 ** power);
const model = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const perToken = [0.001, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];
const firstToken = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

const route = ['bind', 'gateway', 'listener', 'route', 'route_rule'];
const http = ['backend', 'protocol', 'method', 'status', 'reason', ...route];
const genAi = ['gen_ai_operation_name', 'gen_ai_system', 'gen_ai_request_model', 'gen_ai_response_model', ...route];
const connection = ['bind', 'gateway', 'listener', 'protocol'];

function counter(name: string, help: string, labels: readonly string[], unit?: 'seconds' | 'bytes'): Family {
  return { name, type: 'counter', help, labels, ...(unit === undefined ? {} : { unit }) };
}

function gauge(name: string, help: string, labels: readonly string[] = [], unit?: 'seconds' | 'bytes'): Family {
  return { name, type: 'gauge', help, labels, ...(unit === undefined ? {} : { unit }) };
}

function histogram(
  name: string,
  help: string,
  labels: readonly string[],
  buckets: readonly number[],
): HistogramDefinition {
  const unit = name.endsWith('_seconds') ? { unit: 'seconds' as const } : {};
  return { name, type: 'histogram', help, labels, buckets, ...unit };
}

/** Every metric of the gateway, in the order in which they are shown. */
export const families = {
  build: { name: `${PREFIX}build`, type: 'info', help: 'Version of the gateway', labels: ['tag'] },
  configSynchronized: gauge(`${PREFIX}config_synchronized`, 'Whether the last load of the configuration succeeded'),
  requests: counter(`${PREFIX}requests`, 'Finished HTTP requests', http),
  requestDuration: histogram(`${PREFIX}request_duration_seconds`, 'Duration of finished requests', http, request),
  responseBytes: counter(`${PREFIX}response_bytes`, 'Bytes of response bodies', http, 'bytes'),
  retries: counter(`${PREFIX}retries`, 'Requests to upstreams that were tries after the first', http),
  requestProcessing: histogram(
    `${PREFIX}request_processing_seconds`,
    'Time from receiving a request to sending it upstream',
    ['backend', ...route],
    processing,
  ),
  responseProcessing: histogram(
    `${PREFIX}response_processing_seconds`,
    'Time from receiving a response from upstream to having it ready for the client',
    ['backend', ...route],
    processing,
  ),
  upstreamCall: histogram(
    `${PREFIX}upstream_call_duration_seconds`,
    'Duration of outbound calls',
    ['kind', 'subtype'],
    request,
  ),
  upstreamConnect: histogram(
    `${PREFIX}upstream_connect_duration_seconds`,
    'Time to connect to an upstream, TLS included',
    ['transport'],
    connect,
  ),
  tlsHandshake: histogram(
    `${PREFIX}tls_handshake_duration_seconds`,
    'Duration of inbound TLS handshakes',
    connection,
    connect,
  ),
  downstreamConnections: counter(`${PREFIX}downstream_connections`, 'Connections accepted for serving', connection),
  downstreamReceived: counter(
    `${PREFIX}downstream_received_bytes`,
    'Bytes received over connections that were closed',
    connection,
    'bytes',
  ),
  downstreamSent: counter(
    `${PREFIX}downstream_sent_bytes`,
    'Bytes sent over connections that were closed',
    connection,
    'bytes',
  ),
  tokenUsage: histogram(
    `${PREFIX}gen_ai_client_token_usage`,
    'Tokens of model calls',
    ['gen_ai_token_type', ...genAi],
    tokens,
  ),
  modelDuration: histogram(`${PREFIX}gen_ai_server_request_duration`, 'Duration of model calls, seconds', genAi, model),
  timeToFirstToken: histogram(
    `${PREFIX}gen_ai_server_time_to_first_token`,
    'Time to the first token of model calls, seconds',
    genAi,
    firstToken,
  ),
  timePerOutputToken: histogram(
    `${PREFIX}gen_ai_server_time_per_output_token`,
    'Time per token after the first of model calls, seconds',
    genAi,
    perToken,
  ),
  processCpu: counter('process_cpu_seconds', 'CPU time of the process', [], 'seconds'),
  processMemory: gauge('process_resident_memory_bytes', 'Resident memory of the process', [], 'bytes'),
  processStart: gauge('process_start_time_seconds', 'Start of the process since the epoch', [], 'seconds'),
  processOpenFds: gauge('process_open_fds', 'Open file descriptors of the process'),
  heapUsed: gauge('nodejs_heap_size_used_bytes', 'Used JavaScript heap of a thread', ['thread'], 'bytes'),
  heapTotal: gauge('nodejs_heap_size_total_bytes', 'Reserved JavaScript heap of a thread', ['thread'], 'bytes'),
  loopActive: counter(
    'nodejs_eventloop_active_seconds',
    'Time in which the event loop of a thread was busy',
    ['thread'],
    'seconds',
  ),
  loopIdle: counter(
    'nodejs_eventloop_idle_seconds',
    'Time in which the event loop of a thread waited',
    ['thread'],
    'seconds',
  ),
} as const satisfies Record<string, Family>;

export type FamilyName = keyof typeof families;
