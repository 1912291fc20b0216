import { generateKeyPairSync } from 'node:crypto';

/** A key pair in PEM. */
export interface PemPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

const publicKeyEncoding = { type: 'spki', format: 'pem' } as const;
const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const;

/** A new RSA key. */
export function rsaKey(modulusLength = 2048): PemPair {
  return generateKeyPairSync('rsa', { modulusLength, publicKeyEncoding, privateKeyEncoding });
}

/** A new key on an elliptic curve. */
export function ecKey(namedCurve = 'P-256'): PemPair {
  return generateKeyPairSync('ec', { namedCurve, publicKeyEncoding, privateKeyEncoding });
}
