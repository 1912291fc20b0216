import type { FinishedExchange } from '../telemetry/telemetry.ts';
import type { CalloutKind } from './callout.ts';
import type { GatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { newSpanId, newTraceId } from './trace-ids.ts';
import { parseTraceParent, type TraceParent } from './trace-parent.ts';

/** What a tracing policy does, compiled: decides which requests are traced, and takes what is known of them when they are over. */
export interface Tracer {
  /** Whether a request belongs to a trace; `client` where its caller began one (spec 10 §5.4). */
  samples(exchange: Exchange, client: boolean): boolean;
  /** Takes the spans of a finished exchange whose trace is recording. Never throws, never waits. */
  finish(exchange: FinishedExchange, trace: Trace): void;
}

/** Bit of the flags: the caller records its spans. */
const SAMPLED = 1;

/** One request's place in a trace: the server's span, and the calls that were made for it. */
export class Trace {
  readonly traceId: string;
  /** Of the server's span. */
  readonly spanId = newSpanId();
  /** The caller's span; null where the trace begins here. */
  readonly parentSpanId: string | null;
  /** Null where the spans of this request are exported to nobody: then only ids are handed on. */
  readonly tracer: Tracer | null;
  readonly flags: number;
  /** Calls in the order of their beginning. */
  readonly calls: CallSpan[] = [];
  readonly #version: string;
  readonly #flags: string;

  constructor(parent: TraceParent | null, tracer: Tracer | null) {
    this.traceId = parent?.traceId ?? newTraceId();
    this.parentSpanId = parent?.spanId ?? null;
    this.#version = parent?.version ?? '00';
    this.#flags = parent?.flags ?? '01';
    this.flags = Number.parseInt(this.#flags, 16);
    this.tracer = (this.flags & SAMPLED) === 0 ? null : tracer;
  }

  /**
   * Hands the trace on with a request that is about to be sent, and begins the call's span.
   *
   * @param endpoint `host:port` of a target that has a name; null for the others.
   * @returns null where spans are exported to nobody.
   */
  beginCall(exchange: Exchange, endpoint: string | null): CallSpan | null {
    const { request } = exchange;
    const span = this.tracer === null ? null : new CallSpan(exchange, endpoint);
    request.headers.set(
      'traceparent',
      `${this.#version}-${this.traceId}-${span?.spanId ?? this.spanId}-${this.#flags}`,
    );
    if (span !== null) this.calls.push(span);
    return span;
  }
}

/** A call to an upstream, as its span tells it (spec 10 §5.6). Times are those of the exchange's clock. */
export class CallSpan {
  readonly spanId = newSpanId();
  readonly name: string;
  readonly purpose: Exchange['purpose'];
  readonly subtype: CalloutKind | 'Http' | 'Llm';
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly grpc: boolean;
  readonly startedAt: number;
  /** 0 until the answer's last byte, or the failure. */
  endedAt = 0;
  status = 0;
  grpcStatus: number | null = null;
  /** Why the call failed, in one word; null where it did not. */
  errorType: string | null = null;
  error: string | null = null;
  readonly #clock: Exchange['clock'];

  constructor(exchange: Exchange, endpoint: string | null) {
    const { request, record, clock, callout } = exchange;
    this.purpose = exchange.purpose;
    this.subtype = callout ?? (record.protocol === 'llm' ? 'Llm' : 'Http');
    this.name = callout ?? (endpoint === null ? request.method : `${request.method} ${endpoint}`);
    this.method = request.method;
    this.host = request.authority;
    this.path = request.path;
    this.grpc = callout !== null && exchange.grpc;
    this.startedAt = clock.now();
    this.#clock = clock;
  }

  /** Everything of the answer is there. */
  end(): void {
    if (this.endedAt === 0) this.endedAt = this.#clock.now();
  }

  fail(failure: GatewayError): void {
    this.end();
    this.errorType = failure.reason;
    this.error = failure.logDetail === undefined ? failure.message : `${failure.message}: ${failure.logDetail}`;
  }
}

/**
 * Finds out whether a request belongs to a trace (spec 10 §5.3, §5.4). A caller's trace goes on by default, even where nothing is
 * exported; a new one begins only where the policy says so.
 */
export function beginTrace(exchange: Exchange, tracer: Tracer | null): void {
  const { request, record } = exchange;
  const text = request.headers.get('traceparent');
  if (text === undefined && tracer === null) return;
  // One that is sent twice says nothing (W3C Trace Context §3.2.1).
  const parent = text === undefined || request.headers.getAll('traceparent').length > 1 ? null : parseTraceParent(text);
  if (tracer === null ? parent === null : !tracer.samples(exchange, parent !== null)) return;
  const trace = new Trace(parent, tracer);
  exchange.trace = trace;
  record.traceId = trace.traceId;
  record.spanId = trace.spanId;
}
