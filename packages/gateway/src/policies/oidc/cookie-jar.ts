import { hash } from 'node:crypto';
import type { Headers } from '@agentgateway/http';
import { cookiesOf } from '../cookies.ts';
import type { CookieSeal } from './seal.ts';

import { loginCookiePrefix as cookiePrefix } from './strip.ts';

/** Characters of one cookie's value: browsers drop cookies beyond 4,096 bytes, name and attributes included. */
const chunkLength = 3_800;

/** Cookies that one session may take: beyond it, the request's head would be too large for many servers. */
const maxChunks = 4;

/** Seconds. */
const sessionAge = 3_600;
export const transactionAge = 300;

/** The cookies of one policy's logins: what they are called, and what is in them. */
export class CookieJar {
  readonly #seal: CookieSeal;
  readonly #attributes: string;
  readonly sessionName: string;
  readonly #transactionPrefix: string;

  constructor(policyId: string, seal: CookieSeal, secure: boolean) {
    const own = hash('sha256', policyId, 'buffer').subarray(0, 8).toString('hex');
    this.#seal = seal;
    this.#attributes = `; Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
    this.sessionName = `${cookiePrefix}s_${own}`;
    this.#transactionPrefix = `${cookiePrefix}t_${own}.`;
  }

  /** The sealed session of a request as it was sent, its parts put together; null if there is none. */
  sealedSession(headers: Headers): string | null {
    const cookies = cookiesOf(headers);
    const first = cookieValue(cookies, this.sessionName);
    if (first === null) return null;
    const marked = /^~([2-9])~/.exec(first);
    if (marked === null) return first;
    let sealed = first.slice(marked[0].length);
    for (let part = 1; part < Number(marked[1]); part++) {
      const more = cookieValue(cookies, `${this.sessionName}.${part}`);
      if (more === null) return null;
      sealed += more;
    }
    return sealed;
  }

  openSession(sealed: string): string | null {
    return this.#seal.open(this.sessionName, sealed);
  }

  /** `Set-Cookie` values of a session; null if it is too large for cookies. */
  setSession(text: string): string[] | null {
    const sealed = this.#seal.seal(this.sessionName, text);
    const chunks = sealed.match(new RegExp(`.{1,${chunkLength}}`, 'g')) ?? [];
    if (chunks.length > maxChunks) return null;
    return chunks.map((chunk, part) => {
      const name = part === 0 ? this.sessionName : `${this.sessionName}.${part}`;
      const value = part === 0 && chunks.length > 1 ? `~${chunks.length}~${chunk}` : chunk;
      return `${name}=${value}${this.#attributes}; Max-Age=${sessionAge}`;
    });
  }

  /** What was sealed for a transaction; null if the request has no cookie of it, `invalid` if nobody sealed it. */
  transaction(headers: Headers, id: string): string | 'invalid' | null {
    const name = this.#transactionPrefix + id;
    const sealed = cookieValue(cookiesOf(headers), name);
    return sealed === null ? null : (this.#seal.open(name, sealed) ?? 'invalid');
  }

  setTransaction(id: string, text: string): string {
    const name = this.#transactionPrefix + id;
    return `${name}=${this.#seal.seal(name, text)}${this.#attributes}; Max-Age=${transactionAge}`;
  }

  clearTransaction(id: string): string {
    return `${this.#transactionPrefix}${id}=${this.#attributes}; Max-Age=0`;
  }
}

function cookieValue(cookies: readonly string[], name: string): string | null {
  for (const cookie of cookies) {
    if (cookie.startsWith(name) && cookie[name.length] === '=') return cookie.slice(name.length + 1).trim();
  }
  return null;
}
