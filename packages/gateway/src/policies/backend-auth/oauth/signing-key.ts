import { createPrivateKey, type KeyObject } from 'node:crypto';

/** Algorithms that the gateway signs with (RFC 7518 §3.1). */
export const signingAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'ES256', 'ES384'] as const;

export type SigningAlgorithm = (typeof signingAlgorithms)[number];

/** RFC 7518 §3.3: shorter keys must not be used. */
const MIN_RSA_BITS = 2048;

const curves: Readonly<Record<string, string>> = { ES256: 'prime256v1', ES384: 'secp384r1' };

/** Reads a private key in PEM, or says why it cannot sign with the algorithm; what it says shows nothing of the key. */
export function readSigningKey(
  pem: string,
  alg: SigningAlgorithm,
): { readonly key: KeyObject } | { readonly problem: string } {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    return { problem: unreadable(pem) };
  }
  const problem = unfit(key, alg);
  return problem === null ? { key } : { problem };
}

function unreadable(pem: string): string {
  if (/-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(pem))
    return 'the signing key is encrypted; write it without a passphrase';
  if (/-----BEGIN (?:[A-Z]+ )?PUBLIC KEY-----/.test(pem))
    return 'the signing key is a public key; a private one is needed';
  return 'the signing key is not a private key in PEM';
}

function unfit(key: KeyObject, alg: SigningAlgorithm): string | null {
  const type = key.asymmetricKeyType;
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  const curve = curves[alg];
  if (curve !== undefined) {
    if (type === 'ec' && namedCurve === curve) return null;
    const found = type === 'ec' ? `one on ${namedCurve}` : `a key of type ${type}`;
    return `alg ${alg} needs an EC key on ${curve}, found ${found}`;
  }
  if (type !== 'rsa') return `alg ${alg} needs an RSA key, found a key of type ${type}`;
  if (modulusLength < MIN_RSA_BITS)
    return `alg ${alg} needs an RSA key of at least ${MIN_RSA_BITS} bits, found ${modulusLength}`;
  return null;
}
