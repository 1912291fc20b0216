import type { BackendPolicy, FrontendPolicy, TrafficKind, TrafficPolicy } from '../policies/policy.ts';
import type { Backend, Listener, Route, TargetedPolicy } from '../resources/model.ts';

/**
 * The policies that live beside the tree, looked up by what they are for (spec 01 §3.7). Policies on the same target are
 * visited in the order of their keys, so that the outcome never depends on chance.
 */
export class TargetedPolicies {
  readonly #all: readonly TargetedPolicy[];

  constructor(policies: Iterable<TargetedPolicy>) {
    this.#all = [...policies].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  }

  /** For a whole gateway, then (more specific) for one of its listeners. */
  forListener(listener: Listener): {
    readonly gateway: readonly TargetedPolicy[];
    readonly listener: readonly TargetedPolicy[];
  } {
    const { gatewayName, gatewayNamespace, listenerName } = listener.name;
    const mine = this.#all.filter(
      ({ target }) =>
        'gateway' in target && target.gateway.name === gatewayName && target.gateway.namespace === gatewayNamespace,
    );
    const of = (policy: TargetedPolicy) => ('gateway' in policy.target ? policy.target.gateway : null);
    // Names of listeners are unique within a bind only, so a policy may say which port it means.
    const onPort = (policy: TargetedPolicy) => {
      const port = of(policy)?.port;
      return port === undefined || bindKey(port) === listener.bind;
    };
    return {
      gateway: mine.filter((policy) => of(policy)?.listener === undefined && onPort(policy)),
      listener: mine.filter((policy) => of(policy)?.listener === listenerName && onPort(policy)),
    };
  }

  /** All policies on traffic, whatever they are for. */
  *traffic(): Iterable<TrafficPolicy> {
    for (const { policy } of this.#all) if (policy.family === 'traffic') yield policy.policy;
  }

  forRoute(route: Route): readonly TargetedPolicy[] {
    return this.#all.filter(
      ({ target }) =>
        'route' in target && target.route.name === route.name.name && target.route.namespace === route.name.namespace,
    );
  }

  forBackend(backend: Backend): readonly TargetedPolicy[] {
    return this.#all.filter(
      ({ target }) =>
        'backend' in target &&
        target.backend.name === backend.name.name &&
        target.backend.namespace === backend.name.namespace &&
        target.backend.section === undefined,
    );
  }

  /** For the gateway on one of its ports, then for the gateway: the first of a kind wins. */
  frontend(gateway: { readonly name: string; readonly namespace: string }, bind: string): readonly FrontendPolicy[] {
    const found: FrontendPolicy[] = [];
    const network: Extract<FrontendPolicy, { kind: 'networkAuthorization' }>[] = [];
    for (const withPort of [true, false]) {
      for (const { target, policy } of this.#all) {
        if (policy.family !== 'frontend' || !('gateway' in target)) continue;
        if (target.gateway.name !== gateway.name || target.gateway.namespace !== gateway.namespace) continue;
        if (target.gateway.listener !== undefined) continue;
        const { port } = target.gateway;
        if (withPort ? port === undefined || bindKey(port) !== bind : port !== undefined) continue;
        if (policy.policy.kind === 'networkAuthorization') network.push(policy.policy);
        else if (!found.some((other) => other.kind === policy.policy.kind)) found.push(policy.policy);
      }
    }
    const [first] = network;
    // One stays the object that it is: plans are kept by the identity of what they are made of.
    if (network.length === 1 && first !== undefined) found.push(first);
    else if (first !== undefined)
      found.push({ kind: 'networkAuthorization', spec: { rules: network.flatMap(({ spec }) => spec.rules) } });
    return found;
  }
}

/** Key of the bind on a port as the file has it, which may be 0 while the bind itself has its real one. */
function bindKey(port: number): string {
  return `bind/${port}`;
}

/** Gateway phase: most specific first, the first of a kind wins. */
export function gatewayPhasePolicies(
  targeted: ReturnType<TargetedPolicies['forListener']>,
): ReadonlyMap<TrafficKind, TrafficPolicy> {
  const merged = new Map<TrafficKind, TrafficPolicy>();
  for (const { policy } of [...targeted.listener, ...targeted.gateway]) {
    if (policy.family !== 'traffic' || policy.phase !== 'gateway') continue;
    const known = merged.get(policy.policy.kind);
    if (known === undefined) merged.set(policy.policy.kind, policy.policy);
    else if (known.kind === 'authorization') merged.set('authorization', joined(known, policy.policy));
  }
  return merged;
}

/**
 * Route phase: from the least to the most specific, each replacing the one before of its kind. Among policies of one level
 * the lowest key counts, so those levels are visited from the end.
 */
export function routePhasePolicies(
  listener: ReturnType<TargetedPolicies['forListener']>,
  route: readonly TargetedPolicy[],
  inline: readonly TrafficPolicy[],
): ReadonlyMap<TrafficKind, TrafficPolicy> {
  const merged = new Map<TrafficKind, TrafficPolicy>();
  const put = (policy: TrafficPolicy) => {
    const known = policy.kind === 'authorization' ? merged.get('authorization') : undefined;
    merged.set(policy.kind, known === undefined ? policy : joined(known, policy));
  };
  for (const level of [listener.gateway, listener.listener, route]) {
    for (const { policy } of level.toReversed()) {
      if (policy.family === 'traffic' && policy.phase === 'route') put(policy.policy);
    }
  }
  for (const policy of inline) put(policy);
  return merged;
}

/** Backend phase: most specific first, the first of a kind wins (spec 01 §3.7 d). */
export function backendPolicies(...levels: (readonly (BackendPolicy | TargetedPolicy)[])[]): readonly BackendPolicy[] {
  const merged: BackendPolicy[] = [];
  for (const entry of levels.flat()) {
    let policy: BackendPolicy;
    if ('target' in entry) {
      if (entry.policy.family !== 'backend') continue;
      policy = entry.policy.policy;
    } else {
      policy = entry;
    }
    const at = merged.findIndex((other) => other.kind === policy.kind);
    if (at < 0) merged.push(policy);
    else if (policy.kind === 'authorization') merged[at] = joined(merged[at] as BackendPolicy, policy);
  }
  return merged;
}

/** Rules of several places make one decision: that of all of them together. */
function joined(
  a: TrafficPolicy | BackendPolicy,
  b: TrafficPolicy | BackendPolicy,
): Extract<TrafficPolicy, { kind: 'authorization' }> {
  if (a.kind !== 'authorization' || b.kind !== 'authorization') throw new Error(`${a.kind} is not joined`);
  return { kind: 'authorization', spec: { rules: [...a.spec.rules, ...b.spec.rules] } };
}
