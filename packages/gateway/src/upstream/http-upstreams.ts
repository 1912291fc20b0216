import {
  Destination,
  destinationTls,
  isStream,
  type Response,
  type Target,
  Upgraded,
  UpstreamError,
  type UpstreamPool,
  upstreamErrors,
} from '@agentgateway/http';
import { GatewayError } from '../pipeline/errors.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { CallSpan } from '../pipeline/trace.ts';
import type { BackendTlsSpec } from '../policies/backend-tls/spec.ts';
import type { Address } from '../resources/model.ts';
import type { Settings } from '../resources/settings.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { noteGrpcStatus, TracedBody } from './traced-body.ts';
import type { ConnectionOptions, Upstream, UpstreamPort } from './upstream.ts';

/** Compiled upstreams kept for addresses that requests name (`dynamic` backends). */
const REMEMBERED = 1024;

/** Sends requests upstream through one pool, and tells failures in the gateway's own words. */
export class HttpUpstreams implements UpstreamPort {
  readonly #pool: UpstreamPool;
  readonly #settings: Settings['backend'];
  readonly #telemetry: Telemetry;
  /** By content, in the order of last use: an upstream that two plans name is compiled once. */
  readonly #known = new Map<string, Upstream>();

  constructor(pool: UpstreamPool, settings: Settings['backend'], telemetry: Telemetry) {
    this.#pool = pool;
    this.#settings = settings;
    this.#telemetry = telemetry;
  }

  compile(address: Address, options: ConnectionOptions): Upstream {
    const { tls, http, tcp } = options;
    const key = JSON.stringify([address, tls, http, tcp]);
    let upstream = this.#known.get(key);
    if (upstream === undefined) upstream = this.#compile(address, options);
    else this.#known.delete(key);
    this.#known.set(key, upstream);
    if (this.#known.size > REMEMBERED) this.#known.delete(this.#known.keys().next().value as string);
    return upstream;
  }

  #compile(address: Address, { tls, http, tcp }: ConnectionOptions): Upstream {
    const { poolIdleTimeout, poolMaxSize } = this.#settings;
    const { connectTimeout, keepalives } = tcp ?? this.#settings;
    const target: Target = 'path' in address ? { path: address.path } : { host: address.host, port: address.port };
    const options = tls === undefined ? null : tlsOptions(tls);
    const destination = new Destination({
      target,
      tls: options === null ? null : destinationTls(options),
      connectTimeout,
      poolIdleTimeout,
      ...(poolMaxSize === undefined ? {} : { poolMaxSize }),
      keepalive: keepalives.enabled ? keepalives : null,
      ...(http?.version === undefined ? {} : { version: http.version }),
    });
    const requestTimeout = http?.requestTimeout ?? null;
    const scheme = options === null ? 'http' : 'https';
    if ('path' in address)
      return { destination, scheme, endpoint: `unix:${address.path}`, autoAuthority: null, requestTimeout };
    const { host, port } = address;
    const literal = 'address' in destination.target;
    const name = host.includes(':') ? `[${host}]` : host;
    return {
      destination,
      scheme,
      endpoint: `${name}:${port}`,
      autoAuthority: literal ? null : port === (scheme === 'https' ? 443 : 80) ? host : `${host}:${port}`,
      requestTimeout,
    };
  }

  async send(exchange: Exchange, upstream: Upstream): Promise<Response> {
    const { request, record, clock } = exchange;
    request.scheme = upstream.scheme;
    if (exchange.autoHost && upstream.autoAuthority !== null) request.authority = upstream.autoAuthority;
    record.endpoint = upstream.endpoint;
    const startedAt = clock.now();
    if (record.upstreamStartedAt === 0) record.upstreamStartedAt = startedAt;
    const named = upstream.autoAuthority === null ? null : upstream.endpoint;
    const span = exchange.trace === null ? null : exchange.trace.beginCall(exchange, named);
    let answered = false;
    try {
      const answer = await this.#pool.send(request, upstream.destination, {
        abort: exchange.abort,
        timeout: upstream.requestTimeout ?? exchange.attemptTimeout,
        version: preferredVersion(exchange),
      });
      answered = true;
      record.upstreamRespondedAt = clock.now();
      this.#count(exchange, record.upstreamRespondedAt - startedAt);
      const response = answer instanceof Upgraded ? switched(exchange, answer) : answer;
      if (span !== null) traceAnswer(span, response);
      return response;
    } catch (error) {
      const failure = told(exchange, error);
      if (!answered) this.#count(exchange, clock.now() - startedAt);
      if (span !== null) traceFailure(span, failure);
      throw failure;
    }
  }

  /** A call that failed is a call. */
  #count({ purpose, callout, record }: Exchange, milliseconds: number): void {
    const subtype = callout ?? (record.protocol === 'llm' ? 'Llm' : 'Http');
    this.#telemetry.metrics.upstreamCall(purpose, subtype, milliseconds);
  }
}

/** The span lasts until the answer's last byte; of a switched connection, until the exchange is over. */
function traceAnswer(span: CallSpan, response: Response): void {
  span.status = response.status;
  noteGrpcStatus(span, response.headers);
  if (isStream(response.body)) response.body = new TracedBody(response.body, span);
  else if (response.status !== 101) span.end();
}

function traceFailure(span: CallSpan, failure: unknown): void {
  if (failure instanceof GatewayError) {
    span.fail(failure);
    return;
  }
  span.end();
  span.errorType = 'Cancelled';
  span.error = failure instanceof Error ? failure.message : String(failure);
}

/** Under TLS, and in a policy's own call, a client's version says nothing about the upstream; gRPC needs HTTP/2 (spec 02 §3.11). */
function preferredVersion(exchange: Exchange): 'http1' | 'http2' | undefined {
  if (exchange.connection.tls === null && exchange.callout === null) return undefined;
  return exchange.grpc ? 'http2' : 'http1';
}

function tlsOptions(tls: BackendTlsSpec) {
  const { key, ...rest } = tls;
  return key === undefined ? rest : { ...rest, key: key.$secret };
}

/** `101` must name the protocol that the client asked for (RFC 9110 §7.8). */
function switched(exchange: Exchange, { response, transport }: Upgraded): Response {
  const offered = response.headers.get('upgrade');
  if (exchange.upgrade === null || offered?.toLowerCase() !== exchange.upgrade.toLowerCase()) {
    transport.destroy();
    const detail = `backend tried ${told101(offered)} but ${told101(exchange.upgrade ?? undefined)} was requested`;
    throw new GatewayError('upgradeFailed', { detail });
  }
  exchange.upgraded = transport;
  return response;
}

function told101(token: string | undefined): string {
  return token === undefined ? 'None' : `Some(${JSON.stringify(token)})`;
}

/** The client learns the kind of failure; addresses and causes go to the log. */
function told(exchange: Exchange, error: unknown): unknown {
  if (exchange.abort.reason !== null) return exchange.abort.reason;
  if (!(error instanceof UpstreamError)) return error;
  const facts = upstreamErrors[error.kind];
  if (error.kind === 'Dns') return new GatewayError('dnsFailed', { logDetail: error.message, cause: error });
  if (facts.timeout) return new GatewayError('upstreamCallTimeout', { logDetail: error.message, cause: error });
  const colon = error.message.indexOf(': ');
  const logDetail = colon < 0 ? error.message : error.message.slice(colon + 2);
  return new GatewayError('upstreamCallFailed', { detail: facts.label, logDetail, cause: error });
}
