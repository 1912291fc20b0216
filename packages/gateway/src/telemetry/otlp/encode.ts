import {
  type ExportLogsServiceRequestSchema,
  type ExportTraceServiceRequestSchema,
  SeverityNumber,
  Span_SpanKind,
  Status_StatusCode,
} from '@agentgateway/protos';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Attribute, AttributeValue, LogData, SpanData } from './model.ts';

/** A batch of spans as OTLP has it. */
export type TraceRequest = MessageInitShape<typeof ExportTraceServiceRequestSchema>;

/** A batch of log records as OTLP has it. */
export type LogsRequest = MessageInitShape<typeof ExportLogsServiceRequestSchema>;

/** Flags of a span above those of the trace context: it is known whether the parent is remote, and it is. */
const KNOWS_REMOTE = 0x100;
const REMOTE = 0x200;

/** One request with all spans of a batch. */
export function traceRequest(spans: readonly SpanData[], resource: readonly Attribute[]): TraceRequest {
  const scope = { name: 'agentgateway' };
  return {
    resourceSpans: [
      { resource: { attributes: keyValues(resource) }, scopeSpans: [{ scope, spans: spans.map(spanMessage) }] },
    ],
  };
}

/** One request with all log records of a batch. */
export function logsRequest(records: readonly LogData[], resource: readonly Attribute[]): LogsRequest {
  const scope = { name: 'agentgateway.access' };
  return {
    resourceLogs: [
      { resource: { attributes: keyValues(resource) }, scopeLogs: [{ scope, logRecords: records.map(logMessage) }] },
    ],
  };
}

function spanMessage(span: SpanData) {
  return {
    traceId: bytes(span.traceId),
    spanId: bytes(span.spanId),
    ...(span.parentSpanId === null ? {} : { parentSpanId: bytes(span.parentSpanId) }),
    flags: span.flags | KNOWS_REMOTE | (span.parentRemote ? REMOTE : 0),
    name: span.name,
    kind: span.kind === 'server' ? Span_SpanKind.SERVER : Span_SpanKind.CLIENT,
    startTimeUnixNano: nanoseconds(span.startedAt),
    endTimeUnixNano: nanoseconds(span.endedAt),
    attributes: keyValues(span.attributes),
    ...(span.error === null ? {} : { status: { code: Status_StatusCode.ERROR, message: wellFormed(span.error) } }),
  };
}

function logMessage(record: LogData) {
  const time = nanoseconds(record.time);
  return {
    timeUnixNano: time,
    observedTimeUnixNano: time,
    severityNumber: SeverityNumber.INFO,
    severityText: 'INFO',
    attributes: keyValues(record.attributes),
    ...(record.traceId === null ? {} : { traceId: bytes(record.traceId), flags: record.flags }),
    ...(record.spanId === null ? {} : { spanId: bytes(record.spanId) }),
  };
}

function keyValues(attributes: readonly Attribute[]) {
  return attributes.map(([key, value]) => ({ key: wellFormed(key), value: { value: anyValue(value) } }));
}

/** Integers of OTLP have 64 bits and a sign. */
const leastInt = -(2n ** 63n);
const mostInt = 2n ** 63n - 1n;

function anyValue(value: AttributeValue) {
  switch (typeof value) {
    case 'string':
      return { case: 'stringValue', value: wellFormed(value) } as const;
    case 'boolean':
      return { case: 'boolValue', value } as const;
    case 'bigint':
      return value >= leastInt && value <= mostInt
        ? ({ case: 'intValue', value } as const)
        : ({ case: 'stringValue', value: String(value) } as const);
    case 'number':
      return Number.isSafeInteger(value)
        ? ({ case: 'intValue', value: BigInt(value) } as const)
        : ({ case: 'doubleValue', value } as const);
    default:
      return { case: 'doubleValue', value: value.double } as const;
  }
}

/** A text with half a character in it would spoil the whole batch. */
function wellFormed(text: string): string {
  return text.isWellFormed() ? text : text.toWellFormed();
}

function bytes(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

/** Milliseconds to nanoseconds; their fractions are worth microseconds. */
function nanoseconds(milliseconds: number): bigint {
  const whole = Math.floor(milliseconds);
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((milliseconds - whole) * 1e6));
}
