import { backendCompiler, loadBackends } from '../backends/registry.ts';
import { Mirror } from '../pipeline/mirror.ts';
import { type CompiledPhase, loadSteps, type Phase, type PhaseCompiler } from '../pipeline/phases.ts';
import type { Ports } from '../pipeline/step.ts';
import type { AiPolicySpec } from '../policies/ai/spec.ts';
import type { BackendPolicy, TrafficKind, TrafficPolicy } from '../policies/policy.ts';
import type { RequestMirrorSpec } from '../policies/request-mirror/spec.ts';
import { compileRetry } from '../policies/retry/plan.ts';
import { compileTimeout } from '../policies/timeout/plan.ts';
import type { Backend, Listener, ResourceId, Route, RouteBackend, TargetedPolicy } from '../resources/model.ts';
import { compileRoutes, compileWeights } from '../resources/routing/index.ts';
import type { ResourceState } from '../resources/state.ts';
import type { UpstreamPort } from '../upstream/upstream.ts';
import { compileFrontend } from './frontend.ts';
import type { BackendPlan, BindPlan, ListenerPlan, RoutePlan, Snapshot } from './plan.ts';
import { backendPolicies, gatewayPhasePolicies, routePhasePolicies, TargetedPolicies } from './policies.ts';

/** What compiling needs of the process. */
export interface CompilePorts {
  /** Ports for one specification on one resource: its shared cells are its own, and stay while it stays as it is. */
  ports(owner: ResourceId, spec: unknown): Ports;
  readonly upstream: UpstreamPort;
}

/**
 * Compiles states to snapshots. What a state shares with the one before keeps its plan: memoised by the identity of the
 * resources that went into it, so that pools, counters and caches behind it live on.
 */
export class PlanCompiler {
  readonly #ports: CompilePorts;
  #phases: PhaseCompiler | null = null;
  #routePlans = new Map<string, Memo<RoutePlan>>();
  #listenerPlans = new Map<string, Memo<ListenerPlan>>();

  constructor(ports: CompilePorts) {
    this.#ports = ports;
  }

  /** Loads the code of every policy and backend that the state names; {@link compile} is synchronous after that. */
  async load(state: ResourceState): Promise<void> {
    const kinds = new Set<TrafficKind | BackendPolicy['kind']>();
    const add = (policies: readonly { readonly kind: TrafficKind | BackendPolicy['kind'] }[]) => {
      for (const { kind } of policies) kinds.add(kind);
    };
    for (const route of state.routes.values()) {
      add(route.policies);
      for (const backend of route.backends) add(backend.policies);
    }
    for (const backend of state.backends.values()) {
      add(backend.policies);
      if (backend.target.type !== 'ai') continue;
      for (const group of backend.target.groups) for (const provider of group) add(provider.policies);
    }
    for (const { policy } of state.policies.values()) if (policy.family !== 'frontend') add([policy.policy]);
    this.#phases = await loadSteps(kinds);
    await loadBackends(Array.from(state.backends.values(), ({ target }) => target));
  }

  /** @throws Error if a resource cannot be compiled, with its key in the message. */
  compile(state: ResourceState): Snapshot {
    const targeted = new TargetedPolicies(state.policies.values());
    const routesOf = Map.groupBy(state.routes.values(), (route) => route.listener);
    const listenersOf = Map.groupBy(state.listeners.values(), (listener) => listener.bind);
    const policies = [...state.policies.values()];

    const routePlans = new Map<string, Memo<RoutePlan>>();
    const listenerPlans = new Map<string, Memo<ListenerPlan>>();
    const binds = new Map<string, BindPlan>();
    for (const bind of state.binds.values()) {
      const listeners = (listenersOf.get(bind.key) ?? []).map((listener) =>
        this.#listener(
          listener,
          routesOf.get(listener.key) ?? [],
          state,
          targeted,
          policies,
          routePlans,
          listenerPlans,
        ),
      );
      const name = listeners[0]?.listener.name;
      const gateway = { name: name?.gatewayName ?? 'default', namespace: name?.gatewayNamespace ?? 'default' };
      binds.set(bind.key, {
        bind,
        listeners,
        plaintext: listeners.filter(({ listener }) => listener.tls === null),
        secure: listeners.filter(({ listener }) => listener.tls !== null),
        ...compileFrontend(targeted.frontend(gateway, bind.key)),
      });
    }
    this.#routePlans = routePlans;
    this.#listenerPlans = listenerPlans;
    return { binds };
  }

  #listener(
    listener: Listener,
    routes: readonly Route[],
    state: ResourceState,
    targeted: TargetedPolicies,
    policies: readonly unknown[],
    routePlans: Map<string, Memo<RoutePlan>>,
    listenerPlans: Map<string, Memo<ListenerPlan>>,
  ): ListenerPlan {
    const plans = new Map<string, RoutePlan>();
    for (const route of routes) {
      const mirrored = mirrorsOf(route, targeted).map((key) => state.backends.get(key));
      const used = route.backends.map(({ target }) =>
        'backend' in target ? state.backends.get(target.backend) : undefined,
      );
      const plan = memoised(
        this.#routePlans,
        routePlans,
        route.key,
        [route, listener, ...used, ...mirrored, ...policies],
        () => this.#route(route, used, listener, targeted, state),
      );
      plans.set(route.key, plan);
    }
    return memoised(this.#listenerPlans, listenerPlans, listener.key, [listener, ...plans.values(), ...policies], () =>
      this.#compileListener(listener, routes, plans, targeted),
    );
  }

  #compileListener(
    listener: Listener,
    routes: readonly Route[],
    plans: ReadonlyMap<string, RoutePlan>,
    targeted: TargetedPolicies,
  ): ListenerPlan {
    const merged = [...gatewayPhasePolicies(targeted.forListener(listener)).values()];
    return {
      listener,
      gateway: `${listener.name.gatewayNamespace}/${listener.name.gatewayName}`,
      hostname: listener.hostname,
      ...this.#phase('gateway', merged, listener),
      routes: compileRoutes(routes),
      plans,
    };
  }

  #route(
    route: Route,
    used: readonly (Backend | undefined)[],
    listener: Listener,
    targeted: TargetedPolicies,
    state: ResourceState,
  ): RoutePlan {
    const forListener = targeted.forListener(listener);
    const forRoute = targeted.forRoute(route);
    const traffic = routePhasePolicies(forListener, forRoute, route.policies);
    const merged = [...traffic.values()];
    const retry = traffic.get('retry') as Extract<TrafficPolicy, { kind: 'retry' }> | undefined;
    const timeout = traffic.get('timeout') as Extract<TrafficPolicy, { kind: 'timeout' }> | undefined;
    const mirror = traffic.get('requestMirror') as Extract<TrafficPolicy, { kind: 'requestMirror' }> | undefined;
    const ai = traffic.get('ai') as Extract<TrafficPolicy, { kind: 'ai' }> | undefined;
    return {
      route,
      name: `${route.name.namespace}/${route.name.name}`,
      ...this.#phase('route', merged, route),
      timeout: compileTimeout(timeout?.spec ?? {}),
      retry: retry === undefined ? null : compileRetry(retry.spec),
      mirror: mirror === undefined ? null : this.#mirror(mirror.spec, state, targeted),
      choose: compileWeights(route.backends.map(({ weight }) => weight)),
      backends: route.backends.map((reference, i) =>
        this.#backend(reference, used[i], ai?.spec ?? null, [
          forRoute,
          used[i] === undefined ? [] : targeted.forBackend(used[i]),
          forListener.listener,
          forListener.gateway,
        ]),
      ),
    };
  }

  #backend(
    reference: RouteBackend,
    backend: Backend | undefined,
    routeAi: AiPolicySpec | null,
    targeted: readonly (readonly TargetedPolicy[])[],
  ): BackendPlan {
    const compile = backend === undefined ? null : backendCompiler(backend.target);
    if (backend === undefined || compile === null) return { backend: null, compiled: null };
    const compiled = compile({
      backend,
      policies: backendPolicies(reference.policies, backend.policies, ...targeted),
      routeAi,
      ports: this.#ports.ports(backend, backend),
      upstream: this.#ports.upstream,
      phase: (policies) => this.#phase('backend', policies, backend),
    });
    return { backend, compiled };
  }

  /** With the policies of its backend, and none that the route gives to its own. */
  #mirror(spec: RequestMirrorSpec, state: ResourceState, targeted: TargetedPolicies): Mirror | null {
    const backend = state.backends.get(spec.backend);
    if (backend === undefined) return null;
    const reference: RouteBackend = { weight: 1, target: { backend: backend.key }, policies: [] };
    const { compiled } = this.#backend(reference, backend, null, [targeted.forBackend(backend)]);
    return compiled === null
      ? null
      : new Mirror(backend.key, compiled, spec.percentage, this.#ports.ports(backend, spec));
  }

  /** Each policy gets the ports of its own specification, so that its cells outlive changes around it. */
  #phase(phase: Phase, policies: readonly (TrafficPolicy | BackendPolicy)[], owner: ResourceId): CompiledPhase {
    if (this.#phases === null) throw new Error('load() comes before compile()');
    return this.#phases.compile(phase, policies, (spec) => this.#ports.ports(owner, spec));
  }
}

/** Keys of the backends that may get copies of a route's requests. */
function mirrorsOf(route: Route, targeted: TargetedPolicies): string[] {
  const keys: string[] = [];
  for (const policy of [...route.policies, ...targeted.traffic()]) {
    if (policy.kind === 'requestMirror') keys.push(policy.spec.backend);
  }
  return keys;
}

interface Memo<T> {
  readonly inputs: readonly unknown[];
  readonly value: T;
}

/** Takes a plan over from before if it was made of the very same inputs. */
function memoised<T>(
  before: ReadonlyMap<string, Memo<T>>,
  now: Map<string, Memo<T>>,
  key: string,
  inputs: readonly unknown[],
  make: () => T,
): T {
  const known = before.get(key);
  if (known !== undefined && sameItems(known.inputs, inputs)) {
    now.set(key, known);
    return known.value;
  }
  const value = make();
  now.set(key, { inputs, value });
  return value;
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}
