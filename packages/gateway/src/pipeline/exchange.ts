import type { Abort, ConnectionInfo, Headers, Reply, Request, Response, Transport } from '@agentgateway/http';
import type { Attempt } from '../backends/backend.ts';
import type { ListenerPlan, RoutePlan } from '../plans/plan.ts';
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

  /** What the call to the upstream is for; a label of its metrics. */
  purpose: 'Primary' | 'Mirror' = 'Primary';
  /** True for gRPC requests: errors are worded as trailers-only answers. */
  grpc = false;
  /** Words an error in the caller's dialect, once a backend knows it; null is plain text (or gRPC). */
  wordError: ((error: GatewayError) => Response) | null = null;

  /** Host of the request without its port, in lower case. */
  host = '';
  /** Token of the `upgrade` that the client asks for, or null. */
  upgrade: string | null = null;

  /** Set as the phases reach them; the response phase runs what was reached. */
  listenerPlan: ListenerPlan | null = null;
  routePlan: RoutePlan | null = null;
  attemptPlan: Attempt | null = null;
  route: Route | null = null;
  /** The match that fitted: what a prefix rewrite replaces. */
  matchedPath: PathMatch | null = null;
  backend: Backend | null = null;
  /** Try number, from 0. */
  attempt = 0;
  /** Milliseconds that one attempt may take until its response's head; 0 is no limit. */
  attemptTimeout = 0;
  /** The upstream's connection, once it switched protocols. */
  upgraded: Transport | null = null;
  /** True once the exchange is over: nobody waits for an answer any more. */
  closed = false;

  /** Scheme, authority and path before any rewrite; null while nothing was rewritten. */
  original: { readonly scheme: string; readonly authority: string; readonly path: string } | null = null;
  /** True until a policy decided on the authority: then it becomes the upstream's host name (spec 02 §3.7). */
  autoHost = true;
  /** Set by `backendAuth`: the client's `authorization` was replaced where the file said so. */
  explicitCredentialLocation = false;

  /** Fields that request policies queued for whatever response is sent. */
  responseHeaders: Headers | null = null;
  /** Bytes that may be held of a body, where the file says so; each reader has its own default. */
  maxBufferSize: number | null = null;

  /** What `apiKey` found out; null if no key was shown. */
  apiKey: {
    readonly metadata: Readonly<Record<string, unknown>>;
    readonly allowedModels: readonly string[] | null;
  } | null = null;

  /** What `basicAuth` found out; null if nobody showed a password. */
  basicAuth: { readonly username: string } | null = null;

  constructor(
    request: Request,
    reply: Reply,
    connection: ConnectionInfo,
    record: RequestRecord,
    abort: Abort,
    clock: Clock,
  ) {
    this.request = request;
    this.reply = reply;
    this.connection = connection;
    this.record = record;
    this.abort = abort;
    this.clock = clock;
  }
}
