import type { BackendReference } from '../resources/model.ts';

/** What a policy's specification mentions, wherever in it. */
export interface Mentions {
  /** True if it holds an expression. */
  readonly expressions: boolean;
  readonly references: readonly BackendReference[];
}

/** Resources are immutable: what was found in one stays true. */
const known = new WeakMap<object, Mentions>();

/** Finds the marked members (`$cel`, `$backend`) of a policy, those of the references' own policies included. */
export function mentionsOf(policy: object): Mentions {
  let mentions = known.get(policy);
  if (mentions === undefined) {
    const found = { expressions: false, references: [] as BackendReference[] };
    walk(policy, found);
    mentions = found;
    known.set(policy, mentions);
  }
  return mentions;
}

function walk(value: object, found: { expressions: boolean; references: BackendReference[] }): void {
  if ('$cel' in value) {
    found.expressions = true;
    return;
  }
  // Claims and metadata are the user's own and may hold any member.
  if ('$backend' in value && 'policies' in value && Array.isArray(value.policies)) {
    found.references.push(value as BackendReference);
  }
  for (const member of Object.values(value)) if (typeof member === 'object' && member !== null) walk(member, found);
}
