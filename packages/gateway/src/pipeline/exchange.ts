import type { Abort, ConnectionInfo, Headers, Reply, Request, Response } from '@agentgateway/http';
import type { AiPolicySpec } from '../policies/ai/spec.ts';
import type { Backend, PathMatch, Route } from '../resources/model.ts';
import type { RequestRecord } from '../telemetry/record.ts';
import type { GatewayError } from './errors.ts';
import type { Clock } from './step.ts';

/** One request's life: what came, what was matched, what policies found out, and how to stop it. */
export class Exchange {
  readonly request: Request;
  readonly connection: ConnectionInfo;
  readonly reply: Reply;
  readonly record: RequestRecord;
  readonly clock: Clock;
  /** Aborted when the client leaves or the request's deadline passes. */
  readonly abort: Abort;

  /** True for gRPC requests: errors are worded as trailers-only answers. */
  grpc = false;
  /** Words an error in the caller's dialect, once a backend knows it; null is plain text (or gRPC). */
  wordError: ((error: GatewayError) => Response) | null = null;

  route: Route | null = null;
  /** The match that fitted: what a prefix rewrite replaces. */
  matchedPath: PathMatch | null = null;
  backend: Backend | null = null;
  /** Try number, from 0. */
  attempt = 0;

  /** Scheme, authority and path before any rewrite; null while nothing was rewritten. */
  original: { readonly scheme: string; readonly authority: string; readonly path: string } | null = null;
  /** True until a policy decided on the authority: then it becomes the upstream's host name (spec 02 §3.7). */
  autoHost = true;
  /** Set by `backendAuth`: the client's `authorization` was replaced where the file said so. */
  explicitCredentialLocation = false;

  /** Fields that request policies queued for whatever response is sent. */
  responseHeaders: Headers | null = null;
  /** Bytes that may be held of a body. */
  maxBufferSize: number;
  /** True if the configuration says how much; otherwise backends that hold larger bodies by nature have a limit of their own. */
  maxBufferSizeConfigured = false;

  /** Of the route; a backend's own `ai` policy goes before it, field by field. */
  ai: AiPolicySpec | null = null;

  /** What `apiKey` found out; null if no key was shown. */
  apiKey: {
    readonly metadata: Readonly<Record<string, unknown>>;
    readonly allowedModels: readonly string[] | null;
  } | null = null;

  constructor(
    request: Request,
    reply: Reply,
    connection: ConnectionInfo,
    record: RequestRecord,
    abort: Abort,
    clock: Clock,
    maxBufferSize: number,
  ) {
    this.request = request;
    this.reply = reply;
    this.connection = connection;
    this.record = record;
    this.abort = abort;
    this.clock = clock;
    this.maxBufferSize = maxBufferSize;
  }
}
