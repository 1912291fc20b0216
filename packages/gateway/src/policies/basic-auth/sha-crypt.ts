import { hash } from 'node:crypto';
import { crypt64 } from './crypt64.ts';

/** Each group is the one before, its places turned round and moved on by one. */
function turned(first: readonly [number, number, number], length: number, step: 'left' | 'right') {
  const groups: [number, number, number][] = [];
  let [a, b, c] = first;
  for (let i = 0; i < length; i++) {
    groups.push([a, b, c]);
    [a, b, c] = step === 'left' ? [b + 1, c + 1, a + 1] : [c + 1, a + 1, b + 1];
  }
  return groups;
}

const kinds = {
  sha256: { bytes: 32, groups: [...turned([0, 10, 20], 10, 'right'), [-1, 31, 30] as const] },
  sha512: { bytes: 64, groups: [...turned([0, 21, 42], 21, 'left'), [-1, -1, 63] as const] },
};

/**
 * The SHA-2 hashes of crypt(3), `$5$` and `$6$` (Drepper, "Unix crypt using SHA-256 and SHA-512").
 *
 * @param salt At most 16 characters count.
 * @param rounds Raised or cut to what the algorithm allows.
 * @returns the digest as it stands behind the salt.
 */
export function shaCrypt(kind: keyof typeof kinds, password: Buffer, salt: string, rounds: number): string {
  const { bytes, groups } = kinds[kind];
  const sha = (...parts: readonly Buffer[]) => hash(kind, Buffer.concat(parts), 'buffer');
  const salted = Buffer.from(salt.slice(0, 16), 'latin1');
  const other = sha(password, salted, password);
  const first = [password, salted, repeated(other, password.length)];
  for (let bits = password.length; bits > 0; bits >>= 1) first.push((bits & 1) === 1 ? other : password);
  let digest = sha(...first);

  const p = repeated(sha(...Array<Buffer>(password.length).fill(password)), password.length);
  const s = repeated(sha(...Array<Buffer>(16 + (digest[0] as number)).fill(salted)), salted.length);
  const count = Math.min(Math.max(rounds, 1000), 999_999_999);
  for (let round = 0; round < count; round++) {
    const odd = (round & 1) === 1;
    digest = sha(odd ? p : digest, round % 3 === 0 ? nothing : s, round % 7 === 0 ? nothing : p, odd ? digest : p);
  }
  return crypt64(digest.subarray(0, bytes), groups);
}

const nothing = Buffer.alloc(0);

/** A digest over and over, cut to a length. */
function repeated(digest: Buffer, length: number): Buffer {
  return Buffer.alloc(length, digest);
}
