import { hash as digest, timingSafeEqual } from 'node:crypto';
import bcrypt from 'bcryptjs';
import unixCrypt from 'unix-crypt-td-js';
import { md5Crypt } from './md5-crypt.ts';
import { shaCrypt } from './sha-crypt.ts';

/**
 * Whether a password is the one behind a hash of an htpasswd file (spec 03 §4.2): `$apr1$`, bcrypt, `{SHA}`, and what crypt(3)
 * knows. Anything else, plain text above all, is nobody's. Takes from a microsecond (`{SHA}`) up to as long as the hash wants.
 */
export function verifyPassword(password: string, hash: string): boolean {
  const bytes = Buffer.from(password, 'utf8');
  const apr1 = /^\$(apr1|1)\$([^$]{0,8})\$([./0-9A-Za-z]{22})$/.exec(hash);
  if (apr1 !== null) {
    const [, kind, salt, wanted] = apr1 as unknown as [string, 'apr1' | '1', string, string];
    return same(md5Crypt(bytes, salt, `$${kind}$`), wanted);
  }
  const bcrypted = /^\$2[abxy]\$(.{56})$/.exec(hash);
  // The letters tell of mistakes that old programs made with other than ASCII; computed properly they are all one.
  if (bcrypted !== null) return bcrypt.compareSync(password, `$2b$${bcrypted[1]}`);
  if (hash.startsWith('{SHA}')) return same(digest('sha1', bytes, 'base64'), hash.slice('{SHA}'.length));
  const sha = /^\$([56])\$(?:rounds=(\d{1,9})\$)?([^$]{0,16})\$([./0-9A-Za-z]+)$/.exec(hash);
  if (sha !== null) {
    const [, kind, rounds, salt, wanted] = sha as unknown as [string, string, string | undefined, string, string];
    return same(shaCrypt(kind === '5' ? 'sha256' : 'sha512', bytes, salt, Number(rounds ?? 5000)), wanted);
  }
  if (!/^[./0-9A-Za-z]{13}$/.test(hash)) return false;
  return same(unixCrypt([...bytes], hash.slice(0, 2)), hash);
}

/** True for hashes that are computed in about a microsecond. */
export function isQuick(hash: string): boolean {
  return hash.startsWith('{SHA}');
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
