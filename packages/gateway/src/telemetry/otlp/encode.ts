import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Attribute, AttributeValue, LogData, SpanData } from './model.ts';

// Field by field, and without messages in between: that is six times faster, and a batch is encoded in one turn of the loop. The numbers
// are those of opentelemetry/proto.

const { LengthDelimited, Varint, Bit32, Bit64 } = WireType;

/** Flags of a span above those of the trace context: it is known whether the parent is remote, and it is. */
const KNOWS_REMOTE = 0x100;
const REMOTE = 0x200;

/** `SpanKind` and `StatusCode` of traces, `SeverityNumber` of logs. */
const spanKinds = { server: 2, client: 3 } as const;
const STATUS_ERROR = 2;
const SEVERITY_INFO = 9;

/** What does the encoding of one kind of items; the result is a request of OTLP. */
export type EncodeBatch<T> = (items: readonly T[]) => Uint8Array<ArrayBuffer>;

/** `ExportTraceServiceRequest` for spans of this resource. */
export function spanEncoder(resource: readonly Attribute[]): EncodeBatch<SpanData> {
  return batchEncoder('agentgateway', resource, writeSpan);
}

/** `ExportLogsServiceRequest` for records of this resource. */
export function logEncoder(resource: readonly Attribute[]): EncodeBatch<LogData> {
  return batchEncoder('agentgateway.access', resource, writeLog);
}

/** The two kinds of requests have the same frame: one resource, one scope, items. */
function batchEncoder<T>(
  scope: string,
  resource: readonly Attribute[],
  write: (writer: BinaryWriter, item: T) => void,
): EncodeBatch<T> {
  const head = new BinaryWriter();
  head.tag(1, LengthDelimited).fork();
  for (const attribute of resource) writeAttribute(head, 1, attribute);
  const resourceBytes = head.join().finish();
  const scopeBytes = new BinaryWriter().tag(1, LengthDelimited).string(scope).finish();
  return (items) => {
    const writer = new BinaryWriter().tag(1, LengthDelimited).fork().raw(resourceBytes);
    writer.tag(2, LengthDelimited).fork();
    writer.tag(1, LengthDelimited).bytes(scopeBytes);
    for (const item of items) {
      writer.tag(2, LengthDelimited).fork();
      write(writer, item);
      writer.join();
    }
    return writer.join().join().finish();
  };
}

function writeSpan(writer: BinaryWriter, span: SpanData): void {
  writer.tag(1, LengthDelimited).bytes(fromHex(span.traceId));
  writer.tag(2, LengthDelimited).bytes(fromHex(span.spanId));
  if (span.parentSpanId !== null) writer.tag(4, LengthDelimited).bytes(fromHex(span.parentSpanId));
  writer.tag(5, LengthDelimited).string(span.name);
  writer.tag(6, Varint).int32(spanKinds[span.kind]);
  writer.tag(7, Bit64).fixed64(nanoseconds(span.startedAt));
  writer.tag(8, Bit64).fixed64(nanoseconds(span.endedAt));
  for (const attribute of span.attributes) writeAttribute(writer, 9, attribute);
  if (span.error !== null) {
    writer.tag(15, LengthDelimited).fork();
    writer.tag(2, LengthDelimited).string(span.error);
    writer.tag(3, Varint).int32(STATUS_ERROR).join();
  }
  writer.tag(16, Bit32).fixed32(span.flags | KNOWS_REMOTE | (span.parentRemote ? REMOTE : 0));
}

function writeLog(writer: BinaryWriter, record: LogData): void {
  const time = nanoseconds(record.time);
  writer.tag(1, Bit64).fixed64(time);
  writer.tag(2, Varint).int32(SEVERITY_INFO);
  writer.tag(3, LengthDelimited).string('INFO');
  for (const attribute of record.attributes) writeAttribute(writer, 6, attribute);
  if (record.traceId !== null) {
    writer.tag(8, Bit32).fixed32(record.flags);
    writer.tag(9, LengthDelimited).bytes(fromHex(record.traceId));
  }
  if (record.spanId !== null) writer.tag(10, LengthDelimited).bytes(fromHex(record.spanId));
  writer.tag(11, Bit64).fixed64(time);
}

/** `KeyValue` with its `AnyValue`. */
function writeAttribute(writer: BinaryWriter, field: number, [key, value]: Attribute): void {
  writer.tag(field, LengthDelimited).fork();
  writer.tag(1, LengthDelimited).string(key);
  writer.tag(2, LengthDelimited).fork();
  writeValue(writer, value);
  writer.join().join();
}

/** Integers of OTLP have 64 bits and a sign. */
const leastInt = -(2n ** 63n);
const mostInt = 2n ** 63n - 1n;

function writeValue(writer: BinaryWriter, value: AttributeValue): void {
  switch (typeof value) {
    case 'string':
      writer.tag(1, LengthDelimited).string(value);
      return;
    case 'boolean':
      writer.tag(2, Varint).bool(value);
      return;
    case 'bigint':
      if (value >= leastInt && value <= mostInt) writer.tag(3, Varint).int64(value);
      else writer.tag(1, LengthDelimited).string(String(value));
      return;
    case 'number':
      if (Number.isSafeInteger(value)) writer.tag(3, Varint).int64(value);
      else writer.tag(4, Bit64).double(value);
      return;
    default:
      writer.tag(4, Bit64).double(value.double);
  }
}

function fromHex(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex');
}

/** Milliseconds to nanoseconds; their fractions are worth microseconds. */
function nanoseconds(milliseconds: number): bigint {
  const whole = Math.floor(milliseconds);
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((milliseconds - whole) * 1e6));
}
