import { hash } from 'node:crypto';
import { crypt64 } from './crypt64.ts';

const groups = [
  [0, 6, 12],
  [1, 7, 13],
  [2, 8, 14],
  [3, 9, 15],
  [4, 10, 5],
  [-1, -1, 11],
] as const;

/**
 * The MD5 hash of crypt(3) (`$1$`), and Apache's own (`$apr1$`), which differs by its name only.
 *
 * @param salt At most 8 characters count.
 * @returns the digest as it stands behind the salt.
 */
export function md5Crypt(password: Buffer, salt: string, magic: '$1$' | '$apr1$'): string {
  const salted = Buffer.from(salt.slice(0, 8), 'latin1');
  const other = md5(password, salted, password);
  const first: Buffer[] = [password, Buffer.from(magic), salted];
  for (let left = password.length; left > 0; left -= 16) first.push(other.subarray(0, Math.min(16, left)));
  const start = password.length === 0 ? nothing : password.subarray(0, 1);
  for (let bits = password.length; bits > 0; bits >>= 1) first.push((bits & 1) === 1 ? zero : start);
  let digest = md5(...first);
  for (let round = 0; round < 1000; round++) {
    const odd = (round & 1) === 1;
    digest = md5(
      odd ? password : digest,
      round % 3 === 0 ? nothing : salted,
      round % 7 === 0 ? nothing : password,
      odd ? digest : password,
    );
  }
  return crypt64(digest, groups);
}

const nothing = Buffer.alloc(0);
const zero = Buffer.alloc(1);

function md5(...parts: readonly Buffer[]): Buffer {
  return hash('md5', Buffer.concat(parts), 'buffer');
}
