import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** Keys of an issuer in tests: made once for all tests of a file, as RSA keys take their time. */
export interface TestKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly jwk: Readonly<Record<string, unknown>>;
}

/** A key pair of a curve that is quick to make, for ES256. */
export function testKey(kid: string): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { kid, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid } };
}

/** The key set that an issuer publishes. */
export function keySetText(...keys: readonly TestKey[]): string {
  return JSON.stringify({ keys: keys.map(({ jwk }) => jwk) });
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token that the key signed as ES256, or another algorithm of its own where there is no hash, with any header and claims. */
export function tokenOf(key: TestKey, claims: object, header: object = {}, hash: string | null = 'sha256'): string {
  const signed = `${encode({ alg: 'ES256', kid: key.kid, ...header })}.${encode(claims)}`;
  const options = { key: key.privateKey, dsaEncoding: 'ieee-p1363' as const };
  return `${signed}.${sign(hash, Buffer.from(signed), options).toString('base64url')}`;
}
