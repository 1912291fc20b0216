import type { Activation } from '@agentgateway/cel';
import type { Abort, ConnectionInfo, Headers, Reply, Request, Response, Transport } from '@agentgateway/http';
import type { Attempt } from '../backends/backend.ts';
import type { ListenerPlan, RoutePlan } from '../plans/plan.ts';
import type { Backend, PathMatch, Route } from '../resources/model.ts';
import type { AccessLogPlan } from '../telemetry/access-log-plan.ts';
import type { RequestRecord } from '../telemetry/record.ts';
import type { CalloutKind } from './callout.ts';
import type { CapturedBody } from './capture.ts';
import type { GatewayError } from './errors.ts';
import type { KnownApiKey, VerifiedToken } from './identity.ts';
import { noNeeds, type PhaseNeeds } from './needs.ts';
import type { Clock } from './step.ts';
import type { Trace } from './trace.ts';

/** What of a request's head the backend phase may change. */
export type RequestHead = Pick<Request, 'method' | 'scheme' | 'authority' | 'path' | 'version' | 'headers'>;

const noHeaders: ReadonlySet<string> = new Set();
const nowhere: Readonly<Record<string, string>> = {};

let makeVariables = (_exchange: Exchange): Activation => {
  throw new Error('the variables of expressions were not loaded');
};

/** Called by the module of the variables when it is loaded: a gateway without expressions never loads the language. */
export function provideVariables(make: (exchange: Exchange) => Activation): void {
  makeVariables = make;
}

/** One request's life: what came, what was matched, what policies found out, and how to stop it. */
export class Exchange {
  readonly request: Request;
  readonly connection: ConnectionInfo;
  readonly reply: Reply;
  readonly record: RequestRecord;
  readonly clock: Clock;
  /** Aborted when the client leaves or the request's deadline passes. */
  readonly abort: Abort;

  /** The trace that the request belongs to, or that a policy's own call is made for; null is none. */
  trace: Trace | null = null;
  /** What the call to the upstream is for; a label of its metrics. */
  purpose: 'Primary' | 'Mirror' | 'Policy' = 'Primary';
  /** What a policy asks for, if this is a policy's own call to a service. */
  callout: CalloutKind | null = null;
  /** Calls of policies above this one, which is a policy's own; 0 for a client's request. */
  calloutDepth = 0;
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
  /** False where the precondition of the route's retries does not hold. */
  retries = true;
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

  /** What `jwtAuth` or `oidc` found out; null if no token was verified. */
  jwt: VerifiedToken | null = null;

  /** What `apiKey` found out; null if no key was shown. */
  apiKey: KnownApiKey | null = null;

  /** What `basicAuth` found out; null if nobody showed a password. */
  basicAuth: { readonly username: string } | null = null;

  /** JSON that `extAuthz` answered beside its decision. */
  extauthz: Readonly<Record<string, unknown>> | null = null;
  /** JSON that `extProc` answered; later members overwrite. */
  extproc: Readonly<Record<string, unknown>> | null = null;
  /** JSON that `transformations` keep for later policies and for logs. */
  metadata: Readonly<Record<string, unknown>> | null = null;

  /**
   * The request as the route phase left it, for logs and traces: what a backend's policies put into it, such as the gateway's own
   * credential, is none of their business. Null where none of them reads it, or no backend was called.
   */
  requestForLogs: RequestHead | null = null;
  /** What expressions may read of the request's body; null where none wants it. */
  requestCapture: CapturedBody | null = null;
  responseCapture: CapturedBody | null = null;
  /** The response, once there is one: from upstream, from a policy, or the wording of an error. */
  response: Response | null = null;
  /** True once a response is the upstream's; false for answers of the gateway's own. */
  fromUpstream = false;
  /** What becomes of its access line, where a policy says something about that. */
  accessLog: AccessLogPlan | null = null;
  /** What logs and traces read of bodies, when all is over. */
  logNeeds: PhaseNeeds = noNeeds;
  /** True from the end of the backend phase on: then expressions see `backend` (spec 04 §4.1). */
  backendSelected = false;
  /** Names of request headers, in lower case, that `redacted()` hides besides the usual two. */
  sensitiveHeaders: ReadonlySet<string> = noHeaders;
  /** The variable `env` of expressions: what is known of where the gateway runs. */
  environment: Readonly<Record<string, string>> = nowhere;
  /** Which entry of a conditional policy was chosen for this request, by the policy; -1 is none. */
  choices: Map<object, number> | null = null;

  #variables: Activation | null = null;
  #whenClosed: (() => void)[] | null = null;

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

  /** Calls `listener` when the exchange is over, however it ended: what a policy holds open for it is let go. */
  whenClosed(listener: () => void): void {
    if (this.closed) listener();
    else if (this.#whenClosed === null) this.#whenClosed = [listener];
    else this.#whenClosed.push(listener);
  }

  /** The exchange is over; an error cancels what is still being done for it. */
  close(error: Error | null): void {
    this.closed = true;
    if (error !== null) this.abort.abort(error);
    const listeners = this.#whenClosed;
    this.#whenClosed = null;
    if (listeners !== null) for (const listener of listeners) listener();
  }

  /** What expressions read of this exchange: `program.evaluate(exchange.variables)`. */
  get variables(): Activation {
    this.#variables ??= makeVariables(this);
    return this.#variables;
  }
}
