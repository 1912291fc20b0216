import { constants, type VerifyKeyObjectInput } from 'node:crypto';

/** How signatures of one algorithm are verified (RFC 7518 §3, RFC 8037 §3.1). */
interface Algorithm {
  /** Types of keys that may carry it: `kty`, for curves with `crv` behind a slash. */
  readonly keys: readonly string[];
  /** Null where the algorithm has its own. */
  readonly hash: string | null;
  /** Null where a key of the type says it all. */
  readonly options: Omit<VerifyKeyObjectInput, 'key'> | null;
}

function rsa(hash: string): Algorithm {
  return { keys: ['RSA'], hash, options: null };
}

function pss(hash: string): Algorithm {
  const options = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return { keys: ['RSA'], hash, options };
}

function ecdsa(curve: string, hash: string): Algorithm {
  return { keys: [`EC/${curve}`], hash, options: { dsaEncoding: 'ieee-p1363' } };
}

function edwards(...curves: string[]): Algorithm {
  return { keys: curves.map((curve) => `OKP/${curve}`), hash: null, options: null };
}

/**
 * The algorithms that a token may be signed with: asymmetric ones only, so a public key can never be taken for a shared secret,
 * and `none` is not among them (RFC 8725 §3.1).
 */
export const algorithms: ReadonlyMap<string, Algorithm> = new Map([
  ['RS256', rsa('sha256')],
  ['RS384', rsa('sha384')],
  ['RS512', rsa('sha512')],
  ['PS256', pss('sha256')],
  ['PS384', pss('sha384')],
  ['PS512', pss('sha512')],
  ['ES256', ecdsa('P-256', 'sha256')],
  ['ES384', ecdsa('P-384', 'sha384')],
  ['ES512', ecdsa('P-521', 'sha512')],
  ['EdDSA', edwards('Ed25519', 'Ed448')],
  ['Ed25519', edwards('Ed25519')],
  ['Ed448', edwards('Ed448')],
]);

/** Names of the algorithms that a type of key can carry. */
export function algorithmsOf(keyType: string): string[] {
  return [...algorithms].filter(([, { keys }]) => keys.includes(keyType)).map(([name]) => name);
}
