import type { Reason } from '../pipeline/errors.ts';

/**
 * What is known of one request when it is over: the only source of logs, metrics and traces. The pipeline and the backends
 * fill it; telemetry reads it once, when the last byte of the answer was handed to the connection or the client left.
 *
 * Times are `performance.now()` milliseconds, 0 where the moment did not come.
 */
export class RequestRecord {
  connectionId = 0;
  requestId = 0;
  /** Wall clock at the start, milliseconds since the epoch. */
  startedAtEpoch = 0;
  startedAt = 0;
  /** First byte sent upstream, of the first attempt. */
  upstreamStartedAt = 0;
  /** Response head of the last attempt. */
  upstreamRespondedAt = 0;
  /** Response head handed to the client. */
  respondedAt = 0;
  endedAt = 0;

  /** `bind/<port>`. */
  bind: string | null = null;
  /** `<namespace>/<name>`. */
  gateway: string | null = null;
  listener: string | null = null;
  /** `<namespace>/<name>`. */
  route: string | null = null;
  routeRule: string | null = null;
  /** Text of the path match that fitted. */
  pathMatch: string | null = null;
  /** Backend key, the metric label. */
  backend: string | null = null;
  /** `host:port` of the upstream used last. */
  endpoint: string | null = null;

  sourceAddress = '';
  sourcePort = 0;
  /** SPIFFE id of the client's certificate. */
  sourceIdentity: string | null = null;
  method = '';
  /** Without the port. */
  host: string | null = null;
  /** Path and query as received. */
  path = '';
  version = '';
  sni: string | null = null;
  /** 32 hexadecimal digits; null where the request belongs to no trace. */
  traceId: string | null = null;
  /** 16 hexadecimal digits: of the server's span. */
  spanId: string | null = null;
  /** Subject of the token that was verified. */
  jwtSub: string | null = null;

  protocol: 'http' | 'llm' | 'mcp' | 'a2a' = 'http';
  status = 0;
  grpcStatus: number | null = null;
  /** Bytes of response body handed to the client's connection. */
  responseBytes = 0;
  /** Number of the last attempt; 0 if there was no retry. */
  retryAttempt = 0;
  reason: Reason = 'Upstream';
  /** Text of the gateway's own error, with what only the log may tell. */
  error: string | null = null;

  llm: LlmRecord | null = null;
}

/** What a model call adds (spec 05 §7, spec 10 §3.2). Counts of tokens are integers, absent where the provider did not say. */
export interface LlmRecord {
  operation: 'chat' | 'embeddings';
  provider: string;
  requestModel: string | null;
  responseModel: string | null;
  streaming: boolean;
  inputTokens: number | null;
  cachedInputTokens: number | null;
  cacheCreationInputTokens: number | null;
  outputTokens: number | null;
  reasoningTokens: number | null;
  inputAudioTokens: number | null;
  outputAudioTokens: number | null;
  outputImageTokens: number | null;
  totalTokens: number | null;
  serviceTier: string | null;
  /** `performance.now()` of the first token; 0 if none came. */
  firstTokenAt: number;
  params: LlmParams;
}

/** Of the client's request, as it was asked (spec 10 §3.2). */
export interface LlmParams {
  temperature?: number;
  topP?: number;
  maxTokens?: number;
  frequencyPenalty?: number;
  presencePenalty?: number;
  seed?: number;
  encodingFormat?: string;
  dimensions?: number;
}
