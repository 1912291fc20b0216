import { constants, type KeyObject, sign } from 'node:crypto';
import type { SigningAlgorithm } from './signing-key.ts';

/** What a signer puts into the header beside `alg` and `typ`. */
export interface JwsHeader {
  readonly kid?: string;
  /** Certificates in base64, the key's own first (RFC 7515 §4.1.6). */
  readonly x5c?: readonly string[];
  readonly 'x5t#S256'?: string;
}

/** Makes a signer of claims: the compact form of RFC 7515 §3.1. Signing with RSA takes some 0.4 ms of the thread. */
export function compileSigner(
  key: KeyObject,
  alg: SigningAlgorithm,
  header: JwsHeader,
): (claims: Readonly<Record<string, unknown>>) => string {
  const head = base64url({ typ: 'JWT', alg, ...header });
  const digest = `sha${alg.slice(2)}`;
  const options = { key, ...parameters(alg) };
  return (claims) => {
    const signed = `${head}.${base64url(claims)}`;
    return `${signed}.${sign(digest, Buffer.from(signed), options).toString('base64url')}`;
  };
}

function parameters(alg: SigningAlgorithm) {
  if (alg.startsWith('ES')) return { dsaEncoding: 'ieee-p1363' } as const;
  if (alg.startsWith('PS'))
    return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return {};
}

function base64url(json: unknown): string {
  return Buffer.from(JSON.stringify(json)).toString('base64url');
}
