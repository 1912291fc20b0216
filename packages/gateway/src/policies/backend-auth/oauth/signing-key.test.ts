import { createPrivateKey, createPublicKey } from 'node:crypto';
import { jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { ecKey, rsaKey } from '../testing.ts';
import { compileSigner } from './jws.ts';
import { readSigningKey, type SigningAlgorithm } from './signing-key.ts';

const rsa = rsaKey();
const p256 = ecKey();
const p384 = ecKey('P-384');
const keys: Readonly<Record<SigningAlgorithm, typeof rsa>> = {
  RS256: rsa,
  RS384: rsa,
  RS512: rsa,
  PS256: rsa,
  ES256: p256,
  ES384: p384,
};

test.each(Object.entries(keys))('what %s signs, others verify', async (name, pair) => {
  const alg = name as SigningAlgorithm;
  const read = readSigningKey(pair.privateKey, alg);
  if ('problem' in read) throw new Error(read.problem);
  const token = compileSigner(read.key, alg, { kid: 'one' })({ sub: 'gateway', list: [1, 'ü'] });
  const { payload, protectedHeader } = await jwtVerify(token, createPublicKey(pair.publicKey), { algorithms: [alg] });
  expect(protectedHeader).toEqual({ typ: 'JWT', alg, kid: 'one' });
  expect(payload).toEqual({ sub: 'gateway', list: [1, 'ü'] });
});

test('a key in the forms of old is read too', () => {
  const pkcs1 = createPrivateKey(rsa.privateKey).export({ type: 'pkcs1', format: 'pem' }) as string;
  const sec1 = createPrivateKey(p256.privateKey).export({ type: 'sec1', format: 'pem' }) as string;
  expect(readSigningKey(pkcs1, 'RS256')).toHaveProperty('key');
  expect(readSigningKey(sec1, 'ES256')).toHaveProperty('key');
});

const encrypted = (type: 'pkcs8' | 'pkcs1') =>
  createPrivateKey(rsa.privateKey).export({ type, format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }) as string;

test.each<[string, SigningAlgorithm, string]>([
  ['nonsense', 'RS256', 'the signing key is not a private key in PEM'],
  [rsa.publicKey, 'RS256', 'a private one is needed'],
  [encrypted('pkcs8'), 'RS256', 'is encrypted'],
  [encrypted('pkcs1'), 'RS256', 'is encrypted'],
  [p256.privateKey, 'RS256', 'alg RS256 needs an RSA key, found a key of type ec'],
  [p256.privateKey, 'PS256', 'alg PS256 needs an RSA key'],
  [rsa.privateKey, 'ES256', 'alg ES256 needs an EC key on prime256v1, found a key of type rsa'],
  [p384.privateKey, 'ES256', 'needs an EC key on prime256v1, found one on secp384r1'],
  [p256.privateKey, 'ES384', 'needs an EC key on secp384r1, found one on prime256v1'],
  [rsaKey(1024).privateKey, 'RS256', 'at least 2048 bits, found 1024'],
])('a key that does not fit is refused with the reason (%#)', (pem, alg, message) => {
  const read = readSigningKey(pem, alg);
  if ('key' in read) throw new Error('expected a problem');
  expect(read.problem).toContain(message);
  expect(read.problem).not.toContain('-----');
});
