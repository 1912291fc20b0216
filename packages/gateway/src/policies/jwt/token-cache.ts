import type { VerifiedToken } from '../../pipeline/identity.ts';
import type { KeySet } from './key-set.ts';
import type { TokenIssuer } from './verify.ts';

/** A token that was verified, and what that rests on. */
export interface CachedToken {
  readonly verified: VerifiedToken;
  /** Milliseconds since the epoch. */
  readonly validUntil: number;
  readonly issuer: TokenIssuer;
  /** The issuer's keys at that time. */
  readonly keys: KeySet;
}

/** Of memory that claims and book-keeping take, to one byte of the token; measured generously. */
const BYTES_PER_BYTE = 4;
const BYTES_PER_ENTRY = 256;

/**
 * Tokens that were verified lately, so that a client that shows one again costs no signature. An entry holds until the token
 * expires or its issuer's keys change.
 *
 * Entries live in two generations: what is used moves to the young one, and when that is full the old one is forgotten. It costs less
 * than strict order of use, and keeps the same promise: what is used stays, and the bounds hold.
 */
export class TokenCache {
  readonly #entries: number;
  readonly #bytes: number;
  #young = new Map<string, CachedToken>();
  #old = new Map<string, CachedToken>();
  #youngBytes = 0;

  /** @param bytes An estimate of memory, not an exact bound. */
  constructor(entries: number, bytes: number) {
    this.#entries = entries / 2;
    this.#bytes = bytes / 2;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** @param now Milliseconds since the epoch. */
  get(token: string, now: number): CachedToken | undefined {
    const key = keyOf(token);
    const young = this.#young.get(key);
    if (young !== undefined) {
      if (young.verified.token !== token) return undefined;
      if (holds(young, now)) return young;
      this.#young.delete(key);
      this.#youngBytes -= sizeOf(token);
      return undefined;
    }
    const old = this.#old.get(key);
    if (old === undefined || old.verified.token !== token) return undefined;
    this.#old.delete(key);
    if (!holds(old, now)) return undefined;
    this.#add(key, old);
    return old;
  }

  /** The text of the token must be the entry's own, not a part of a longer one that would be kept with it. */
  add(entry: CachedToken): void {
    const key = keyOf(entry.verified.token);
    this.#old.delete(key);
    this.#add(key, entry);
  }

  #add(key: string, entry: CachedToken): void {
    const size = sizeOf(entry.verified.token);
    if (size > this.#bytes) return;
    const replaced = this.#young.get(key);
    if (replaced !== undefined) {
      this.#young.delete(key);
      this.#youngBytes -= sizeOf(replaced.verified.token);
    }
    if (this.#young.size + 1 > this.#entries || this.#youngBytes + size > this.#bytes) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    this.#youngBytes += size;
    this.#young.set(key, entry);
  }
}

/** The end of its signature, which no two tokens share but by chance: hashing all of a token takes ten times as long. */
function keyOf(token: string): string {
  return token.slice(-32);
}

function holds({ validUntil, issuer, keys }: CachedToken, now: number): boolean {
  return now <= validUntil && issuer.keys === keys;
}

function sizeOf(token: string): number {
  return token.length * BYTES_PER_BYTE + BYTES_PER_ENTRY;
}
