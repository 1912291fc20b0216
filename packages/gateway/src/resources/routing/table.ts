import type { Route } from '../model.ts';
import { Bucket } from './bucket.ts';
import { type Candidate, candidatesOf, type RouteFound } from './candidate.ts';
import { Lookup, type RouteQuery } from './lookup.ts';

/** The routes of one listener, compiled. */
export interface RouteTable {
  /**
   * The route that takes a request (spec 02 §3.6). The objects it gives belong to the table; nothing is copied.
   */
  find(request: RouteQuery): RouteFound | null;
}

/**
 * Compiles routes into a table. Host names are held against the request from the most specific to the least: the name itself,
 * `*.suffix` with the longest suffix first, routes without names. A bucket in which nothing matches passes on to the next.
 *
 * Where equally specific matches tie, the place in the source decides, then the key (spec 02 §6, 7). Invalid matchers never match.
 */
export function compileRoutes(routes: readonly Route[]): RouteTable {
  return new HostTable(routes);
}

class HostTable implements RouteTable {
  readonly #exact = new Map<string, Bucket>();
  /** By what follows `*.`. */
  readonly #wildcards = new Map<string, Bucket>();
  readonly #any: Bucket | null;
  #longestWildcard = 0;

  constructor(routes: readonly Route[]) {
    const groups = new Map<string, Candidate[]>();
    for (const route of routes) {
      const candidates = candidatesOf(route);
      for (const host of hostsOf(route)) {
        const group = groups.get(host);
        if (group === undefined) groups.set(host, [...candidates]);
        else group.push(...candidates);
      }
    }
    let any: Bucket | null = null;
    for (const [host, candidates] of groups) {
      const bucket = new Bucket(candidates);
      if (host === '') any = bucket;
      else if (host.startsWith('*.')) this.#addWildcard(host.slice(2), bucket);
      else this.#exact.set(host, bucket);
    }
    this.#any = any;
  }

  #addWildcard(suffix: string, bucket: Bucket): void {
    this.#wildcards.set(suffix, bucket);
    this.#longestWildcard = Math.max(this.#longestWildcard, suffix.length);
  }

  find(request: RouteQuery): RouteFound | null {
    const lookup = new Lookup(request);
    const { host } = request;
    const found = this.#exact.get(host)?.find(lookup);
    if (found) return found;
    if (this.#wildcards.size > 0) {
      // A dot further left than this leaves more than any suffix.
      let dot = host.indexOf('.', host.length - this.#longestWildcard - 1);
      for (; dot >= 0; dot = host.indexOf('.', dot + 1)) {
        const behind = this.#wildcards.get(host.substring(dot + 1))?.find(lookup);
        if (behind) return behind;
      }
    }
    return this.#any === null ? null : this.#any.find(lookup);
  }
}

/** Names of a route without repetition, in lower case; one that takes every host is the empty name. */
function hostsOf({ hostnames }: Route): Set<string> {
  if (hostnames.length === 0) return new Set(['']);
  return new Set(
    hostnames.map((name) => {
      const lower = name.toLowerCase();
      const bare = lower.endsWith('.') ? lower.slice(0, -1) : lower;
      return bare === '*' ? '' : bare;
    }),
  );
}
