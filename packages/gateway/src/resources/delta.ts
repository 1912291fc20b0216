import type { Resource, ResourceDelta, ResourceId, ResourceKind } from './model.ts';

/** Kinds in the order in which a snapshot lists them: parents before children. */
export const resourceKinds: readonly ResourceKind[] = ['bind', 'listener', 'route', 'backend', 'policy'];

/** One string for a kind and a key; keys are unique within their kind only. */
export function resourceId(id: ResourceId): string {
  return `${id.kind} ${id.key}`;
}

/** The delta that changes nothing. */
export const emptyDelta: ResourceDelta = { upserts: [], removals: [] };

export function isEmpty(delta: ResourceDelta): boolean {
  return delta.upserts.length === 0 && delta.removals.length === 0;
}

/** The one delta that does what `first` and then `second` do. */
export function mergeDeltas(first: ResourceDelta, second: ResourceDelta): ResourceDelta {
  const upserts = new Map<string, Resource>();
  const removals = new Map<string, ResourceId>();
  for (const delta of [first, second]) {
    for (const removal of delta.removals) {
      upserts.delete(resourceId(removal));
      removals.set(resourceId(removal), removal);
    }
    for (const resource of delta.upserts) {
      removals.delete(resourceId(resource));
      upserts.set(resourceId(resource), resource);
    }
  }
  return { upserts: [...upserts.values()], removals: [...removals.values()] };
}

/** What a list of resources is after a delta. */
export function applyDelta(resources: readonly Resource[], delta: ResourceDelta): Resource[] {
  const result = new Map<string, Resource>();
  for (const resource of resources) result.set(resourceId(resource), resource);
  for (const removal of delta.removals) result.delete(resourceId(removal));
  for (const resource of delta.upserts) result.set(resourceId(resource), resource);
  return [...result.values()];
}
