import type { Backend, Bind, Listener, Resource, ResourceDelta, Route, TargetedPolicy } from './model.ts';

/**
 * All resources at one moment, by kind and key. Never changed: a delta gives the next state, which shares every resource
 * that the delta did not name, so that what was compiled from them can be kept.
 */
export class ResourceState {
  readonly binds: ReadonlyMap<string, Bind>;
  readonly listeners: ReadonlyMap<string, Listener>;
  readonly routes: ReadonlyMap<string, Route>;
  readonly backends: ReadonlyMap<string, Backend>;
  readonly policies: ReadonlyMap<string, TargetedPolicy>;

  private constructor(maps: Maps) {
    this.binds = maps.bind;
    this.listeners = maps.listener;
    this.routes = maps.route;
    this.backends = maps.backend;
    this.policies = maps.policy;
  }

  static readonly empty: ResourceState = new ResourceState({
    bind: new Map(),
    listener: new Map(),
    route: new Map(),
    backend: new Map(),
    policy: new Map(),
  });

  apply(delta: ResourceDelta): ResourceState {
    const touched = new Set([...delta.upserts, ...delta.removals].map(({ kind }) => kind));
    const maps: Maps = {
      bind: copyIf(touched.has('bind'), this.binds),
      listener: copyIf(touched.has('listener'), this.listeners),
      route: copyIf(touched.has('route'), this.routes),
      backend: copyIf(touched.has('backend'), this.backends),
      policy: copyIf(touched.has('policy'), this.policies),
    };
    for (const { kind, key } of delta.removals) maps[kind].delete(key);
    for (const resource of delta.upserts) (maps[resource.kind] as Map<string, Resource>).set(resource.key, resource);
    return new ResourceState(maps);
  }
}

interface Maps {
  readonly bind: Map<string, Bind>;
  readonly listener: Map<string, Listener>;
  readonly route: Map<string, Route>;
  readonly backend: Map<string, Backend>;
  readonly policy: Map<string, TargetedPolicy>;
}

/** An untouched map is shared: nobody writes to it, whatever its type says here. */
function copyIf<T>(touched: boolean, map: ReadonlyMap<string, T>): Map<string, T> {
  return touched ? new Map(map) : (map as Map<string, T>);
}
