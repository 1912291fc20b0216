import { byPrecedence, type Candidate, type CompiledPath, type RouteFound } from './candidate.ts';
import type { Condition } from './condition.ts';
import type { Lookup } from './lookup.ts';

/**
 * A candidate with its place among all of its bucket: the lower one wins. Flat and chained, because with thousands of routes
 * a look-up costs what it misses in the processor's caches.
 */
class Ranked {
  readonly rank: number;
  readonly found: RouteFound;
  readonly condition: Condition | null;
  readonly path: CompiledPath;
  /** The next one of the same path. */
  next: Ranked | null = null;

  constructor(rank: number, { found, condition, path }: Candidate) {
    this.rank = rank;
    this.found = found;
    this.condition = condition;
    this.path = path;
  }
}

/**
 * The matches of the routes of one host name, indexed so that the number of routes hardly matters: exact paths and prefixes
 * are looked up, only regular expressions are tried one after another.
 */
export class Bucket {
  readonly #exact = new Map<string, Ranked>();
  readonly #prefixes = new Map<string, Ranked>();
  /** Indexed by length: is there an exact path, a prefix of that length? Spares probes, and bounds them for long paths. */
  readonly #exactLengths: Uint8Array;
  readonly #prefixLengths: Uint8Array;
  /** In order of rank: what cannot be looked up. */
  readonly #scanned: Ranked[] = [];

  constructor(candidates: readonly Candidate[]) {
    const sorted = candidates.toSorted(byPrecedence);
    // From the last to the first, so that each is put before those that it outranks.
    for (let rank = sorted.length - 1; rank >= 0; rank--) {
      const ranked = new Ranked(rank, sorted[rank] as Candidate);
      const { path } = ranked;
      if (path.type === 'exact') {
        prepend(this.#exact, path.path, ranked);
      } else if (path.type === 'prefix' && path.trailingSlashes <= 1) {
        prepend(this.#prefixes, path.prefix, ranked);
      } else {
        // Further slashes count as text, so such a prefix may outrank one that goes deeper.
        this.#scanned.push(ranked);
      }
    }
    this.#scanned.reverse();
    this.#exactLengths = lengthsOf(this.#exact);
    this.#prefixLengths = lengthsOf(this.#prefixes);
  }

  find(lookup: Lookup): RouteFound | null {
    const { path } = lookup;
    const exact = this.#exactLengths[path.length] === 1 ? this.#exact.get(path) : undefined;
    if (exact !== undefined) {
      const found = firstMatching(exact, lookup);
      if (found !== null) return found.found;
    }
    const prefix = this.#prefixes.size === 0 ? null : this.#findPrefix(lookup);
    for (const ranked of this.#scanned) {
      if (prefix !== null && ranked.rank > prefix.rank) break;
      if (pathMatches(ranked.path, lookup) && holds(ranked, lookup)) return ranked.found;
    }
    return prefix === null ? null : prefix.found;
  }

  /** Probes the path cut at each of its slashes, the longest first: a longer prefix always has the better rank. */
  #findPrefix(lookup: Lookup): Ranked | null {
    const { path } = lookup;
    const lengths = this.#prefixLengths;
    // From the end of the path, which is a boundary, or from the first slash that a prefix could reach.
    let end = path.length < lengths.length ? path.length : path.lastIndexOf('/', lengths.length - 1);
    while (end > 0) {
      if (lengths[end] === 1) {
        const chain = this.#prefixes.get(end === path.length ? path : path.substring(0, end));
        const found = chain === undefined ? null : firstMatching(chain, lookup);
        if (found !== null) return found;
      }
      end = path.lastIndexOf('/', end - 1);
    }
    // Left of every boundary is the empty prefix, which `/` became: it takes `*` and whatever else is no path as well.
    const all = this.#prefixes.get('');
    return all === undefined ? null : firstMatching(all, lookup);
  }
}

function prepend(chains: Map<string, Ranked>, key: string, ranked: Ranked): void {
  ranked.next = chains.get(key) ?? null;
  chains.set(key, ranked);
}

function lengthsOf(chains: Map<string, Ranked>): Uint8Array {
  let longest = 0;
  for (const { length } of chains.keys()) longest = Math.max(longest, length);
  const lengths = new Uint8Array(longest + 1);
  for (const { length } of chains.keys()) lengths[length] = 1;
  return lengths;
}

function firstMatching(chain: Ranked, lookup: Lookup): Ranked | null {
  for (let ranked: Ranked | null = chain; ranked !== null; ranked = ranked.next)
    if (holds(ranked, lookup)) return ranked;
  return null;
}

function holds({ condition }: Ranked, lookup: Lookup): boolean {
  return condition === null || condition(lookup);
}

function pathMatches(path: CompiledPath, lookup: Lookup): boolean {
  switch (path.type) {
    case 'exact':
      return path.path === lookup.path;
    case 'prefix': {
      const { prefix } = path;
      if (prefix === '') return true;
      if (!lookup.path.startsWith(prefix)) return false;
      return lookup.path.length === prefix.length || lookup.path[prefix.length] === '/';
    }
    case 'regex':
      return path.regex.matchesFully(lookup.pathText);
  }
}
