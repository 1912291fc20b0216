import type { Verdict } from './verdict.ts';

/** Milliseconds before its end at which a decision is asked for anew, at most; see {@link Decision.isDue}. */
const maxRefreshAhead = 5_000;

/** A decision that is good for some time. */
export class Decision {
  readonly verdict: Verdict;
  readonly expiresAt: number;
  readonly #refreshAt: number;
  /** True while somebody asks for it anew: all others go on using it. */
  refreshing = false;

  constructor(verdict: Verdict, now: number, lifetime: number) {
    this.verdict = verdict;
    this.expiresAt = now + lifetime;
    this.#refreshAt = this.expiresAt - Math.min(lifetime / 10, maxRefreshAhead);
  }

  /** True in the last tenth of its time, 5 s at most, unless somebody asks already. */
  isDue(now: number): boolean {
    return !this.refreshing && now >= this.#refreshAt;
  }
}

/** Decisions of one policy in one worker, by key; the one that was used longest ago makes room (spec 03 §5.2). */
export class Decisions {
  readonly #maxEntries: number;
  /** In the order of their last use. */
  readonly #byKey = new Map<string, Decision>();

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Null where there is none, or not any more. */
  find(key: string, now: number): Decision | null {
    const decision = this.#byKey.get(key);
    if (decision === undefined) return null;
    this.#byKey.delete(key);
    if (now >= decision.expiresAt) return null;
    this.#byKey.set(key, decision);
    return decision;
  }

  /** @param lifetime Milliseconds. */
  remember(key: string, verdict: Verdict, now: number, lifetime: number): void {
    this.#byKey.delete(key);
    this.#byKey.set(key, new Decision(verdict, now, lifetime));
    if (this.#byKey.size > this.#maxEntries) this.#byKey.delete(this.#byKey.keys().next().value as string);
  }
}
