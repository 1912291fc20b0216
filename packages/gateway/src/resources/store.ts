import { isEmpty, resourceId, resourceKinds } from './delta.ts';
import type { Resource, ResourceDelta, ResourceId, ResourceKind } from './model.ts';
import { sameContent } from './store-equal.ts';

/** Two sources, or one source twice, claim the same key. */
export class DuplicateResource extends Error {
  override readonly name = 'DuplicateResource';
  readonly id: ResourceId;
  constructor(id: ResourceId, first: string, second: string) {
    super(
      first === second
        ? `${id.kind} "${id.key}" is defined twice by ${first}`
        : `${id.kind} "${id.key}" is defined by both ${first} and ${second}`,
    );
    this.id = { kind: id.kind, key: id.key };
  }
}

/** A change that was worked out but not made: {@link ResourceStore.commit} makes it. */
export interface StagedChange {
  readonly source: string;
  /** What differs from the store's state, in the order of a snapshot. Resources that say the same are not in it. */
  readonly delta: ResourceDelta;
  /** Version of the state that it was worked out against. */
  readonly base: number;
}

interface Entry {
  readonly resource: Resource;
  readonly source: string;
}

/**
 * The state that all sources of configuration feed: the file, later xDS and the managed store (spec 01 §3.1).
 *
 * A change is worked out first and made later, so that one that the workers refuse leaves no trace. A resource that says
 * the same as before stays the same object: what was compiled from it stays valid.
 */
export class ResourceStore {
  readonly #entries = new Map<string, Entry>();
  #version = 0;
  #snapshot: readonly Resource[] | null = null;

  /** Counts the changes that were made. */
  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(kind: ResourceKind, key: string): Resource | undefined {
    return this.#entries.get(resourceId({ kind, key }))?.resource;
  }

  /** Everything, by kind and then by key, whatever the order in which it came. The same list until the next change. */
  snapshot(): readonly Resource[] {
    this.#snapshot ??= [...this.#entries.values()].map((entry) => entry.resource).sort(inOrder);
    return this.#snapshot;
  }

  /**
   * Works out what changes if `resources` become all that `source` has to say.
   *
   * @throws DuplicateResource
   */
  replace(source: string, resources: readonly Resource[]): StagedChange {
    const upserts: Resource[] = [];
    const named = new Set<string>();
    for (const resource of resources) {
      const id = resourceId(resource);
      if (named.has(id)) throw new DuplicateResource(resource, source, source);
      named.add(id);
      this.#compare(source, id, resource, upserts);
    }
    const removals: ResourceId[] = [];
    for (const [id, { resource, source: owner }] of this.#entries) {
      if (owner === source && !named.has(id)) removals.push({ kind: resource.kind, key: resource.key });
    }
    return this.#stage(source, upserts, removals);
  }

  /**
   * Works out what changes if `source` removes and adds single resources. Removing what the source does not have is
   * nothing; a key that is both removed and added is replaced.
   *
   * @throws DuplicateResource
   */
  apply(source: string, delta: ResourceDelta): StagedChange {
    const upserts: Resource[] = [];
    const named = new Set<string>();
    for (const resource of delta.upserts) {
      const id = resourceId(resource);
      if (named.has(id)) throw new DuplicateResource(resource, source, source);
      named.add(id);
      this.#compare(source, id, resource, upserts);
    }
    const removals: ResourceId[] = [];
    for (const { kind, key } of delta.removals) {
      const id = resourceId({ kind, key });
      if (named.has(id) || this.#entries.get(id)?.source !== source) continue;
      named.add(id);
      removals.push({ kind, key });
    }
    return this.#stage(source, upserts, removals);
  }

  /**
   * Makes a change.
   *
   * @throws Error if another one was made since it was worked out.
   */
  commit(change: StagedChange): void {
    if (change.base !== this.#version) {
      throw new Error(`change of version ${change.base} cannot be made: the store is at ${this.#version}`);
    }
    if (isEmpty(change.delta)) return;
    for (const removal of change.delta.removals) this.#entries.delete(resourceId(removal));
    for (const resource of change.delta.upserts) {
      this.#entries.set(resourceId(resource), { resource, source: change.source });
    }
    this.#version += 1;
    this.#snapshot = null;
  }

  #compare(source: string, id: string, resource: Resource, upserts: Resource[]): void {
    const known = this.#entries.get(id);
    if (known !== undefined && known.source !== source) throw new DuplicateResource(resource, known.source, source);
    if (known === undefined || !sameContent(known.resource, resource)) upserts.push(resource);
  }

  #stage(source: string, upserts: Resource[], removals: ResourceId[]): StagedChange {
    return { source, base: this.#version, delta: { upserts: upserts.sort(inOrder), removals: removals.sort(inOrder) } };
  }
}

function inOrder(a: ResourceId, b: ResourceId): number {
  if (a.kind !== b.kind) return resourceKinds.indexOf(a.kind) - resourceKinds.indexOf(b.kind);
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}
