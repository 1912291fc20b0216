import { type BodyStream, type Headers, PassingBody } from '@agentgateway/http';
import type { CallSpan } from '../pipeline/trace.ts';

/** The body of an answer whose call is traced: its end is the span's. */
export class TracedBody extends PassingBody {
  readonly #span: CallSpan;

  constructor(source: BodyStream, span: CallSpan) {
    super(source);
    this.#span = span;
  }

  override cancel(reason: Error): void {
    this.#span.end();
    super.cancel(reason);
  }

  override onTrailers(trailers: Headers): void {
    noteGrpcStatus(this.#span, trailers);
    super.onTrailers(trailers);
  }

  override onEnd(): void {
    this.#span.end();
    super.onEnd();
  }

  override onError(error: Error): void {
    this.#span.end();
    this.#span.errorType = 'UpstreamFailure';
    this.#span.error = error.message;
    super.onError(error);
  }
}

/** Names of gRPC's codes, by number. */
const codes = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/** Of a policy's own call by gRPC: any status but OK is its failure (spec 10 §5.6). */
export function noteGrpcStatus(span: CallSpan, headers: Headers): void {
  if (!span.grpc) return;
  const text = headers.get('grpc-status');
  if (text === undefined || !/^\d{1,3}$/.test(text)) return;
  span.grpcStatus = Number(text);
  if (span.grpcStatus === 0) return;
  span.errorType = codes[span.grpcStatus] ?? 'UNKNOWN';
  span.error = decoded(headers.get('grpc-message') ?? '') || span.errorType;
}

/** Percent-encoded UTF-8; what cannot be decoded stays as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
