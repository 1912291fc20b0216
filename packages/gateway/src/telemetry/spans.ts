import type { CallSpan, Trace } from '../pipeline/trace.ts';
import { accessAttributes } from './key-values.ts';
import type { Attribute, SpanData } from './otlp/model.ts';
import type { RequestRecord } from './record.ts';
import { pathRedactor } from './redact.ts';
import type { FinishedExchange } from './telemetry.ts';

const redactPath = pathRedactor();

/** How a policy changes what the span of a server says by default. */
export interface SpanShape {
  /** Default attributes that are not there. */
  readonly omitted: ReadonlySet<string>;
  /** Replaces the name; null is the default one. */
  readonly name: string | null;
  readonly attributes: readonly Attribute[];
}

/** The span of a finished request (spec 10 §5.6). */
export function serverSpan(exchange: FinishedExchange, trace: Trace, shape: SpanShape): SpanData {
  const { record } = exchange;
  const attributes = accessAttributes(record, shape.omitted);
  if (!shape.omitted.has('url.scheme')) attributes.push(['url.scheme', 'http']);
  if (!shape.omitted.has('network.protocol.version')) {
    attributes.push(['network.protocol.version', record.version === 'HTTP/2.0' ? '2' : record.version.slice(5)]);
  }
  attributes.push(...shape.attributes);
  return {
    traceId: trace.traceId,
    spanId: trace.spanId,
    parentSpanId: trace.parentSpanId,
    parentRemote: trace.parentSpanId !== null,
    flags: trace.flags,
    name: shape.name ?? serverSpanName(exchange),
    kind: 'server',
    startedAt: epoch(record, record.startedAt),
    endedAt: epoch(record, record.endedAt),
    attributes,
    error: record.error,
  };
}

/** A gRPC method by its own name, a request by what it matched. */
function serverSpanName({ record, grpc }: FinishedExchange): string {
  if (grpc && record.path !== '') return record.path.startsWith('/') ? record.path.slice(1) : record.path;
  if (record.pathMatch === null || record.pathMatch === '') return 'unknown';
  return `${record.method} ${record.pathMatch}`;
}

/** The span of a call that was made for a finished request (spec 10 §5.6). */
export function callSpan(record: RequestRecord, trace: Trace, call: CallSpan): SpanData {
  const attributes: Attribute[] = [
    ['agentgateway.outbound.kind', call.purpose],
    ['agentgateway.outbound.subtype', call.subtype],
    ['http.method', call.method],
    ['http.host', call.host],
    ['http.path', redactPath(call.path)],
  ];
  if (call.status !== 0) attributes.push(['http.status', call.status]);
  if (call.grpcStatus !== null) attributes.push(['grpc.status', call.grpcStatus]);
  // The end of the exchange is told before the calls that end with it know of it.
  const abandoned = call.endedAt === 0 && call.status === 0;
  const errorType = abandoned ? 'Cancelled' : call.errorType;
  if (errorType !== null) attributes.push(['error.type', errorType]);
  return {
    traceId: trace.traceId,
    spanId: call.spanId,
    parentSpanId: trace.spanId,
    parentRemote: false,
    flags: trace.flags,
    name: call.name,
    kind: 'client',
    startedAt: epoch(record, call.startedAt),
    endedAt: epoch(record, call.endedAt === 0 ? record.endedAt : call.endedAt),
    attributes,
    error: abandoned ? 'the request ended before there was an answer' : call.error,
  };
}

/** A moment of the monotonic clock as milliseconds since the epoch. */
function epoch(record: RequestRecord, at: number): number {
  return record.startedAtEpoch + (at - record.startedAt);
}
