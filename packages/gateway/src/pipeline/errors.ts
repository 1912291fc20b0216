import { Headers, Response } from '@agentgateway/http';

/** Why a response is what it is; a log field and a metric label (spec 02 §4.1). */
export type Reason =
  | 'Upstream'
  | 'DirectResponse'
  | 'NotFound'
  | 'NoHealthyBackend'
  | 'Internal'
  | 'InvalidRequest'
  | 'JwtAuth'
  | 'Oidc'
  | 'BasicAuth'
  | 'APIKeyAuth'
  | 'ExtAuth'
  | 'Authorization'
  | 'Timeout'
  | 'ExtProc'
  | 'RateLimit'
  | 'Guardrail'
  | 'MCP'
  | 'UpstreamFailure';

interface ErrorKind {
  readonly status: number;
  readonly message: string;
  readonly reason: Reason;
  /** May the retry policy try again? */
  readonly retryable: boolean;
}

function kind(status: number, message: string, reason: Reason, retryable = false): ErrorKind {
  return { status, message, reason, retryable };
}

/** Every way in which the gateway itself fails a request (spec 02 §4.1). A detail is appended as `: detail`. */
export const errorKinds = {
  bindNotFound: kind(404, 'bind not found', 'NotFound'),
  listenerNotFound: kind(404, 'listener not found', 'NotFound'),
  routeNotFound: kind(404, 'route not found', 'NotFound'),
  misdirectedRequest: kind(421, 'misdirected request', 'NotFound'),
  serviceNotFound: kind(500, 'service not found', 'NotFound'),
  noValidBackends: kind(500, 'no valid backends', 'NoHealthyBackend'),
  backendDoesNotExist: kind(500, 'backend does not exist', 'NoHealthyBackend'),
  invalidBackendType: kind(500, 'invalid backend type', 'NoHealthyBackend'),
  noHealthyBackends: kind(503, 'no healthy backends', 'NoHealthyBackend'),
  dnsFailed: kind(503, 'backends required DNS resolution which failed', 'NoHealthyBackend', true),
  upstreamCallFailed: kind(503, 'upstream call failed', 'UpstreamFailure', true),
  upstreamCallTimeout: kind(504, 'upstream call timeout', 'Timeout', true),
  requestTimeout: kind(504, 'request timeout', 'Timeout'),
  upgradeFailed: kind(502, 'request upgrade failed', 'Internal'),
  invalidRequest: kind(400, 'invalid request', 'InvalidRequest'),
  methodNotAllowed: kind(405, 'method not allowed', 'Internal'),
  filtersFailed: kind(500, 'failed to apply filters', 'Internal'),
  processingFailed: kind(503, 'processing failed', 'Internal'),
  internal: kind(500, 'internal error', 'Internal'),
  backendAuthFailed: kind(500, 'backend authentication failed', 'UpstreamFailure'),
  subjectTokenRefused: kind(400, 'invalid request', 'Internal'),
  actorNotAllowed: kind(403, 'the actor may not act for the subject', 'Authorization'),
  jwtAuth: kind(401, 'authentication failure', 'JwtAuth'),
  jwtKeysMissing: kind(503, 'authentication failure: the keys of the issuer are not available', 'JwtAuth'),
  oidcRefused: kind(400, 'oidc failure', 'Oidc'),
  oidcLogin: kind(401, 'oidc failure', 'Oidc'),
  oidcFailed: kind(500, 'oidc failure', 'Oidc'),
  oidcUnavailable: kind(503, 'the login provider could not be reached', 'Oidc'),
  basicAuth: kind(401, 'basic authentication failure', 'BasicAuth'),
  proxyBasicAuth: kind(407, 'basic authentication failure', 'BasicAuth'),
  apiKeyAuth: kind(401, 'api key authentication failure', 'APIKeyAuth'),
  extAuthz: kind(403, 'external authorization failed', 'ExtAuth'),
  extAuthzBodyTooLarge: kind(413, 'external authorization failed', 'ExtAuth'),
  authorization: kind(403, 'authorization failed', 'Authorization'),
  csrf: kind(403, 'CSRF validation failed', 'Authorization'),
  extProcFailed: kind(500, 'ext_proc failed', 'ExtProc'),
  rateLimited: kind(429, 'rate limit exceeded', 'RateLimit'),
  rateLimitFailed: kind(500, 'rate limit failed', 'RateLimit'),
  bodyTooLarge: kind(413, 'request body too large', 'InvalidRequest'),
  llmRequestInvalid: kind(400, 'failed to process LLM request', 'InvalidRequest'),
  llmModelNotFound: kind(404, 'failed to process LLM request', 'InvalidRequest'),
  llmRequestTooLarge: kind(413, 'failed to process LLM request', 'InvalidRequest'),
  llmUnsupportedEncoding: kind(415, 'failed to process LLM request', 'InvalidRequest'),
  llmNotBuilt: kind(501, 'not supported yet', 'InvalidRequest'),
  llmResponseInvalid: kind(502, 'failed to process LLM response', 'UpstreamFailure'),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorKinds;

/** A failure of the table. Steps return it or throw it; the pipeline makes the response. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: ErrorCode;
  /** Fields that the response carries besides the usual ones. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** What happened, for the log only: it may name addresses. */
  readonly logDetail: string | undefined;
  /** That of the kind, unless the configuration named another. */
  readonly status: number;

  constructor(
    code: ErrorCode,
    options: {
      /** Shown to the client behind the kind's message. */
      readonly detail?: string;
      readonly logDetail?: string;
      readonly status?: number;
      readonly headers?: readonly (readonly [name: string, value: string])[];
      readonly cause?: unknown;
    } = {},
  ) {
    const base = errorKinds[code].message;
    super(options.detail === undefined ? base : `${base}: ${options.detail}`, { cause: options.cause });
    this.code = code;
    this.headers = options.headers ?? [];
    this.logDetail = options.logDetail;
    this.status = options.status ?? errorKinds[code].status;
  }

  get reason(): Reason {
    return errorKinds[this.code].reason;
  }

  get retryable(): boolean {
    return errorKinds[this.code].retryable;
  }
}

/** Why an exchange was cut that was still going on when the drain had to end. */
export class DrainDeadline extends Error {
  override readonly name = 'DrainDeadline';
  constructor() {
    super('cut off: the gateway is shutting down');
  }
}

/** HTTP status to gRPC status for locally made answers (spec 02 §4.1). */
function grpcStatus(error: GatewayError): number {
  if (error.code === 'noValidBackends') return 14;
  switch (error.status) {
    case 200:
      return 0;
    case 400:
      return 13;
    case 401:
    case 407:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;
    default:
      return 2;
  }
}

/** Percent-encodes a gRPC message: controls, space, `%` and everything beyond ASCII. */
function grpcMessage(text: string): string {
  return Array.from(Buffer.from(text, 'utf8'), (byte) =>
    byte <= 0x20 || byte >= 0x7f || byte === 0x25
      ? `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
      : String.fromCharCode(byte),
  ).join('');
}

/** Words an error as plain text, or for a gRPC caller as a trailers-only answer. */
export function errorResponse(error: GatewayError, grpc: boolean): Response {
  const headers = new Headers();
  for (const [name, value] of error.headers) headers.append(name, value);
  if (grpc) {
    headers.append('content-type', 'application/grpc');
    headers.append('grpc-status', String(grpcStatus(error)));
    headers.append('grpc-message', grpcMessage(error.message));
    return new Response(200, headers, null);
  }
  headers.append('content-type', 'text/plain');
  return new Response(error.status, headers, Buffer.from(error.message, 'utf8'));
}
