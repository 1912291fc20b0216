import { createHash, randomBytes } from 'node:crypto';
import { transactionAge } from './cookie-jar.ts';

/** One login on its way: sealed into a cookie of its own, so that several tabs may log in at once. */
export interface Transaction {
  readonly policyId: string;
  readonly transactionId: string;
  readonly csrfState: string;
  readonly nonce: string;
  readonly pkceVerifier: string;
  /** Path and query that the browser wanted. */
  readonly originalUri: string;
  readonly expiresAtUnix: number;
}

/** Begins a login. @param now Milliseconds since the epoch. */
export function newTransaction(policyId: string, path: string, now: number): Transaction {
  return {
    policyId,
    transactionId: randomText(16),
    csrfState: randomText(16),
    nonce: randomText(16),
    pkceVerifier: randomText(32),
    originalUri: safePath(path),
    expiresAtUnix: Math.floor(now / 1000) + transactionAge,
  };
}

/** What the provider hands back as `state`. */
export function encodeState({ transactionId, csrfState }: Transaction): string {
  return Buffer.from(JSON.stringify({ transactionId, csrfState })).toString('base64url');
}

/** Reads a `state`; null if it is none of ours. */
export function decodeState(state: string): { readonly transactionId: string; readonly csrfState: string } | null {
  const found = parseObject(Buffer.from(state, 'base64url').toString('utf8'));
  const { transactionId, csrfState } = found ?? {};
  if (typeof transactionId !== 'string' || typeof csrfState !== 'string') return null;
  // It becomes part of a cookie's name.
  return /^[A-Za-z0-9_-]{16,64}$/.test(transactionId) ? { transactionId, csrfState } : null;
}

/** Reads what was sealed; null if it is not a transaction. */
export function parseTransaction(text: string): Transaction | null {
  const found = parseObject(text);
  if (found === null || typeof found.expiresAtUnix !== 'number') return null;
  for (const name of ['policyId', 'transactionId', 'csrfState', 'nonce', 'pkceVerifier', 'originalUri']) {
    if (typeof found[name] !== 'string') return null;
  }
  return found as unknown as Transaction;
}

/** The challenge of a verifier (RFC 7636 §4.2, S256). */
export function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}

/**
 * A path that a browser may be sent to without leaving this host: everything that could be read as another authority, now or after
 * decoding, becomes `/`.
 */
export function safePath(path: string): string {
  if (path.length > 2048) return '/';
  for (const form of [path, decoded(path)]) {
    if (form === null || !form.startsWith('/') || form.startsWith('//') || /[\\\x00-\x1f\x7f]/.test(form)) return '/';
  }
  return path;
}

/** An object of JSON, or null. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : null;
  } catch {
    return null;
  }
}

function decoded(path: string): string | null {
  try {
    return decodeURIComponent(path);
  } catch {
    return null;
  }
}

function randomText(bytes: number): string {
  return randomBytes(bytes).toString('base64url');
}
