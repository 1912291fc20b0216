import { Abort, type Request, type Response } from '@agentgateway/http';
import type { Attempt, CompiledBackend } from '../backends/backend.ts';
import type { Callout, CalloutOptions } from '../pipeline/callout.ts';
import { captureResponse } from '../pipeline/capture.ts';
import { GatewayError } from '../pipeline/errors.ts';
import { Exchange } from '../pipeline/exchange.ts';
import { nobody } from '../pipeline/nobody.ts';
import { runPhase, runResponseSteps } from '../pipeline/run.ts';
import type { Clock } from '../pipeline/step.ts';
import type { Address, Backend, BackendReference } from '../resources/model.ts';
import { RequestRecord } from '../telemetry/record.ts';

/** The policies of a service may ask a service; one that asks itself must come to an end. */
const MAX_DEPTH = 4;

/** Finds and compiles what references mean, as the state in force has it. */
export interface BackendResolver {
  readonly clock: Clock;
  /** Null if there is no backend of this key. */
  find(key: string): Backend | null;
  /** With the policies of the reference before the backend's own. */
  compile(backend: Backend, reference: BackendReference): CompiledBackend | null;
}

/** Compiles a reference. A named backend is looked up at every call, and compiled again only when it changed. */
export function compileCallout(reference: BackendReference, resolver: BackendResolver): Callout {
  const target = reference.$backend;
  if ('address' in target) {
    const backend = ofAddress(target.address);
    const name = addressText(target.address);
    let compiled: CompiledBackend | null = null;
    const resolve = () => {
      compiled ??= resolver.compile(backend, reference);
      return compiled;
    };
    return new ResolvedCallout(name, resolve, resolver.clock);
  }
  let last: { readonly backend: Backend; readonly compiled: CompiledBackend | null } | null = null;
  const resolve = () => {
    const backend = resolver.find(target.backend);
    if (backend === null) return null;
    if (last?.backend !== backend) last = { backend, compiled: resolver.compile(backend, reference) };
    return last.compiled;
  };
  return new ResolvedCallout(target.backend.replace(/^\//, ''), resolve, resolver.clock);
}

class ResolvedCallout implements Callout {
  readonly name: string;
  readonly authority: string;
  readonly #resolve: () => CompiledBackend | null;
  readonly #clock: Clock;

  constructor(name: string, resolve: () => CompiledBackend | null, clock: Clock) {
    this.name = name;
    this.authority = name.startsWith('unix:') ? 'localhost' : name;
    this.#resolve = resolve;
    this.#clock = clock;
  }

  async send(request: Request, options: CalloutOptions): Promise<Response> {
    const backend = this.#resolve();
    if (backend === null) throw new GatewayError('backendDoesNotExist', { logDetail: this.name });
    const call = this.#exchange(request, options);
    if (call.calloutDepth > MAX_DEPTH) {
      const logDetail = `${this.name}: services ask each other in a circle`;
      throw new GatewayError('upstreamCallFailed', { logDetail });
    }
    const selected = backend.select(call);
    const attempt = selected instanceof Promise ? await selected : selected;
    call.attemptPlan = attempt;
    const decided = await runPhase(attempt, call);
    if (decided instanceof GatewayError) throw decided;
    if (decided !== undefined) return decided;
    return answered(attempt, call, await attempt.send(call));
  }

  #exchange(request: Request, { kind, exchange, detached, abort, timeout, http2 }: CalloutOptions): Exchange {
    const own = abort ?? new Abort();
    const connection = exchange?.connection ?? noConnection;
    const call = new Exchange(request, nobody, connection, new RequestRecord(), own, this.#clock);
    if (detached !== true) exchange?.abort.listen((reason) => own.abort(reason));
    call.purpose = 'Policy';
    call.callout = kind;
    call.trace = exchange?.trace ?? null;
    call.calloutDepth = (exchange?.calloutDepth ?? 0) + 1;
    call.attemptTimeout = timeout ?? 0;
    call.grpc = http2 === true;
    call.autoHost = request.authority === '';
    if (call.autoHost) request.authority = this.authority;
    call.record.startedAt = this.#clock.now();
    call.record.startedAtEpoch = this.#clock.epoch();
    if (exchange !== null) {
      call.sensitiveHeaders = exchange.sensitiveHeaders;
      call.environment = exchange.environment;
    }
    return call;
  }
}

/** What the service answered, after the response policies of its backend. */
async function answered(attempt: Attempt, call: Exchange, response: Response): Promise<Response> {
  if (attempt.responseSteps.length === 0) return response;
  call.response = response;
  const failure = attempt.needs.responseBody ? await captureResponse(call, response) : undefined;
  const decided = failure ?? (await runResponseSteps(attempt.responseSteps, call, response));
  if (decided instanceof GatewayError) throw decided;
  return decided ?? response;
}

/** Of calls that no client waits for. */
const noConnection: Exchange['connection'] = {
  id: 0,
  remoteAddress: '',
  remotePort: 0,
  localAddress: '',
  localPort: 0,
  tls: null,
};

function ofAddress(address: Address): Backend {
  const name = addressText(address);
  return { kind: 'backend', key: name, name: { namespace: '', name }, target: { type: 'host', address }, policies: [] };
}

function addressText(address: Address): string {
  if ('path' in address) return `unix:${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
