import { type Clock, systemClock, type Timer } from '../clock.ts';
import { HostsFile } from './hosts-file.ts';
import { addressOf, isLocalhost, normalizeName } from './name.ts';
import { type Answer, type DnsQuery, type SearchRules, SystemDns, systemHasIPv6, systemSearchRules } from './system.ts';

/** Which records are asked for (spec 01 `dns.lookupFamily`). `Auto` is `V4Preferred` where the machine has IPv6, else `V4Only`. */
export type LookupFamily = 'Auto' | 'All' | 'V4Preferred' | 'V4Only' | 'V6Only';

/** A name has no address. `code` is c-ares' own (`ENOTFOUND`, `ETIMEOUT`, …), or `EBADNAME` for what is no name at all. */
export class DnsError extends Error {
  override readonly name = 'DnsError';
  readonly code: string;
  readonly host: string;
  constructor(host: string, code: string, cause?: unknown) {
    super(`${JSON.stringify(host)} cannot be resolved: ${code}`, cause === undefined ? undefined : { cause });
    this.host = host;
    this.code = code;
  }
}

/** Addresses of one name, handed out in turn. Never empty. */
export class AddressSet {
  readonly addresses: readonly string[];
  readonly #rotate: boolean;
  #cursor = 0;

  constructor(addresses: readonly string[], rotate = true) {
    this.addresses = addresses;
    this.#rotate = rotate;
  }

  /** Where in `addresses` the next user starts; the others follow from there, round and round. */
  next(): number {
    if (!this.#rotate) return 0;
    const at = this.#cursor;
    this.#cursor = at + 1 === this.addresses.length ? 0 : at + 1;
    return at;
  }
}

/** Turns hosts into addresses. */
export interface HostResolver {
  /** Answers at once where the answer is known. @throws DnsError, at once or by the promise. */
  lookup(host: string): AddressSet | Promise<AddressSet>;
  close(): void;
}

export interface DnsOptions {
  readonly family?: LookupFamily;
  readonly query?: DnsQuery;
  readonly hosts?: HostsFile;
  readonly search?: SearchRules;
  readonly clock?: Clock;
  /** Names remembered at a time. */
  readonly maxEntries?: number;
}

/** Milliseconds: shorter times to live are taken as this. */
const MIN_TTL = 5_000;
/** Milliseconds: longer ones are taken as this, so that a record with a wild TTL is not kept for ever. */
const MAX_TTL = 86_400_000;
const FIRST_BACKOFF = 200;
const MAX_BACKOFF = 5_000;

/** What is known of one name. It has `set` or `error` or neither, the last while the first answer is awaited. */
class Entry {
  readonly name: string;
  set: AddressSet | null = null;
  error: DnsError | null = null;
  pending: Promise<AddressSet> | null = null;
  /** Asked for since the last refresh. */
  used = true;
  /** Milliseconds to wait after the next failure. */
  backoff = FIRST_BACKOFF;
  timer: Timer | null = null;
  constructor(name: string) {
    this.name = name;
  }
}

/**
 * Names with a cache of their own (spec 02 §3.19); never `getaddrinfo`.
 *
 * A name is asked again in the background when its time to live is over, as long as somebody used it meanwhile, and
 * dropped otherwise. When a refresh fails the last good addresses stay. A first failure is remembered while it backs off.
 */
export class Dns implements HostResolver {
  readonly #family: Exclude<LookupFamily, 'Auto'>;
  readonly #query: DnsQuery;
  readonly #hosts: HostsFile;
  readonly #search: SearchRules;
  readonly #clock: Clock;
  readonly #maxEntries: number;
  /** In the order in which they were last refreshed. */
  readonly #entries = new Map<string, Entry>();
  /** Sets made from the hosts file, by the list that they were made of. */
  readonly #local = new WeakMap<readonly string[], AddressSet | null>();
  #closed = false;

  constructor(options: DnsOptions = {}) {
    const family = options.family ?? 'Auto';
    this.#family = family === 'Auto' ? (systemHasIPv6() ? 'V4Preferred' : 'V4Only') : family;
    this.#query = options.query ?? new SystemDns();
    this.#clock = options.clock ?? systemClock;
    this.#hosts = options.hosts ?? new HostsFile('/etc/hosts', this.#clock);
    this.#search = options.search ?? systemSearchRules();
    this.#maxEntries = options.maxEntries ?? 4_096;
  }

  /** Names in the cache. */
  get size(): number {
    return this.#entries.size;
  }

  lookup(host: string): AddressSet | Promise<AddressSet> {
    const entry = this.#entries.get(host);
    return entry === undefined ? this.#first(host) : this.#use(entry);
  }

  /** Forgets everything and asks nobody any more. */
  close(): void {
    this.#closed = true;
    for (const entry of this.#entries.values()) entry.timer?.cancel();
    this.#entries.clear();
  }

  #use(entry: Entry): AddressSet | Promise<AddressSet> {
    entry.used = true;
    if (entry.set !== null) return entry.set;
    if (entry.error !== null) throw entry.error;
    return entry.pending as Promise<AddressSet>;
  }

  #first(host: string): AddressSet | Promise<AddressSet> {
    if (this.#closed) throw new DnsError(host, 'ECANCELLED');
    const literal = addressOf(host);
    if (literal !== null) return new AddressSet([literal]);
    const name = normalizeName(host);
    if (name === null) throw new DnsError(host, 'EBADNAME');
    const local = this.#lookupLocally(name);
    if (local !== null) return local;
    const known = name === host ? undefined : this.#entries.get(name);
    if (known !== undefined) return this.#use(known);
    const entry = new Entry(name);
    this.#remember(entry);
    entry.pending = this.#ask(entry);
    return entry.pending;
  }

  #lookupLocally(name: string): AddressSet | null {
    const listed = this.#hosts.get(name);
    if (listed !== undefined) {
      let set = this.#local.get(listed);
      if (set === undefined) {
        const fitting = this.#ofFamily(listed);
        // Whoever listens on `localhost` often does so in one family only: the first one stays the first.
        set = fitting.length === 0 ? null : new AddressSet(fitting, !isLocalhost(name));
        this.#local.set(listed, set);
      }
      if (set !== null) return set;
    }
    if (!isLocalhost(name)) return null;
    return new AddressSet(this.#ofFamily(['127.0.0.1', '::1']), false);
  }

  #ofFamily(addresses: readonly string[]): readonly string[] {
    const v4 = addresses.filter((address) => !address.includes(':'));
    const v6 = addresses.filter((address) => address.includes(':'));
    switch (this.#family) {
      case 'V4Only':
        return v4;
      case 'V6Only':
        return v6;
      case 'V4Preferred':
        return v4.length > 0 ? v4 : v6;
      case 'All':
        return [...v4, ...v6];
    }
  }

  #remember(entry: Entry): void {
    if (this.#entries.size >= this.#maxEntries) {
      for (const [name, oldest] of this.#entries) {
        oldest.timer?.cancel();
        this.#entries.delete(name);
        break;
      }
    }
    this.#entries.set(entry.name, entry);
  }

  async #ask(entry: Entry): Promise<AddressSet> {
    try {
      const answer = await this.#resolve(entry.name);
      entry.set = sameAddresses(entry.set, answer.addresses) ? entry.set : new AddressSet(answer.addresses);
      entry.error = null;
      entry.backoff = FIRST_BACKOFF;
      const ttl = Math.min(MAX_TTL, Math.max(MIN_TTL, answer.ttl * 1_000));
      this.#schedule(entry, ttl);
      return entry.set as AddressSet;
    } catch (error) {
      const failure = error instanceof DnsError ? error : new DnsError(entry.name, codeOf(error), error);
      if (entry.set === null) entry.error = failure;
      this.#schedule(entry, entry.backoff);
      entry.backoff = Math.min(MAX_BACKOFF, entry.backoff * 2);
      if (entry.set !== null) return entry.set;
      throw failure;
    } finally {
      entry.pending = null;
    }
  }

  #schedule(entry: Entry, delay: number): void {
    // An entry that was pushed out while it was being asked must not come back by its timer.
    if (this.#entries.get(entry.name) !== entry) return;
    entry.used = false;
    entry.timer = this.#clock.after(delay, () => this.#refresh(entry), true);
  }

  #refresh(entry: Entry): void {
    entry.timer = null;
    this.#entries.delete(entry.name);
    if (!entry.used || this.#hosts.get(entry.name) !== undefined) return;
    this.#entries.set(entry.name, entry);
    const asked = this.#ask(entry);
    // Nobody waits for a refresh unless there is nothing to hand out; the failure is in the entry.
    asked.catch(() => {});
    if (entry.set === null) {
      entry.error = null;
      entry.pending = asked;
    }
  }

  async #resolve(name: string): Promise<Answer> {
    let failure: unknown = null;
    for (const candidate of candidates(name, this.#search)) {
      try {
        const answer = await this.#records(candidate);
        if (answer.addresses.length > 0) return answer;
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== null) throw failure;
    throw new DnsError(name, 'ENOTFOUND');
  }

  async #records(name: string): Promise<Answer> {
    if (this.#family === 'V4Only') return this.#query.query(name, 4);
    if (this.#family === 'V6Only') return this.#query.query(name, 6);
    if (this.#family === 'V4Preferred') {
      let failure: unknown = null;
      try {
        const v4 = await this.#query.query(name, 4);
        if (v4.addresses.length > 0) return v4;
      } catch (error) {
        failure = error;
      }
      const v6 = await this.#query.query(name, 6);
      if (v6.addresses.length === 0 && failure !== null) throw failure;
      return v6;
    }
    const [v4, v6] = await Promise.allSettled([this.#query.query(name, 4), this.#query.query(name, 6)]);
    const found = [v4, v6].flatMap((result) =>
      result.status === 'fulfilled' && result.value.addresses.length > 0 ? [result.value] : [],
    );
    if (found.length > 0) {
      return {
        addresses: found.flatMap((answer) => answer.addresses),
        ttl: Math.min(...found.map((answer) => answer.ttl)),
      };
    }
    for (const result of [v4, v6]) if (result.status === 'rejected') throw result.reason;
    return { addresses: [], ttl: 0 };
  }
}

/** Names to ask for in turn (resolv.conf(5): `search`, `ndots`). */
function candidates(name: string, rules: SearchRules): string[] {
  if (name.endsWith('.') || rules.search.length === 0) return [name];
  const searched = rules.search.map((domain) => `${name}.${domain}`).filter((candidate) => candidate.length <= 253);
  return name.split('.').length - 1 >= rules.ndots ? [name, ...searched] : [...searched, name];
}

/** Servers shuffle their answers: the same addresses in another order are no news. */
function sameAddresses(set: AddressSet | null, addresses: readonly string[]): boolean {
  if (set === null || set.addresses.length !== addresses.length) return false;
  return addresses.every((address) => set.addresses.includes(address));
}

function codeOf(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code ?? 'EUNKNOWN';
}
