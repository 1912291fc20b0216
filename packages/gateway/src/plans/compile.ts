import { backendCompiler, loadBackends } from '../backends/registry.ts';
import type { CompiledPhase } from '../pipeline/compiled-phase.ts';
import { Mirror } from '../pipeline/mirror.ts';
import { noNeeds, type PhaseNeeds } from '../pipeline/needs.ts';
import { loadSteps, type Phase, type PhaseCompiler } from '../pipeline/phases.ts';
import type { Clock, Log, Ports } from '../pipeline/step.ts';
import type { AiPolicySpec } from '../policies/ai/spec.ts';
import type { BackendPolicy, FrontendPolicy, TrafficKind, TrafficPolicy } from '../policies/policy.ts';
import type { RequestMirrorSpec } from '../policies/request-mirror/spec.ts';
import { compileRetry } from '../policies/retry/plan.ts';
import { compileTimeout } from '../policies/timeout/plan.ts';
import type {
  Backend,
  BackendReference,
  BackendTarget,
  Bind,
  Listener,
  ResourceId,
  Route,
  RouteBackend,
  TargetedPolicy,
} from '../resources/model.ts';
import { compileRoutes, compileWeights } from '../resources/routing/index.ts';
import type { ResourceState } from '../resources/state.ts';
import type { Exporters } from '../telemetry/otlp/exporters.ts';
import type { UpstreamPort } from '../upstream/upstream.ts';
import { type BackendResolver, compileCallout } from './callouts.ts';
import { asTraffic, compileFrontend, type FrontendCode, type FrontendPlan, loadFrontend } from './frontend.ts';
import type { BackendPlan, BindPlan, ListenerPlan, RoutePlan, Snapshot } from './plan.ts';
import { backendPolicies, gatewayPhasePolicies, routePhasePolicies, TargetedPolicies } from './policies.ts';
import { Releases } from './releases.ts';
import type { RemoteDocuments } from './remote-documents.ts';
import { mentionsOf } from './scan.ts';

/** Ports that the process gives; the others are the compiler's. */
export type ProcessPorts = Omit<Ports, keyof ExpressionPort | 'callout' | 'remoteDocument' | 'onRelease'>;

/** What compiling needs of the process. */
export interface CompilePorts {
  /** Ports for one specification on one resource: its shared cells are its own, and stay while it stays as it is. */
  ports(owner: ResourceId, spec: unknown): ProcessPorts;
  readonly upstream: UpstreamPort;
  readonly clock: Clock;
  readonly log: Log;
  /** Of telemetry: they are flushed at the worker's end. */
  readonly exporters: Exporters;
  readonly documents: RemoteDocuments;
  /** Loads the expression language; called when a state first has an expression. */
  expressions(): Promise<ExpressionPort>;
  /** What is read of bodies about every request, whatever its policies; absent is nothing. */
  logNeeds?(): PhaseNeeds;
}

/** The expression language, loaded. */
export type ExpressionPort = Pick<Ports, 'expression' | 'needsOf' | 'values' | 'connectionVariables'>;

/** A state compiled, and the plans to be taken over by the next one; nothing is in force before it is adopted. */
export interface Compilation {
  readonly snapshot: Snapshot;
  readonly plans: Plans;
  readonly state: ResourceState;
  readonly phases: PhaseCompiler;
}

/** Plans by the keys of their resources. */
interface Plans {
  /** By the key of the bind. */
  readonly frontends: Map<string, Memo<FrontendPlan>>;
  readonly routes: Map<string, Memo<RoutePlan>>;
  readonly listeners: Map<string, Memo<ListenerPlan>>;
}

/**
 * Compiles states to snapshots. What a state shares with the one in force keeps its plan: memoised by the identity of the
 * resources that went into it, so that pools, counters and caches behind it live on. A compilation that is not adopted
 * leaves no trace.
 */
export class PlanCompiler {
  readonly #ports: CompilePorts;
  #adopted = noPlans();
  #expressions: ExpressionPort | null = null;
  /** Looks names up in the state that is in force. */
  #inForce: { readonly state: ResourceState; readonly phases: PhaseCompiler } | null = null;

  constructor(ports: CompilePorts) {
    this.#ports = ports;
  }

  /**
   * Loads the code that the state names, and compiles it.
   *
   * @throws Error if a resource cannot be compiled.
   */
  async compile(state: ResourceState): Promise<Compilation> {
    const { phases, frontend, expressions } = await load(state);
    if (expressions) this.#expressions ??= await this.#ports.expressions();
    const compiler = new StateCompiler({
      ports: this.#ports,
      expressions: this.#expressions,
      inForce: () => this.#inForce,
      phases,
      frontend,
      state,
      before: this.#adopted,
    });
    return compiler.compile();
  }

  /** The compilation is in force now; what no plan of it uses is released. */
  adopt({ plans, state, phases }: Compilation): void {
    const before = this.#adopted;
    this.#adopted = plans;
    this.#inForce = { state, phases };
    this.#release(before, plans);
  }

  /** The compilation will not be adopted; what it made is released. */
  abandon({ plans }: Compilation): void {
    this.#release(plans, this.#adopted);
  }

  /** Releases everything: the worker ends. */
  close(): void {
    const none = noPlans();
    this.#release(this.#adopted, none);
    this.#adopted = none;
  }

  #release(from: Plans, kept: Plans): void {
    for (const level of ['frontends', 'routes', 'listeners'] as const) {
      for (const [key, memo] of from[level]) {
        if (kept[level].get(key) === memo) continue;
        memo.releases.run((error) =>
          this.#ports.log.error('plans', 'a policy was not released', { error: String(error) }),
        );
      }
    }
  }
}

function noPlans(): Plans {
  return { frontends: new Map(), routes: new Map(), listeners: new Map() };
}

/** Loads the code of every policy and backend that the state names, and tells whether there is an expression in it. */
async function load(state: ResourceState): Promise<{
  readonly phases: PhaseCompiler;
  readonly frontend: FrontendCode;
  readonly expressions: boolean;
}> {
  const kinds = new Set<TrafficKind | BackendPolicy['kind']>();
  const frontend: FrontendPolicy[] = [];
  const targets = new Set<BackendTarget>();
  let expressions = false;
  const addMentioned = (policy: TrafficPolicy | BackendPolicy | FrontendPolicy) => {
    const mentions = mentionsOf(policy);
    expressions ||= mentions.expressions;
    for (const { $backend, policies } of mentions.references) {
      for (const { kind } of policies) kinds.add(kind);
      if ('address' in $backend) targets.add({ type: 'host', address: $backend.address });
    }
  };
  const add = (policies: readonly (TrafficPolicy | BackendPolicy)[]) => {
    for (const policy of policies) {
      kinds.add(policy.kind);
      addMentioned(policy);
    }
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
  for (const { policy } of state.policies.values()) {
    if (policy.family === 'frontend') frontend.push(policy.policy);
    if (policy.family !== 'frontend') add([policy.policy]);
    else if (policy.policy.kind === 'networkExtAuthz') add([asTraffic(policy.policy)]);
    else addMentioned(policy.policy);
  }
  for (const { target } of state.backends.values()) targets.add(target);
  // Policies also ask hosts that only a document names, such as the token endpoint of a login provider.
  targets.add({ type: 'host', address: { host: '', port: 0 } });
  await loadBackends(targets);
  return { phases: await loadSteps(kinds), frontend: await loadFrontend(frontend, expressions), expressions };
}

/** One state on its way to a snapshot. */
class StateCompiler {
  readonly #ports: CompilePorts;
  readonly #phases: PhaseCompiler;
  readonly #frontendCode: FrontendCode;
  readonly #state: ResourceState;
  readonly #targeted: TargetedPolicies;
  /** Every plan depends on all policies that name what they are for. */
  readonly #policies: readonly TargetedPolicy[];
  /** Plans are here only while this compiles: what policies keep of the compiler must not keep all plans that ever were. */
  #before: Plans;
  #plans = noPlans();

  readonly #expressions: ExpressionPort | null;
  readonly #inForce: () => { readonly state: ResourceState; readonly phases: PhaseCompiler } | null;
  /** Of the plan that is being compiled. */
  #releases = new Releases();

  constructor(given: {
    readonly ports: CompilePorts;
    readonly expressions: ExpressionPort | null;
    readonly inForce: () => { readonly state: ResourceState; readonly phases: PhaseCompiler } | null;
    readonly phases: PhaseCompiler;
    readonly frontend: FrontendCode;
    readonly state: ResourceState;
    readonly before: Plans;
  }) {
    this.#ports = given.ports;
    this.#expressions = given.expressions;
    this.#inForce = given.inForce;
    this.#phases = given.phases;
    this.#frontendCode = given.frontend;
    this.#state = given.state;
    this.#policies = [...given.state.policies.values()];
    this.#targeted = new TargetedPolicies(this.#policies);
    this.#before = given.before;
  }

  compile(): Compilation {
    const state = this.#state;
    const routesOf = Map.groupBy(state.routes.values(), (route) => route.listener);
    const listenersOf = Map.groupBy(state.listeners.values(), (listener) => listener.bind);
    const binds = new Map<string, BindPlan>();
    for (const bind of state.binds.values()) {
      const listeners = (listenersOf.get(bind.key) ?? []).map((listener) =>
        this.#listener(listener, routesOf.get(listener.key) ?? []),
      );
      const name = listeners[0]?.listener.name;
      const gateway = { name: name?.gatewayName ?? 'default', namespace: name?.gatewayNamespace ?? 'default' };
      binds.set(bind.key, {
        bind,
        listeners,
        plaintext: listeners.filter(({ listener }) => listener.tls === null),
        secure: listeners.filter(({ listener }) => listener.tls !== null),
        ...this.#frontend(bind, this.#targeted.frontend(gateway, bind.key)),
      });
    }
    const plans = this.#plans;
    this.#before = noPlans();
    this.#plans = noPlans();
    return { snapshot: { binds }, plans, state, phases: this.#phases };
  }

  #frontend(bind: Bind, policies: readonly FrontendPolicy[]): FrontendPlan {
    return this.#memoised(this.#before.frontends, this.#plans.frontends, bind.key, policies, () =>
      compileFrontend(policies, {
        code: this.#frontendCode,
        phases: this.#phases,
        ports: (spec) => this.#portsOf(bind, spec),
        exporters: this.#ports.exporters,
        logNeeds: this.#ports.logNeeds?.() ?? noNeeds,
      }),
    );
  }

  #listener(listener: Listener, routes: readonly Route[]): ListenerPlan {
    const { backends } = this.#state;
    const plans = new Map<string, RoutePlan>();
    for (const route of routes) {
      const mirrored = mirrorsOf(route, this.#targeted).map((key) => backends.get(key));
      const used = route.backends.map(({ target }) => ('backend' in target ? backends.get(target.backend) : undefined));
      const plan = this.#memoised(
        this.#before.routes,
        this.#plans.routes,
        route.key,
        [route, listener, ...used, ...mirrored, ...this.#policies],
        () => this.#route(route, used, listener),
      );
      plans.set(route.key, plan);
    }
    return this.#memoised(
      this.#before.listeners,
      this.#plans.listeners,
      listener.key,
      [listener, ...plans.values(), ...this.#policies],
      () => this.#compileListener(listener, routes, plans),
    );
  }

  #compileListener(listener: Listener, routes: readonly Route[], plans: ReadonlyMap<string, RoutePlan>): ListenerPlan {
    const merged = [...gatewayPhasePolicies(this.#targeted.forListener(listener)).values()];
    return {
      listener,
      gateway: `${listener.name.gatewayNamespace}/${listener.name.gatewayName}`,
      hostname: listener.hostname,
      ...this.#phase('gateway', merged, listener),
      routes: compileRoutes(routes),
      plans,
    };
  }

  #route(route: Route, used: readonly (Backend | undefined)[], listener: Listener): RoutePlan {
    const targeted = this.#targeted;
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
      retry: retry === undefined ? null : compileRetry(retry.spec, this.#portsOf(route, retry.spec)),
      mirror: mirror === undefined ? null : this.#mirror(mirror.spec),
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
      ports: this.#portsOf(backend, backend),
      upstream: this.#ports.upstream,
      phase: (policies) => this.#phase('backend', policies, backend),
    });
    return { backend, compiled };
  }

  /** With the policies of its backend, and none that the route gives to its own. */
  #mirror(spec: RequestMirrorSpec): Mirror | null {
    const backend = this.#state.backends.get(spec.backend);
    if (backend === undefined) return null;
    const reference: RouteBackend = { weight: 1, target: { backend: backend.key }, policies: [] };
    const { compiled } = this.#backend(reference, backend, null, [this.#targeted.forBackend(backend)]);
    return compiled === null ? null : new Mirror(backend.key, compiled, spec.percentage, this.#portsOf(backend, spec));
  }

  /** Each policy gets the ports of its own specification, so that its cells outlive changes around it. */
  #phase(phase: Phase, policies: readonly (TrafficPolicy | BackendPolicy)[], owner: ResourceId): CompiledPhase {
    return this.#phases.compile(phase, policies, (spec) => this.#portsOf(owner, spec));
  }

  #portsOf(owner: ResourceId, spec: unknown): Ports {
    const releases = this.#releases;
    const onRelease = (release: () => void) => releases.add(release);
    const callout = (reference: BackendReference) => compileCallout(reference, this.#resolver(onRelease));
    const { expression, needsOf, values, connectionVariables } = this.#expressions ?? noExpressions;
    const own: Omit<Ports, keyof ProcessPorts> = {
      expression,
      needsOf,
      values,
      connectionVariables,
      onRelease,
      callout,
      remoteDocument: (source, reader) =>
        this.#ports.documents.hold(source, reader, { callout: () => callout(source.target), onRelease }),
    };
    return Object.assign(Object.create(this.#ports.ports(owner, spec)) as ProcessPorts, own);
  }

  /** Finds backends in the state in force, and before there is one, or for what is new, in the one at hand. */
  #resolver(onRelease: Ports['onRelease']): BackendResolver {
    const { clock, upstream } = this.#ports;
    const inForce = () => this.#inForce() ?? { state: this.#state, phases: this.#phases };
    return {
      clock,
      find: (key) => inForce().state.backends.get(key) ?? this.#state.backends.get(key) ?? null,
      compile: (backend, reference) => {
        const compile = backendCompiler(backend.target);
        if (compile === null) return null;
        const ports = (spec: unknown) => Object.assign(this.#portsOf(backend, spec), { onRelease });
        return compile({
          backend,
          policies: backendPolicies(reference.policies, backend.policies, this.#targeted.forBackend(backend)),
          routeAi: null,
          ports: ports(backend),
          upstream,
          phase: (policies) => inForce().phases.compile('backend', policies, ports),
        });
      },
    };
  }

  /** Takes a plan over from before if it was made of the very same inputs. */
  #memoised<T>(
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
    const releases = new Releases();
    this.#releases = releases;
    const value = make();
    now.set(key, { inputs, value, releases });
    return value;
  }
}

function unloaded(): never {
  throw new Error('the state was said to have no expressions');
}

const noExpressions: ExpressionPort = {
  expression: unloaded,
  connectionVariables: unloaded,
  needsOf: () => noNeeds,
  values: {
    contentOf: unloaded,
    bytesOf: unloaded,
    scalarOf: unloaded,
    integerOf: unloaded,
    millisecondsOf: unloaded,
  },
};

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
  readonly releases: Releases;
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}
