import { ExportLogsServiceRequestSchema, ExportTraceServiceRequestSchema } from '@agentgateway/protos';
import { type DescMessage, fromBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { logEncoder, spanEncoder } from './encode.ts';
import type { AttributeValue, SpanData } from './model.ts';

// What the serializers of OpenTelemetry (otlp-transformer 0.301) make of the same span and the same record.
const spanOfOpenTelemetry =
  'CtUBChoKFgoMc2VydmljZS5uYW1lEgYKBGVkZ2UQABK2AQoOCgxhZ2VudGdhdGV3YXkSowEKEAr3ZRkWzUPdhEjrIRyAMZwSCADwZ6oLqQK3Igi3rWtxaSAzMSoGR0VU' +
  'IC8qMAI5YONANv6clxdBkNlqNv6clxdKEgoLaHR0cC5zdGF0dXMSAxj3A0oRCglodHRwLnBhdGgSBAoCL2FKEgoFc2hhcmUSCSEAAAAAAADgP1AAYABwAHoYEhR1cHN0' +
  'cmVhbSBjYWxsIGZhaWxlZBgChQEBAwAA';
const recordOfOpenTelemetry =
  'CpIBChoKFgoMc2VydmljZS5uYW1lEgYKBGVkZ2UQABJ0ChUKE2FnZW50Z2F0ZXdheS5hY2Nlc3MSWwlg40A2/pyXFxAJGgRJTkZPMhIKC2h0dHAuc3RhdHVzEgMYyAEy' +
  'CAoCb2sSAhABOABFAQAAAEoQCvdlGRbNQ92ESOshHIAxnFIIAPBnqgupArdZYONANv6clxc=';

const resource = [['service.name', 'edge']] as const;
const ids = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: '00f067aa0ba902b7' };

const span: SpanData = {
  ...ids,
  parentSpanId: 'b7ad6b7169203331',
  parentRemote: true,
  flags: 1,
  name: 'GET /*',
  kind: 'server',
  startedAt: 1_700_000_000_001.5,
  endedAt: 1_700_000_000_004.25,
  attributes: [
    ['http.status', 503],
    ['http.path', '/a'],
    ['share', 0.5],
  ],
  error: 'upstream call failed',
};

function golden<T extends DescMessage>(schema: T, base64: string) {
  return fromBinary(schema, Uint8Array.from(Buffer.from(base64, 'base64')), { readUnknownFields: false });
}

test('a span is what OpenTelemetry’s own serializer makes of it', () => {
  const schema = ExportTraceServiceRequestSchema;
  expect(fromBinary(schema, spanEncoder(resource)([span]))).toEqual(golden(schema, spanOfOpenTelemetry));
});

test('a record of the log is what OpenTelemetry’s own serializer makes of it', () => {
  const schema = ExportLogsServiceRequestSchema;
  const record = { ...ids, flags: 1, time: 1_700_000_000_001.5 };
  const attributes = [
    ['http.status', 200],
    ['ok', true],
  ] as const;
  const request = logEncoder(resource)([{ ...record, attributes }]);
  expect(fromBinary(schema, request)).toEqual(golden(schema, recordOfOpenTelemetry));
});

test.each<[AttributeValue, unknown]>([
  [1, { case: 'intValue', value: 1n }],
  [-(2n ** 63n), { case: 'intValue', value: -(2n ** 63n) }],
  [2n ** 63n, { case: 'stringValue', value: '9223372036854775808' }],
  [1.5, { case: 'doubleValue', value: 1.5 }],
  [{ double: 1 }, { case: 'doubleValue', value: 1 }],
  [Number.NaN, { case: 'doubleValue', value: Number.NaN }],
  ['half \ud800', { case: 'stringValue', value: 'half \ufffd' }],
  [false, { case: 'boolValue', value: false }],
])('the attribute %s', (value, expected) => {
  const schema = ExportTraceServiceRequestSchema;
  const request = spanEncoder([])([{ ...span, attributes: [['a', value]] }]);
  const [decoded] = fromBinary(schema, request).resourceSpans[0]?.scopeSpans[0]?.spans ?? [];
  expect(decoded?.attributes[0]?.value?.value).toEqual(expected);
});

test('a root has no parent, and a client’s span none of another process', () => {
  const schema = ExportTraceServiceRequestSchema;
  const root = { ...span, parentSpanId: null, parentRemote: false, kind: 'client' as const, error: null };
  const [decoded] = fromBinary(schema, spanEncoder([])([root])).resourceSpans[0]?.scopeSpans[0]?.spans ?? [];
  expect(decoded).toMatchObject({ flags: 0x101, kind: 3 });
  expect([decoded?.parentSpanId.length, decoded?.status]).toEqual([0, undefined]);
});
