import { Abort, type ConnectionInfo, isStream, type Reply, type Request, type Response } from '@agentgateway/http';
import type { BackendPlan, BindPlan, ListenerPlan, RoutePlan, Snapshot } from '../plans/plan.ts';
import { pathMatchText, selectListener } from '../resources/routing/index.ts';
import { RequestRecord } from '../telemetry/record.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { AnsweredEarly } from './answered-early.ts';
import { callBackend } from './attempts.ts';
import { parseAuthority } from './authority.ts';
import { recordRequest } from './capture.ts';
import { withinDeadline } from './deadline.ts';
import { DrainDeadline, GatewayError } from './errors.ts';
import { Exchange, type RequestHead } from './exchange.ts';
import { stripRequestHopByHop } from './hop-by-hop.ts';
import { normalise } from './normalise.ts';
import { peerIdentity } from './peer-identity.ts';
import { noteError, respond } from './respond.ts';
import { runPhase } from './run.ts';
import type { Clock } from './step.ts';
import { beginTrace } from './trace.ts';

/** What a connection was accepted on; made once per connection. */
export interface AcceptedOn {
  /** Key of the bind. */
  readonly bind: string;
  /** Key of the listener that TLS chose; null on plaintext. */
  readonly tlsListener: string | null;
}

/** What the pipeline is given of the process around it. */
export interface PipelinePorts {
  readonly clock: Clock;
  readonly random: () => number;
  readonly telemetry: Telemetry;
  /** This worker's place among how many. */
  readonly worker: { readonly index: number; readonly of: number };
  /** Names in lower case of headers that expressions may hide, besides the usual two. */
  readonly sensitiveHeaders: ReadonlySet<string>;
  /** The variable `env` of expressions (spec 04 §4.8). */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Takes a request through the phases of spec 02 §3.5: normalise, listener, gateway phase, route, route phase, backend,
 * response phase. One instance per worker; a new snapshot is one assignment and is seen by the next request.
 */
export class Pipeline {
  #snapshot: Snapshot = { binds: new Map() };
  readonly #ports: PipelinePorts;
  #requests = 0;

  constructor(ports: PipelinePorts) {
    this.#ports = ports;
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  use(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
  }

  /** A count of this worker as one that no other worker has; with one worker it is the count itself. */
  #processWide(count: number): number {
    const { index, of } = this.#ports.worker;
    return (count - 1) * of + index + 1;
  }

  /** Answers one request. Never throws. */
  handle(on: AcceptedOn, request: Request, reply: Reply, connection: ConnectionInfo): void {
    const { clock, telemetry } = this.#ports;
    const record = new RequestRecord();
    record.connectionId = this.#processWide(connection.id);
    record.requestId = this.#processWide(++this.#requests);
    record.startedAt = clock.now();
    record.startedAtEpoch = clock.epoch();
    record.sourceAddress = connection.remoteAddress;
    record.sourcePort = connection.remotePort;
    record.method = request.method;
    record.version = request.version;
    record.bind = on.bind;
    if (connection.tls !== null) {
      if (connection.tls.sni !== '') record.sni = connection.tls.sni;
      record.sourceIdentity = peerIdentity(connection)?.spiffeId ?? null;
    }

    const exchange = new Exchange(request, reply, connection, record, new Abort(), clock);
    exchange.sensitiveHeaders = this.#ports.sensitiveHeaders;
    exchange.environment = this.#ports.environment;
    reply.onClosed = (error) => {
      record.endedAt = clock.now();
      record.responseBytes = reply.bodyBytes;
      if (error instanceof DrainDeadline) record.error ??= error.message;
      exchange.close(error);
      telemetry.finish(exchange);
    };
    this.#answer(exchange, on).catch((error: unknown) => {
      telemetry.log.error('pipeline', 'a request failed in an unforeseen way', { error: String(error) });
      reply.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  }

  async #answer(exchange: Exchange, on: AcceptedOn): Promise<void> {
    let response: Response;
    try {
      const result = this.#toBackend(exchange, on);
      const outcome = result instanceof Promise ? await result : result;
      response = outcome instanceof GatewayError ? noteError(exchange, outcome) : outcome;
    } catch (error) {
      if (exchange.closed) return;
      const given = exchange.abort.reason instanceof AnsweredEarly ? exchange.abort.reason.response : null;
      response = given ?? noteError(exchange, asGatewayError(error, this.#ports.telemetry));
    }
    const { reason } = exchange.abort;
    if (exchange.closed) {
      if (isStream(response.body)) response.body.cancel(reason ?? new Error('nobody waits for it'));
      return;
    }
    if (reason instanceof AnsweredEarly) {
      // The upstream may have answered in the same moment.
      if (response !== reason.response && isStream(response.body)) response.body.cancel(reason);
      response = reason.response;
      exchange.fromUpstream = false;
    }
    const responding = respond(exchange, response);
    if (responding !== undefined) await responding;
  }

  /** Everything up to the head of a response, from upstream or from a policy. */
  #toBackend(exchange: Exchange, on: AcceptedOn): Outcome | Promise<Outcome> {
    const { request, record } = exchange;
    record.path = request.path === '' ? '/' : request.path;
    exchange.grpc = isGrpc(request);

    const bind = this.#snapshot.binds.get(on.bind);
    if (bind === undefined) return new GatewayError('bindNotFound');
    exchange.maxBufferSize = bind.maxBufferSize;
    exchange.accessLog = bind.accessLog;
    exchange.logNeeds = bind.logNeeds;

    const host = normalise(request, exchange.connection.tls !== null);
    exchange.host = host;
    record.host = host;
    exchange.upgrade = stripRequestHopByHop(request);
    beginTrace(exchange, bind.tracing);

    const listener = chooseListener(bind, on, host);
    if (listener === null) return new GatewayError('listenerNotFound');
    exchange.listenerPlan = listener;
    record.gateway = listener.gateway;
    record.listener = listener.listener.name.listenerName;

    if (request.method === 'CONNECT') return new GatewayError('methodNotAllowed');

    const early = runPhase(listener, exchange);
    if (early === undefined) return this.#toRoute(exchange, on, bind, listener);
    if (!(early instanceof Promise)) return early;
    return early.then((result) => result ?? this.#toRoute(exchange, on, bind, listener));
  }

  #toRoute(exchange: Exchange, on: AcceptedOn, bind: BindPlan, listener: ListenerPlan): Outcome | Promise<Outcome> {
    const { request, record } = exchange;
    // A client may reuse a TLS connection for another name; the certificate it was shown must be that name's.
    if (on.tlsListener !== null) {
      const owner = selectListener(bind.secure, exchange.host);
      if (owner !== listener) return new GatewayError(owner === null ? 'routeNotFound' : 'misdirectedRequest');
    }
    if (listener.steps.length > 0) followAuthority(exchange);
    const found = listener.routes.find({
      host: exchange.host,
      authority: request.authority,
      scheme: request.scheme,
      method: request.method,
      path: request.path,
      headers: request.headers,
    });
    const plan = found === null ? undefined : listener.plans.get(found.route.key);
    if (found === null || plan === undefined) return new GatewayError('routeNotFound');
    exchange.routePlan = plan;
    exchange.route = plan.route;
    exchange.matchedPath = found.match.path;
    record.route = plan.name;
    record.pathMatch = pathMatchText(found.match.path);

    const chosen = plan.choose(this.#ports.random());
    const early = runPhase(plan, exchange);
    if (early === undefined) return this.#toUpstream(exchange, plan, chosen);
    if (!(early instanceof Promise)) return early;
    const waited = withinDeadline(exchange, plan.timeout.requestTimeout, early);
    return waited.then((result) => result ?? this.#toUpstream(exchange, plan, chosen));
  }

  #toUpstream(exchange: Exchange, plan: RoutePlan, chosen: number): GatewayError | Promise<Outcome> {
    const backend: BackendPlan | undefined = plan.backends[chosen];
    if (backend === undefined) return new GatewayError('noValidBackends');
    if (backend.backend === null || backend.compiled === null) return new GatewayError('backendDoesNotExist');
    exchange.backend = backend.backend;
    exchange.record.backend = backend.backend.key;
    exchange.record.protocol = backend.compiled.protocol;
    plan.mirror?.send(exchange);
    if (exchange.logNeeds.requestBody) recordRequest(exchange);
    if (exchange.logNeeds.request === true) exchange.requestForLogs = headOf(exchange.request);
    return callBackend(exchange, plan, backend.compiled);
  }
}

type Outcome = Response | GatewayError;

function headOf({ method, scheme, authority, path, version, headers }: Request): RequestHead {
  return { method, scheme, authority, path, version, headers: headers.clone() };
}

/** Policies of the gateway phase may send a request to another host; routes are chosen by that. */
function followAuthority(exchange: Exchange): void {
  const { authority } = exchange.request;
  const { host } = exchange;
  if (authority === host || (authority.startsWith(host) && authority.charCodeAt(host.length) === 0x3a)) return;
  const parsed = parseAuthority(authority);
  if (!('problem' in parsed)) exchange.host = parsed.host;
}

function chooseListener(bind: BindPlan, on: AcceptedOn, host: string): ListenerPlan | null {
  if (on.tlsListener !== null) return bind.secure.find((plan) => plan.listener.key === on.tlsListener) ?? null;
  return selectListener(bind.plaintext, host);
}

function asGatewayError(error: unknown, telemetry: Telemetry): GatewayError {
  if (error instanceof GatewayError) return error;
  const logDetail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  telemetry.log.error('pipeline', 'a step or backend threw', { error: logDetail });
  return new GatewayError('internal', { cause: error });
}

function isGrpc(request: Request): boolean {
  const type = request.headers.get('content-type');
  if (type === undefined || type.length < 16 || request.path === '') return false;
  const end = type.indexOf(';');
  const media = (end < 0 ? type : type.slice(0, end)).trim().toLowerCase();
  return media === 'application/grpc' || media.startsWith('application/grpc+');
}
