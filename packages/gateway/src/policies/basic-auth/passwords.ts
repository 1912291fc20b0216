import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { BasicAuthUser } from './spec.ts';
import { isQuick, verifyPassword } from './verify.ts';

/** Computes slow hashes elsewhere. */
export interface SlowVerifier {
  verify(password: string, hash: string): Promise<boolean>;
}

/**
 * The passwords of one policy. One that was right once is known again at the cost of a keyed digest, and requests that show the
 * same one at the same time wait for one computation.
 */
export class Passwords {
  readonly #hashes: ReadonlyMap<string, string>;
  readonly #slow: SlowVerifier;
  /** Of this object: what is remembered is of no use to who reads it without. */
  readonly #key = randomBytes(32);
  /** Digest of the password that was right, by user: never more than there are users. */
  readonly #known = new Map<string, Buffer>();
  readonly #pending = new Map<string, Promise<boolean>>();

  constructor(users: readonly BasicAuthUser[], slow: SlowVerifier) {
    this.#hashes = new Map(users.map(({ name, hash }) => [name, hash.$secret]));
    this.#slow = slow;
  }

  /** A promise only where a slow hash has to be computed. @throws what the slow verifier does. */
  check(user: string, password: string): boolean | Promise<boolean> {
    const hash = this.#hashes.get(user);
    if (hash === undefined) return this.#refuse(password);
    if (isQuick(hash)) return verifyPassword(password, hash);
    const digest = createHmac('sha256', this.#key).update(password).digest();
    const known = this.#known.get(user);
    if (known !== undefined && timingSafeEqual(known, digest)) return true;

    const question = `${digest.toString('latin1')}${user}`;
    let answer = this.#pending.get(question);
    if (answer === undefined) {
      answer = this.#ask(user, password, hash, digest, question);
      this.#pending.set(question, answer);
    }
    return answer;
  }

  async #ask(user: string, password: string, hash: string, digest: Buffer, question: string): Promise<boolean> {
    try {
      const right = await this.#slow.verify(password, hash);
      if (right) this.#known.set(user, digest);
      return right;
    } finally {
      this.#pending.delete(question);
    }
  }

  /** Takes about as long as a wrong password does, so that the time does not tell who is a user. */
  #refuse(password: string): boolean | Promise<boolean> {
    const [hash] = this.#hashes.values();
    if (hash === undefined || isQuick(hash)) return false;
    return this.#slow.verify(password, hash).then(() => false);
  }
}
