import { createPublicKey, type KeyObject, type VerifyKeyObjectInput } from 'node:crypto';
import { algorithms, algorithmsOf } from './algorithms.ts';

/** The public members of a key (RFC 7517 §4, RFC 7518 §6): what a resource holds of it, whatever else the file said. */
export interface PublicJwk {
  readonly kty: string;
  readonly kid: string;
  readonly alg?: string;
  readonly crv?: string;
  readonly n?: string;
  readonly e?: string;
  readonly x?: string;
  readonly y?: string;
}

/** How signatures of one algorithm are verified with one key: what `crypto.verify` takes. */
export interface SignatureCheck {
  readonly hash: string | null;
  readonly key: KeyObject | VerifyKeyObjectInput;
}

/** A key, by the algorithms that it is good for. */
export type VerificationKey = ReadonlyMap<string, SignatureCheck>;

/** The keys of an issuer. Made once and never changed: its identity tells one state of the issuer's keys from the next. */
export interface KeySet {
  /** By `kid`; one id may stand for several keys. */
  readonly byId: ReadonlyMap<string, readonly VerificationKey[]>;
  readonly publicKeys: readonly PublicJwk[];
}

/** A key set with what could not be used of it, or why it is none. */
export type CompiledKeySet =
  | { readonly keys: KeySet /** One line for each key that cannot be used. */; readonly unusable: readonly string[] }
  | { readonly error: string };

/** RFC 7518 §3.3. */
const SMALLEST_RSA_KEY = 2048;

/** Reads a JSON Web Key Set (RFC 7517 §5) from its text. */
export function parseKeySet(text: string): CompiledKeySet {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's own message quotes what it read.
    return { error: 'not JSON' };
  }
  return compileKeySet(json);
}

/**
 * Compiles a JSON Web Key Set. Keys that are said to be for something else than signatures are left out silently, those that cannot
 * be used are told. Nothing is thrown, whatever the value is.
 */
export function compileKeySet(json: unknown): CompiledKeySet {
  const entries = isObject(json) ? json.keys : undefined;
  if (!Array.isArray(entries)) return { error: 'not a JSON Web Key Set: it has no list "keys"' };
  const byId = new Map<string, VerificationKey[]>();
  const publicKeys: PublicJwk[] = [];
  const unusable: string[] = [];
  for (const [index, entry] of entries.entries()) {
    const compiled = compileKey(entry);
    if (compiled === null) continue;
    if (typeof compiled === 'string') {
      unusable.push(`key ${nameOf(entry, index)}: ${compiled}`);
      continue;
    }
    const { jwk, key } = compiled;
    publicKeys.push(jwk);
    const sameId = byId.get(jwk.kid);
    if (sameId === undefined) byId.set(jwk.kid, [key]);
    else sameId.push(key);
  }
  return { keys: { byId, publicKeys }, unusable };
}

/** Null for a key that is not for signatures, a text for one that cannot be used. */
function compileKey(entry: unknown): { readonly jwk: PublicJwk; readonly key: VerificationKey } | string | null {
  if (!isObject(entry)) return 'not an object';
  const type = keyType(entry);
  if (type === null) return `the key type ${shown(entry.kty)} is not supported; RSA, EC and OKP are`;
  const possible = algorithmsOf(type);
  if (possible.length === 0) return `the curve ${shown(entry.crv)} is not supported`;
  if (isForSomethingElse(entry)) return null;
  const { kid, alg } = entry;
  if (typeof kid !== 'string') return "the key is missing the 'kid' attribute";
  if (alg != null && !possible.includes(alg as string)) {
    return `the algorithm ${shown(alg)} is not one for this key; ${possible.join(', ')} are`;
  }
  const jwk = publicJwk(entry, kid);
  const key = importKey(jwk);
  if (key === null) return 'its numbers are not a key';
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < SMALLEST_RSA_KEY) return `${bits} bits are too few, ${SMALLEST_RSA_KEY} are needed`;
  const allowed = jwk.alg === undefined ? possible : aliases(jwk.alg, possible);
  return { jwk, key: new Map(allowed.map((name) => [name, check(name, key)])) };
}

/** `EdDSA` and the name of its curve mean the same of one key (RFC 9864 §2.2). */
function aliases(alg: string, possible: readonly string[]): readonly string[] {
  return possible.includes('EdDSA') ? possible : [alg];
}

function check(algorithm: string, key: KeyObject): SignatureCheck {
  const { hash, options } = algorithms.get(algorithm)!;
  // Node takes a third longer for a key with options.
  return { hash, key: options === null ? key : { key, ...options } };
}

/** `kty`, with `crv` where the type has curves; null for a type that is not supported. */
function keyType({ kty, crv }: Readonly<Record<string, unknown>>): string | null {
  if (kty === 'RSA') return kty;
  return kty === 'EC' || kty === 'OKP' ? `${kty}/${String(crv)}` : null;
}

/** RFC 7517 §4.2, §4.3. */
function isForSomethingElse({ use, key_ops: operations }: Readonly<Record<string, unknown>>): boolean {
  if (use != null && use !== 'sig') return true;
  return Array.isArray(operations) && !operations.includes('verify') && !operations.includes('sign');
}

/** Without private members and those that nobody needs. */
function publicJwk(entry: Readonly<Record<string, unknown>>, kid: string): PublicJwk {
  const { kty } = entry;
  const members = kty === 'RSA' ? ['n', 'e'] : kty === 'EC' ? ['crv', 'x', 'y'] : ['crv', 'x'];
  const jwk: Record<string, unknown> = { kty, kid };
  for (const name of ['alg', ...members]) if (entry[name] != null) jwk[name] = entry[name];
  return jwk as unknown as PublicJwk;
}

function importKey(jwk: PublicJwk): KeyObject | null {
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' });
  } catch {
    return null;
  }
}

function nameOf(entry: unknown, index: number): string {
  const kid = isObject(entry) ? entry.kid : undefined;
  return typeof kid === 'string' ? shown(kid) : `number ${index + 1}`;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 64)) : String(value).slice(0, 64);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
