import { verify as verifySignature } from 'node:crypto';
import type { KeySet, VerificationKey } from './key-set.ts';

/** Who may issue a token, and what must be true of it. */
export interface TokenIssuer {
  readonly issuer: string;
  /** The token must be meant for one of these; null is for anybody. */
  readonly audiences: readonly string[] | null;
  /** Claims that must be there, besides `iss`. */
  readonly requiredClaims: readonly string[];
  /** As they are known at the moment; null if they are not. */
  readonly keys: KeySet | null;
}

export type Claims = Readonly<Record<string, unknown>>;

/** What a token turned out to be. */
export type Verdict<Issuer extends TokenIssuer = TokenIssuer> =
  | {
      readonly ok: true;
      readonly claims: Claims;
      /** Milliseconds since the epoch until which the verdict holds; infinite for a token without `exp`. */
      readonly validUntil: number;
      /** Whose token it is, and the key set that says so: the verdict holds as long as these are the issuer's keys. */
      readonly issuer: Issuer;
      readonly keys: KeySet;
    }
  | {
      readonly ok: false;
      /** For the client; holds nothing of the token but its `kid` and `alg`. */
      readonly detail: string;
      /** Issuers that the token names and that have no key of its id, or none at all: newer keys of theirs may decide otherwise. */
      readonly lacking: readonly Issuer[];
    };

/** Seconds by which clocks may differ. */
const LEEWAY = 60;

/**
 * Verifies a signed token (RFC 7519, RFC 7515 in its compact form) with the keys of the issuer that it names; where several issuers use
 * one key id, the token's issuer decides. Never throws, whatever the text is.
 *
 * @param now Milliseconds since the epoch.
 */
export function verifyToken<Issuer extends TokenIssuer>(
  token: string,
  issuers: readonly Issuer[],
  now: number,
): Verdict<Issuer> {
  const parsed = parse(token);
  if (typeof parsed === 'string') return refusal(parsed);
  const { kid, claims } = parsed;
  let detail: string | null = null;
  let foreign = false;
  let lacking: Issuer[] | null = null;
  for (const issuer of issuers) {
    const keys = issuer.keys?.byId.get(kid);
    if (claims.iss !== issuer.issuer) {
      foreign ||= keys !== undefined;
      continue;
    }
    if (keys === undefined) {
      lacking ??= [];
      lacking.push(issuer);
      continue;
    }
    const wrong = checkSignature(parsed, keys) ?? checkClaims(claims, issuer, now);
    if (wrong === null) return { ok: true, claims, validUntil: validUntil(claims), issuer, keys: issuer.keys! };
    detail ??= invalid(wrong);
  }
  if (foreign && lacking === null) detail ??= invalid('it is of another issuer than its key');
  return refusal(detail ?? `token uses the unknown key ${shown(kid)}`, lacking ?? []);
}

interface ParsedToken {
  readonly alg: unknown;
  readonly kid: string;
  readonly claims: Claims;
  /** What is signed: header and payload as they stand in the token. */
  readonly signed: Buffer;
  readonly signature: Buffer;
}

/** RFC 7515 §3.1. */
const compactForm = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Takes a token apart; a text says why it cannot be. Nothing of it is to be believed yet. */
function parse(token: string): ParsedToken | string {
  // The decoder overlooks what is no base64url: what is read and what was signed could then be two things.
  if (!compactForm.test(token)) return malformed('a token is three parts in base64url');
  const first = token.indexOf('.');
  const second = token.indexOf('.', first + 1);
  const header = decodeObject(token.slice(0, first));
  if (header === null) return malformed('it is not JSON in base64url');
  // Extensions that must be understood, and none is (RFC 7515 §4.1.11).
  if (header.crit !== undefined) return malformed('critical extensions are not supported');
  const { kid, alg } = header;
  if (kid === undefined) return "the token header does not specify a 'kid'";
  if (typeof kid !== 'string') return malformed('its kid is not a string');
  const claims = decodeObject(token.slice(first + 1, second));
  if (claims === null) return invalid('the claims are not JSON in base64url');
  const encoded = token.slice(second + 1);
  const signature = Buffer.from(encoded, 'base64url');
  // One signature has one spelling: bits that are left over are zero.
  if (signature.toString('base64url') !== encoded) return invalid('the signature is not base64url');
  return { alg, kid, claims, signed: Buffer.from(token.slice(0, second), 'latin1'), signature };
}

function checkSignature({ alg, signed, signature }: ParsedToken, keys: readonly VerificationKey[]): string | null {
  let allowed = false;
  for (const key of keys) {
    const check = typeof alg === 'string' ? key.get(alg) : undefined;
    if (check === undefined) continue;
    allowed = true;
    try {
      if (verifySignature(check.hash, signed, check.key, signature)) return null;
    } catch {
      // A signature of a form that the algorithm does not have.
    }
  }
  return allowed ? 'the signature does not match' : `the algorithm ${shown(alg)} is not one of the key's`;
}

function checkClaims(claims: Claims, { audiences, requiredClaims }: TokenIssuer, now: number): string | null {
  for (const name of requiredClaims) if (!has(claims, name)) return `the claim ${shown(name)} is missing`;
  if (has(claims, 'exp') && !isDate(claims.exp)) return 'the claim "exp" is not a date';
  if (now > validUntil(claims)) return 'it has expired';
  if (has(claims, 'nbf')) {
    const from = claims.nbf;
    if (!isDate(from)) return 'the claim "nbf" is not a date';
    if (now < (from - LEEWAY) * 1000) return 'it is not valid yet';
  }
  if (audiences === null) return null;
  if (!has(claims, 'aud')) return audiences.length > 0 ? 'the claim "aud" is missing' : null;
  const aud = claims.aud;
  const meant = Array.isArray(aud) ? aud : [aud];
  return meant.some((audience) => audiences.includes(audience)) ? null : 'it is meant for another audience';
}

function validUntil(claims: Claims): number {
  const { exp } = claims;
  return isDate(exp) ? (exp + LEEWAY) * 1000 : Number.POSITIVE_INFINITY;
}

/** A claim that is null says nothing. */
function has(claims: Claims, name: string): boolean {
  return Object.hasOwn(claims, name) && claims[name] !== null;
}

/** `NumericDate` (RFC 7519 §2). */
function isDate(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function decodeObject(encoded: string): Claims | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Claims) : null;
  } catch {
    return null;
  }
}

function refusal<Issuer extends TokenIssuer>(detail: string, lacking: readonly Issuer[] = []): Verdict<Issuer> {
  return { ok: false, detail, lacking };
}

function malformed(why: string): string {
  return `the token header is malformed: ${why}`;
}

function invalid(why: string): string {
  return `the token is invalid or malformed: ${why}`;
}

function shown(text: unknown): string {
  return typeof text === 'string' ? JSON.stringify(text.slice(0, 64)) : 'that is not a string';
}
