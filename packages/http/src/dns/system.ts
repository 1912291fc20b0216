import { Resolver } from 'node:dns';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

/** Addresses of one family with what the server said of their age. */
export interface Answer {
  readonly addresses: readonly string[];
  /** Seconds: the smallest of the records. */
  readonly ttl: number;
}

/** Asks name servers. An empty answer means: the name exists, or not, but has no such record. Throws where nobody answered. */
export interface DnsQuery {
  query(name: string, family: 4 | 6): Promise<Answer>;
}

/** What `/etc/resolv.conf` says of names that are not complete (resolv.conf(5)). */
export interface SearchRules {
  readonly search: readonly string[];
  /** A name with at least so many dots is tried as it is first. */
  readonly ndots: number;
}

/** Name servers where the system names none. */
const FALLBACK_SERVERS = ['8.8.8.8', '8.8.4.4'];
/** Codes of c-ares that say "there is no such record" rather than "nobody could tell". */
const NO_RECORD = new Set(['ENODATA', 'ENOTFOUND']);

export interface SystemDnsOptions {
  /** `address` or `address:port`; the system's own where it is not given. */
  readonly servers?: readonly string[];
  /** Milliseconds for the first try of a server. */
  readonly timeout?: number;
  readonly tries?: number;
}

/** Name servers of the system, asked by Node's c-ares: no thread of the pool waits for them. */
export class SystemDns implements DnsQuery {
  readonly #resolver: Resolver;

  constructor(options: SystemDnsOptions = {}) {
    this.#resolver = new Resolver({ timeout: options.timeout ?? 2_000, tries: options.tries ?? 3 });
    if (options.servers !== undefined) this.#resolver.setServers(options.servers);
    else if (!namesServers(readResolvConf())) this.#resolver.setServers(FALLBACK_SERVERS);
  }

  query(name: string, family: 4 | 6): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const done = (error: NodeJS.ErrnoException | null, records: { address: string; ttl: number }[]): void => {
      if (error === null) resolve(toAnswer(records));
      else if (NO_RECORD.has(error.code ?? '')) resolve({ addresses: [], ttl: 0 });
      else reject(error);
    };
    if (family === 4) this.#resolver.resolve4(name, { ttl: true }, done);
    else this.#resolver.resolve6(name, { ttl: true }, done);
    return promise;
  }

  /** Gives up every question that is open; they fail with `ECANCELLED`. */
  cancel(): void {
    this.#resolver.cancel();
  }
}

function toAnswer(records: readonly { address: string; ttl: number }[]): Answer {
  let ttl = Number.POSITIVE_INFINITY;
  for (const record of records) ttl = Math.min(ttl, record.ttl);
  return { addresses: records.map((record) => record.address), ttl };
}

/** Search rules of this machine; none where the file cannot be read. */
export function systemSearchRules(): SearchRules {
  return parseSearchRules(readResolvConf());
}

/** Reads `search`, `domain` and `options ndots` of a resolv.conf; the last one of a kind counts. */
export function parseSearchRules(text: string): SearchRules {
  let search: string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    const [keyword, ...words] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'search') search = words.map((word) => word.replace(/\.$/, '')).filter((word) => word !== '');
    else if (keyword === 'domain' && words[0] !== undefined) search = [words[0]];
    else if (keyword === 'options') {
      for (const word of words) if (/^ndots:\d+$/.test(word)) ndots = Math.min(15, Number(word.slice(6)));
    }
  }
  return { search, ndots };
}

/** True if the machine has an IPv6 address that is more than its own loopback. */
export function systemHasIPv6(): boolean {
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { family, internal } of addresses ?? []) if (family === 'IPv6' && !internal) return true;
  }
  return false;
}

function readResolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return '';
  }
}

function namesServers(resolvConf: string): boolean {
  return /^\s*nameserver\s+\S/m.test(resolvConf);
}
