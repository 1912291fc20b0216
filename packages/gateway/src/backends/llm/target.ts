import type { Response } from '@agentgateway/http';
import { openAI, type Provider, type RouteType, RouteTypes } from '@agentgateway/llm';
import type { CompiledPhase } from '../../pipeline/compiled-phase.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { BackendPolicy, BackendSpec } from '../../policies/policy.ts';
import type { AiProvider } from '../../resources/model.ts';
import type { Upstream, UpstreamPort } from '../../upstream/upstream.ts';
import type { BackendContext } from '../backend.ts';
import { connectionOptions } from '../connection.ts';

/** One provider of an `ai` backend, compiled: where it is, what it wants, which policies it has. */
export class Target {
  readonly provider: Provider;
  /** Model to ask for, whatever the client named. */
  readonly model: string | undefined;
  readonly phase: CompiledPhase;
  /** Of the backend's `ai` policy, or of the route's where that one says nothing about them. */
  readonly routeTypes: RouteTypes;
  readonly #options: AiProvider;
  readonly #upstream: Upstream;
  readonly #port: UpstreamPort;

  constructor(options: AiProvider, context: BackendContext) {
    const policies = effective(options.policies, context.policies);
    const connection = connectionOptions(policies);
    const own = find(policies, 'ai')?.routes ?? {};
    this.provider = openAI;
    this.model = options.provider.model;
    this.phase = context.phase(policies);
    this.routeTypes = new RouteTypes(Object.keys(own).length > 0 ? own : context.routeAi?.routes);
    this.#options = options;
    this.#port = context.upstream;
    this.#upstream =
      options.hostOverride === undefined
        ? context.upstream.compile({ host: this.provider.host, port: this.provider.port }, { tls: {}, ...connection })
        : context.upstream.compile(options.hostOverride, connection);
  }

  /**
   * Sends the exchange's request to where the provider has this route type. The path is put back afterwards, for a later
   * attempt at another provider.
   *
   * @throws GatewayError
   */
  async send(exchange: Exchange, type: RouteType): Promise<Response> {
    const { request } = exchange;
    const { hostOverride, pathOverride, pathPrefix } = this.#options;
    const { path } = request;
    if (hostOverride === undefined) request.authority = this.provider.host;
    request.path = this.provider.path(type, path, {
      pathOverride,
      pathPrefix,
      hostOverride: hostOverride !== undefined,
    });
    try {
      return await this.#port.send(exchange, this.#upstream);
    } finally {
      request.path = path;
    }
  }
}

/** A provider's policies before the backend's, one of each kind (spec 05 §3.1). */
function effective(own: readonly BackendPolicy[], backend: readonly BackendPolicy[]): BackendPolicy[] {
  const policies: BackendPolicy[] = [];
  for (const policy of [...own, ...backend]) {
    if (!policies.some((other) => other.kind === policy.kind)) policies.push(policy);
  }
  return policies;
}

function find<K extends BackendPolicy['kind']>(
  policies: readonly BackendPolicy[],
  kind: K,
): BackendSpec<K> | undefined {
  return policies.find((policy) => policy.kind === kind)?.spec as BackendSpec<K> | undefined;
}
