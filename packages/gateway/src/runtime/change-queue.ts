import { applyDelta, mergeDeltas } from '../resources/delta.ts';
import type { Resource, ResourceDelta } from '../resources/model.ts';

/** What a source wants to be changed: everything of it, or single resources. */
export type SourceChange =
  | { readonly type: 'replace'; readonly resources: readonly Resource[] }
  | { readonly type: 'apply'; readonly delta: ResourceDelta };

interface Pending<R> {
  change: SourceChange;
  readonly result: PromiseWithResolvers<R>;
}

/**
 * Runs one task at a time, in order. Changes of one source that wait together become one: whoever asked for them gets
 * the result of that one.
 */
export class ChangeQueue<R> {
  readonly #run: (source: string, change: SourceChange) => Promise<R>;
  readonly #pending = new Map<string, Pending<R>>();
  #tail: Promise<unknown> = Promise.resolve();

  constructor(run: (source: string, change: SourceChange) => Promise<R>) {
    this.#run = run;
  }

  /** @throws what the run throws. */
  change(source: string, change: SourceChange): Promise<R> {
    const waiting = this.#pending.get(source);
    if (waiting !== undefined) {
      waiting.change = mergeChanges(waiting.change, change);
      return waiting.result.promise;
    }
    const pending: Pending<R> = { change, result: Promise.withResolvers<R>() };
    this.#pending.set(source, pending);
    void this.exclusive(() => {
      this.#pending.delete(source);
      return this.#run(source, pending.change).then(pending.result.resolve, pending.result.reject);
    });
    return pending.result.promise;
  }

  /** Runs `task` when everything before it is over. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(task);
    this.#tail = done.catch(() => {});
    return done;
  }

  /** Everything that was asked for so far is over. */
  get idle(): Promise<unknown> {
    return this.#tail;
  }
}

/** The one change that does what `first` and then `second` do. */
function mergeChanges(first: SourceChange, second: SourceChange): SourceChange {
  if (second.type === 'replace') return second;
  if (first.type === 'apply') return { type: 'apply', delta: mergeDeltas(first.delta, second.delta) };
  return { type: 'replace', resources: applyDelta(first.resources, second.delta) };
}
