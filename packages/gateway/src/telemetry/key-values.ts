import { hostPort, timePerOutputToken, timeToFirstToken } from './access-log.ts';
import type { Attribute } from './otlp/model.ts';
import type { LlmRecord, RequestRecord } from './record.ts';
import { pathRedactor } from './redact.ts';

/** What one key says of a record; null where it has nothing to say. */
export interface AccessKey<T extends unknown[] = [RequestRecord]> {
  readonly name: string;
  readonly read: (...of: T) => string | number | null;
}

const redactPath = pathRedactor();

/** The keys of spec 10 §3.2 in their order, up to those of a model call. */
const before: readonly AccessKey[] = [
  { name: 'gateway', read: (of) => of.gateway },
  { name: 'listener', read: (of) => of.listener },
  { name: 'route_rule', read: (of) => of.routeRule },
  { name: 'route', read: (of) => of.route },
  { name: 'endpoint', read: (of) => of.endpoint },
  { name: 'src.addr', read: (of) => (of.sourceAddress === '' ? null : hostPort(of.sourceAddress, of.sourcePort)) },
  { name: 'src.identity', read: (of) => of.sourceIdentity },
  { name: 'http.method', read: (of) => some(of.method) },
  { name: 'http.host', read: (of) => of.host },
  { name: 'http.path', read: (of) => path(of) },
  { name: 'http.version', read: (of) => some(of.version) },
  { name: 'http.status', read: (of) => (of.status === 0 ? null : of.status) },
  { name: 'grpc.status', read: (of) => of.grpcStatus },
  { name: 'tls.sni', read: (of) => (of.host === null ? of.sni : null) },
  { name: 'trace.id', read: (of) => of.traceId },
  { name: 'span.id', read: (of) => of.spanId },
  { name: 'jwt.sub', read: (of) => of.jwtSub },
  { name: 'protocol', read: (of) => of.protocol },
];

/** Of a model call. */
const ofModel: readonly AccessKey<[LlmRecord, RequestRecord]>[] = [
  { name: 'gen_ai.operation.name', read: (of) => of.operation },
  { name: 'gen_ai.provider.name', read: (of) => of.provider },
  { name: 'gen_ai.request.model', read: (of) => of.requestModel },
  { name: 'gen_ai.response.model', read: (of) => of.responseModel },
  { name: 'gen_ai.usage.input_tokens', read: (of) => of.inputTokens },
  { name: 'gen_ai.usage.cache_creation.input_tokens', read: (of) => of.cacheCreationInputTokens },
  { name: 'gen_ai.usage.cache_read.input_tokens', read: (of) => of.cachedInputTokens },
  { name: 'gen_ai.usage.output_tokens', read: (of) => of.outputTokens },
  { name: 'gen_ai.usage.reasoning_tokens', read: (of) => of.reasoningTokens },
  { name: 'agw.ai.time_to_first_token', read: timeToFirstToken },
  { name: 'agw.ai.time_per_output_token', read: timePerOutputToken },
  { name: 'gen_ai.usage.output_image_tokens', read: (of) => of.outputImageTokens },
  { name: 'gen_ai.usage.input_audio_tokens', read: (of) => of.inputAudioTokens },
  { name: 'gen_ai.usage.output_audio_tokens', read: (of) => of.outputAudioTokens },
  { name: 'gen_ai.request.temperature', read: ({ params }) => params.temperature ?? null },
  { name: 'gen_ai.embeddings.dimension.count', read: ({ params }) => params.dimensions ?? null },
  { name: 'gen_ai.request.encoding_formats', read: ({ params }) => params.encodingFormat ?? null },
  { name: 'gen_ai.request.top_p', read: ({ params }) => params.topP ?? null },
  { name: 'gen_ai.request.max_tokens', read: ({ params }) => params.maxTokens ?? null },
  { name: 'gen_ai.request.frequency_penalty', read: ({ params }) => params.frequencyPenalty ?? null },
  { name: 'gen_ai.request.presence_penalty', read: ({ params }) => params.presencePenalty ?? null },
  { name: 'gen_ai.request.seed', read: ({ params }) => params.seed ?? null },
];

const after: readonly AccessKey[] = [
  { name: 'retry.attempt', read: (of) => (of.retryAttempt > 0 ? of.retryAttempt : null) },
  { name: 'error', read: (of) => of.error },
  { name: 'reason', read: (of) => (of.reason === 'Upstream' ? null : of.reason) },
  { name: 'duration', read: (of) => `${Math.trunc(of.endedAt - of.startedAt)}ms` },
];

/** All keys, for whoever writes them one by one; those in the middle are of model calls. */
export const accessKeyTable = { before, ofModel, after };

/** Names of all keys that a record may have, `connection.id` and `request.id` included. */
export const accessKeyNames: ReadonlySet<string> = new Set([
  'connection.id',
  'request.id',
  ...[...before, ...ofModel, ...after].map(({ name }) => name),
]);

/**
 * What is known of a finished request as one ordered list (spec 10 §3.2): logs and spans are projections of it. Keys without a
 * value, and those in `omitted`, are not there.
 */
export function accessKeys(record: RequestRecord, omitted: ReadonlySet<string> = none): [string, string | number][] {
  const list: [string, string | number][] = [];
  put(list, before, record, omitted);
  const { llm } = record;
  if (llm !== null) {
    for (const { name, read } of ofModel) {
      const value = read(llm, record);
      if (value !== null && !omitted.has(name)) list.push([name, value]);
    }
  }
  put(list, after, record, omitted);
  return list;
}

/** Keys whose numbers are doubles, also where they happen to be whole. */
const doubles: ReadonlySet<string> = new Set([
  'agw.ai.time_to_first_token',
  'agw.ai.time_per_output_token',
  'gen_ai.request.temperature',
  'gen_ai.request.top_p',
  'gen_ai.request.frequency_penalty',
  'gen_ai.request.presence_penalty',
]);

/** The same list as attributes of OpenTelemetry, where a number is an integer or a double (spec 10 §5.6, §5.7). */
export function accessAttributes(record: RequestRecord, omitted?: ReadonlySet<string>): Attribute[] {
  return accessKeys(record, omitted).map(
    ([name, value]): Attribute => [name, typeof value === 'number' && doubles.has(name) ? { double: value } : value],
  );
}

const none: ReadonlySet<string> = new Set();

function put(
  list: [string, string | number][],
  keys: readonly AccessKey[],
  record: RequestRecord,
  omitted: ReadonlySet<string>,
): void {
  for (const { name, read } of keys) {
    const value = read(record);
    if (value !== null && !omitted.has(name)) list.push([name, value]);
  }
}

function some(text: string): string | null {
  return text === '' ? null : text;
}

function path({ path: target, method }: RequestRecord): string | null {
  if (target !== '') return redactPath(target);
  return method === 'CONNECT' ? '/' : null;
}
