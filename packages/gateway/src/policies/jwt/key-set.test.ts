import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileKeySet, parseKeySet } from './key-set.ts';
import { testKey } from './testing.ts';

function unusable(key: unknown): readonly string[] | string {
  const compiled = compileKeySet({ keys: [key] });
  return 'error' in compiled ? compiled.error : compiled.unusable;
}

const { jwk } = testKey('k');
const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });

test.each<[message: string, key: unknown]>([
  ['key "s": the key type "oct" is not supported; RSA, EC and OKP are', { kty: 'oct', kid: 's', k: 'AAAA' }],
  ['key number 1: the key type undefined is not supported; RSA, EC and OKP are', {}],
  ['key number 1: not an object', null],
  ['key "k": the curve "secp256k1" is not supported', { ...jwk, crv: 'secp256k1' }],
  ['key "x": the curve "X25519" is not supported', { kty: 'OKP', kid: 'x', crv: 'X25519', x: 'AA' }],
  ["key number 1: the key is missing the 'kid' attribute", { ...jwk, kid: undefined }],
  ["key number 1: the key is missing the 'kid' attribute", { ...jwk, kid: 7 }],
  ['key "k": the algorithm "RS256" is not one for this key; ES256 are', { ...jwk, alg: 'RS256' }],
  ['key "k": its numbers are not a key', { ...jwk, x: 'AAAA' }],
  ['key "k": its numbers are not a key', { kty: 'RSA', kid: 'k' }],
  ['key "k": 1024 bits are too few, 2048 are needed', { ...small, kid: 'k' }],
])('%s', (message, key) => {
  expect(unusable(key)).toEqual([message]);
});

test.each(['', 'x', '<html>', '[]', 'null', '{}', '{"keys":{}}'])('not a key set: %s', (text) => {
  expect(parseKeySet(text)).toHaveProperty('error');
});

test('one bad key does not spoil the others', () => {
  const compiled = compileKeySet({ keys: [{ kty: 'oct', kid: 's' }, jwk] });
  expect('keys' in compiled && [...compiled.keys.byId.keys()]).toEqual(['k']);
});

test('keys that are for encrypting are left out without a word', () => {
  const keys = [
    { ...jwk, use: 'enc' },
    { ...jwk, key_ops: ['encrypt'] },
  ];
  expect(compileKeySet({ keys })).toMatchObject({ keys: { publicKeys: [] }, unusable: [] });
});

test('a member that is null is absent', () => {
  const compiled = compileKeySet({ keys: [{ ...jwk, alg: null, use: null, key_ops: null }] });
  expect(compiled).toMatchObject({ keys: { publicKeys: [jwk] }, unusable: [] });
});

test('several keys may have one id', () => {
  const compiled = compileKeySet({ keys: [jwk, testKey('k').jwk] });
  expect('keys' in compiled && compiled.keys.byId.get('k')).toHaveLength(2);
});

test('of a private key only what is public is kept', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { d, ...rest } = privateKey.export({ format: 'jwk' });
  const compiled = compileKeySet({ keys: [{ ...rest, d, kid: 'k', x5c: ['…'] }] });
  expect(compiled).toMatchObject({ keys: { publicKeys: [{ ...rest, kid: 'k' }] }, unusable: [] });
  expect(JSON.stringify(compiled)).not.toContain(d);
});

test('nothing is thrown, whatever a server answers', () => {
  fc.assert(fc.property(fc.anything(), (json) => void compileKeySet(json)));
  const key = fc.record(
    {
      kty: fc.constantFrom('RSA', 'EC', 'OKP', 1),
      crv: fc.constantFrom('P-256', 'Ed25519', null),
      kid: fc.constantFrom('k', 1),
      alg: fc.anything(),
      n: fc.anything(),
      e: fc.anything(),
      x: fc.anything(),
      y: fc.anything(),
    },
    { requiredKeys: [] },
  );
  fc.assert(fc.property(fc.array(key), (keys) => void compileKeySet({ keys })));
});
