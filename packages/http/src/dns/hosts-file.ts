import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { type Clock, systemClock } from '../clock.ts';
import { normalizeName } from './name.ts';

/** How often the file is looked at, in milliseconds: a `stat` per look-up would be a system call per request. */
const CHECK_INTERVAL = 1_000;

/** Names of `/etc/hosts`, read again when the file has changed. A file that cannot be read counts as empty. */
export class HostsFile {
  readonly #path: string;
  readonly #clock: Clock;
  #names = new Map<string, string[]>();
  #version = '';
  #checkedAt = Number.NEGATIVE_INFINITY;

  constructor(path = '/etc/hosts', clock: Clock = systemClock) {
    this.#path = path;
    this.#clock = clock;
  }

  /** Addresses of a normalised name, in the order of the file; nothing if it is not there. */
  get(name: string): readonly string[] | undefined {
    this.#refresh();
    return this.#names.get(name.endsWith('.') ? name.slice(0, -1) : name);
  }

  #refresh(): void {
    const now = this.#clock.now();
    if (now - this.#checkedAt < CHECK_INTERVAL) return;
    this.#checkedAt = now;
    try {
      const { mtimeMs, size, ino } = statSync(this.#path);
      const version = `${mtimeMs} ${size} ${ino}`;
      if (version === this.#version) return;
      this.#names = parseHosts(readFileSync(this.#path, 'utf8'));
      this.#version = version;
    } catch {
      this.#names.clear();
      this.#version = '';
    }
  }
}

/** Reads the text of a hosts file: name → addresses in their order. Lines that say nothing usable are passed over. */
export function parseHosts(text: string): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address, ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (address === undefined || isIP(address) === 0) continue;
    for (const alias of aliases) {
      const name = normalizeName(alias);
      if (name === null) continue;
      const addresses = names.get(name);
      if (addresses === undefined) names.set(name, [address]);
      else if (!addresses.includes(address)) addresses.push(address);
    }
  }
  return names;
}
