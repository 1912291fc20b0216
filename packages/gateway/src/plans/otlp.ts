import { type Abort, collect, Headers, Request } from '@agentgateway/http';
import { LogsService, TraceService } from '@agentgateway/protos';
import { create, type DescMessage, type DescMethodUnary, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { Callout } from '../pipeline/callout.ts';
import { GatewayError } from '../pipeline/errors.ts';
import type { Ports } from '../pipeline/step.ts';
import { GrpcError } from '../policies/grpc/status.ts';
import { GrpcCallout } from '../policies/grpc-callout.ts';
import type { OtlpTarget } from '../policies/tracing/spec.ts';
import type { BatchSettings } from '../resources/settings.ts';
import { BatchExporter, type ExportOutcome } from '../telemetry/otlp/batch.ts';
import { type EncodeBatch, logEncoder, spanEncoder } from '../telemetry/otlp/encode.ts';
import type { Exporters } from '../telemetry/otlp/exporters.ts';
import type { Attribute, LogData, SpanData } from '../telemetry/otlp/model.ts';

/** What a policy's exporter is made of. */
export interface ExporterOptions {
  readonly target: OtlpTarget;
  /** Attributes of the resource that say otherwise than the process's. */
  readonly resource: readonly Attribute[];
  readonly ports: Ports;
  readonly exporters: Exporters;
}

/** An exporter of spans that lives as long as its policy (spec 10 §5.7). */
export function compileSpanExporter(options: ExporterOptions): BatchExporter<SpanData> {
  const send = sender(options, TraceService.method.export, ({ partialSuccess }) =>
    taken(partialSuccess?.rejectedSpans, partialSuccess?.errorMessage),
  );
  return open(options, 'spans', options.exporters.settings.spans, spanEncoder(merged(options)), send);
}

/** The same for records of the access log. */
export function compileLogExporter(options: ExporterOptions): BatchExporter<LogData> {
  const send = sender(options, LogsService.method.export, ({ partialSuccess }) =>
    taken(partialSuccess?.rejectedLogRecords, partialSuccess?.errorMessage),
  );
  return open(options, 'log records', options.exporters.settings.logs, logEncoder(merged(options)), send);
}

function open<T>(
  { target, ports, exporters }: ExporterOptions,
  what: string,
  settings: BatchSettings,
  encode: EncodeBatch<T>,
  send: Send,
): BatchExporter<T> {
  const { log, random } = ports;
  const to = ports.callout(target.receiver).name;
  const exporter = new BatchExporter<T>({
    what,
    to,
    settings,
    send: (batch, abort) => send(encode(batch), abort),
    log,
    random,
    pending: exporters.pending,
  });
  // Requests on their way still come to their end with the policy that they began with.
  ports.onRelease(() => void exporter.flush());
  return exporter;
}

/** Of the environment, and over it what the policy says (spec 10 §5.5). */
function merged({ resource, exporters }: ExporterOptions): readonly Attribute[] {
  return [...new Map<string, Attribute[1]>([...Object.entries(exporters.settings.resource), ...resource])];
}

/** Puts one encoded request on its way and judges the answer. */
type Send = (request: Uint8Array<ArrayBuffer>, abort: Abort) => Promise<ExportOutcome>;

function sender<In extends DescMessage, Out extends DescMessage>(
  { target, ports }: ExporterOptions,
  method: DescMethodUnary<In, Out>,
  judge: (answer: MessageShape<Out>) => ExportOutcome,
): Send {
  const service = ports.callout(target.receiver);
  if (target.protocol === 'grpc') {
    const callout = new GrpcCallout(service, 'Telemetry');
    return async (request, abort) => {
      try {
        return judge(await callout.unary(method, encoded(method.input, request), { exchange: null, abort }));
      } catch (error) {
        return failed(error, abort);
      }
    };
  }
  return async (request, abort) => {
    try {
      const answer = await post(service, target.path, Buffer.from(request.buffer, 0, request.length), abort);
      return 'ok' in answer ? answer : judge(decode(method.output, answer.body));
    } catch (error) {
      return failed(error, abort);
    }
  };
}

/** A message of what is encoded already: to protobuf, fields that nobody has looked at, which are written as they are. */
function encoded<T extends DescMessage>(schema: T, bytes: Uint8Array): MessageShape<T> {
  const message = create(schema);
  const reader = new BinaryReader(bytes);
  const fields = [];
  while (reader.pos < reader.len) {
    const [no, wireType] = reader.tag();
    fields.push({ no, wireType, data: reader.skip(wireType, no) });
  }
  message.$unknown = fields;
  return message;
}

/** Bytes of an answer that are read: it is empty, or says in a sentence what was refused. */
const maxAnswer = 65_536;

/** @returns the body of an answer that says that the request was taken. */
async function post(
  service: Callout,
  path: string,
  body: Buffer,
  abort: Abort,
): Promise<ExportOutcome | { readonly body: Buffer }> {
  const headers = Headers.of(['content-type', 'application/x-protobuf'], ['user-agent', 'agentgateway-otlp']);
  const request = new Request('POST', '', '', path, 'HTTP/1.1', headers, body);
  const response = await service.send(request, { kind: 'Telemetry', exchange: null, abort });
  const answer = await collect(response.body, maxAnswer);
  const { status } = response;
  if (status >= 200 && status < 300) return { body: answer };
  const retryAfter = seconds(response.headers.get('retry-after'));
  return { ok: false, retry: retryableStatuses.has(status), retryAfter, message: `HTTP status ${status}` };
}

/** What says "later", and not "never" (OTLP/HTTP, failures). */
const retryableStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** The same of gRPC: cancelled, deadline exceeded, aborted, out of range, unavailable, data loss. */
const retryableCodes: ReadonlySet<number> = new Set([1, 4, 10, 11, 14, 15]);

function failed(error: unknown, abort: Abort): ExportOutcome {
  const reason = abort.reason ?? error;
  const message = reason instanceof Error ? reason.message : String(reason);
  if (reason instanceof GrpcError) {
    return {
      ok: false,
      retry: retryableCodes.has(reason.code),
      retryAfter: null,
      message: `gRPC status ${reason.code}: ${message}`,
    };
  }
  if (!(reason instanceof GatewayError)) return { ok: false, retry: abort.reason === null, retryAfter: null, message };
  const detail = reason.logDetail === undefined ? message : `${message}: ${reason.logDetail}`;
  return { ok: false, retry: true, retryAfter: null, message: detail };
}

function taken(rejected: bigint | undefined, message: string | undefined): ExportOutcome {
  return { ok: true, rejected: Number(rejected ?? 0n), message: message ?? '' };
}

/** An answer that cannot be read came with a status that says that all is well. */
function decode<Out extends DescMessage>(schema: Out, bytes: Buffer): MessageShape<Out> {
  try {
    return fromBinary(schema, bytes);
  } catch {
    return create(schema);
  }
}

/** `retry-after` in seconds; dates are not worth the trouble for a pause. */
function seconds(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) * 1000 : null;
}
