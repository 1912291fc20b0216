import { once } from 'node:events';
import http, { type RequestListener } from 'node:http';
import https, { type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** Attributes by their keys; integers as numbers, doubles as `{ double }`. */
export type Attributes = Readonly<Record<string, unknown>>;

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly flags: number;
  readonly name: string;
  readonly kind: string;
  /** Nanoseconds since the epoch. */
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Attributes;
  readonly status: { readonly code: string; readonly message: string };
  readonly resource: Attributes;
  readonly scope: string;
}

export interface ReceivedLog {
  readonly time: bigint;
  readonly severityNumber: string;
  readonly severityText: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly body: unknown;
  readonly attributes: Attributes;
  readonly resource: Attributes;
  readonly scope: string;
}

/** What one export was sent with. */
export interface ReceivedExport {
  /** Path of HTTP; name of the service of gRPC. */
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** Refuses an export, by its number from 1: with a status of HTTP or a code of gRPC; null takes it. */
type Refuse = (number: number) => number | null;

const protos = new URL('../../../protos/proto', import.meta.url).pathname;
const files = ['trace/v1/trace_service.proto', 'logs/v1/logs_service.proto'];
const definitions = loadSync(
  files.map((file) => `opentelemetry/proto/collector/${file}`),
  { includeDirs: [protos], longs: String, enums: String, defaults: true, oneofs: true },
);
const traceService = definitions['opentelemetry.proto.collector.trace.v1.TraceService'] as ServiceDefinition;
const logsService = definitions['opentelemetry.proto.collector.logs.v1.LogsService'] as ServiceDefinition;

/**
 * A receiver of OTLP by gRPC (grpc-js) or HTTP (`node:http`), with protobuf.js: it shares nothing with the exporter but the `.proto` files.
 */
export class OtlpReceiver implements AsyncDisposable {
  readonly exports: ReceivedExport[] = [];
  readonly #spans: ReceivedSpan[] = [];
  readonly #logs: ReceivedLog[] = [];
  readonly #refuse: Refuse;
  readonly #close: () => Promise<void> | void;
  #port = 0;
  #waiting: { readonly enough: () => boolean; readonly resolve: () => void }[] = [];

  private constructor(refuse: Refuse, close: () => Promise<void> | void) {
    this.#refuse = refuse;
    this.#close = close;
  }

  static async grpc(refuse: Refuse = () => null): Promise<OtlpReceiver> {
    const server = new Server();
    const receiver = new OtlpReceiver(refuse, () => server.forceShutdown());
    const serve = <T>(path: string, take: (request: T) => void): UntypedServiceImplementation => ({
      Export: (
        call: { readonly request: T; readonly metadata: Metadata },
        done: (error: object | null, answer?: object) => void,
      ) => {
        const code = receiver.#received(path, call.metadata.getMap());
        if (code !== null) return done({ code, details: 'not now' });
        take(call.request);
        done(null, {});
      },
    });
    server.addService(
      traceService,
      serve('TraceService', (request: TraceRequest) => receiver.#takeSpans(request)),
    );
    server.addService(
      logsService,
      serve('LogsService', (request: LogsRequest) => receiver.#takeLogs(request)),
    );
    receiver.#port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      ),
    );
    return receiver;
  }

  /** Any path takes spans, unless it ends in `logs`. @param tls Null is plaintext. */
  static async http(refuse: Refuse = () => null, tls: ServerOptions | null = null): Promise<OtlpReceiver> {
    const listener: RequestListener = (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const path = request.url ?? '';
        const status = receiver.#received(path, request.headers);
        if (status !== null) {
          response.writeHead(status, { 'retry-after': '0' }).end();
          return;
        }
        const logs = path.endsWith('logs');
        const { requestDeserialize } = (logs ? logsService : traceService).Export as ServiceDefinition[string];
        const message: object = requestDeserialize(Buffer.concat(chunks));
        if (logs) receiver.#takeLogs(message as LogsRequest);
        else receiver.#takeSpans(message as TraceRequest);
        response.setHeader('content-type', 'application/x-protobuf').end();
      });
    };
    const server = tls === null ? http.createServer(listener) : https.createServer(tls, listener);
    const receiver = new OtlpReceiver(refuse, async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    receiver.#port = (server.address() as AddressInfo).port;
    return receiver;
  }

  get port(): number {
    return this.#port;
  }

  /** `host:port`, as a policy names it. */
  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Resolves with all spans when there are so many. */
  async spans(count: number): Promise<readonly ReceivedSpan[]> {
    await this.#when(() => this.#spans.length >= count);
    return this.#spans;
  }

  /** Resolves with all log records when there are so many. */
  async logs(count: number): Promise<readonly ReceivedLog[]> {
    await this.#when(() => this.#logs.length >= count);
    return this.#logs;
  }

  /** Resolves when there were so many exports, refused ones among them. */
  async exported(count: number): Promise<void> {
    await this.#when(() => this.exports.length >= count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  #received(path: string, headers: Readonly<Record<string, unknown>>): number | null {
    this.exports.push({ path, headers });
    const refusal = this.#refuse(this.exports.length);
    if (refusal !== null) this.#tell();
    return refusal;
  }

  #takeSpans(request: TraceRequest): void {
    for (const { resource, scopeSpans } of request.resourceSpans)
      for (const { scope, spans } of scopeSpans)
        for (const span of spans)
          this.#spans.push({
            traceId: hex(span.traceId),
            spanId: hex(span.spanId),
            parentSpanId: hex(span.parentSpanId),
            flags: span.flags,
            name: span.name,
            kind: span.kind,
            start: BigInt(span.startTimeUnixNano),
            end: BigInt(span.endTimeUnixNano),
            attributes: attributes(span),
            status: { code: span.status?.code ?? 'STATUS_CODE_UNSET', message: span.status?.message ?? '' },
            resource: attributes(resource),
            scope: scope.name,
          });
    this.#tell();
  }

  #takeLogs(request: LogsRequest): void {
    for (const { resource, scopeLogs } of request.resourceLogs)
      for (const { scope, logRecords } of scopeLogs)
        for (const log of logRecords)
          this.#logs.push({
            time: BigInt(log.timeUnixNano),
            severityNumber: log.severityNumber,
            severityText: log.severityText,
            traceId: hex(log.traceId),
            spanId: hex(log.spanId),
            body: log.body,
            attributes: attributes(log),
            resource: attributes(resource),
            scope: scope.name,
          });
    this.#tell();
  }

  #when(enough: () => boolean): Promise<void> {
    if (enough()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ enough, resolve }));
  }

  #tell(): void {
    this.#waiting = this.#waiting.filter(({ enough, resolve }) => {
      if (!enough()) return true;
      resolve();
      return false;
    });
  }
}

/** Messages as protobuf.js makes them, by the names of their fields. */
interface TraceRequest {
  readonly resourceSpans: readonly {
    readonly resource: Carrier;
    readonly scopeSpans: readonly { readonly scope: { readonly name: string }; readonly spans: readonly PlainSpan[] }[];
  }[];
}

interface LogsRequest {
  readonly resourceLogs: readonly {
    readonly resource: Carrier;
    readonly scopeLogs: readonly {
      readonly scope: { readonly name: string };
      readonly logRecords: readonly PlainLog[];
    }[];
  }[];
}

interface Carrier {
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
}

interface PlainSpan extends Carrier {
  readonly traceId: Buffer;
  readonly spanId: Buffer;
  readonly parentSpanId: Buffer;
  readonly flags: number;
  readonly name: string;
  readonly kind: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code: string; readonly message: string } | null;
}

interface PlainLog extends Carrier {
  readonly timeUnixNano: string;
  readonly severityNumber: string;
  readonly severityText: string;
  readonly traceId: Buffer;
  readonly spanId: Buffer;
  readonly body: unknown;
}

function hex(bytes: Buffer): string {
  return bytes.toString('hex');
}

function attributes({ attributes: list }: Carrier): Attributes {
  return Object.fromEntries(
    list.map(({ key, value }) => {
      const given = value[value.value as string];
      if (value.value === 'intValue') return [key, Number(given)];
      return [key, value.value === 'doubleValue' ? { double: given } : given];
    }),
  );
}
