import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { compileKeySet } from './key-set.ts';
import { testKey, tokenOf } from './testing.ts';
import { type TokenIssuer, verifyToken } from './verify.ts';

const NOW = 1_700_000_000_000;
const seconds = NOW / 1000;

function keysOf(...jwks: object[]) {
  const compiled = compileKeySet({ keys: jwks });
  if ('error' in compiled || compiled.unusable.length > 0) throw new Error(JSON.stringify(compiled));
  return compiled.keys;
}

const key = testKey('one');
const issuer: TokenIssuer = {
  issuer: 'https://a.test',
  audiences: null,
  requiredClaims: ['exp'],
  keys: keysOf(key.jwk),
};
const good = { iss: 'https://a.test', sub: 'alice', exp: seconds + 300 };

function verdict(token: string, ...issuers: Partial<TokenIssuer>[]): unknown {
  const result = verifyToken(
    token,
    (issuers.length > 0 ? issuers : [{}]).map((given) => ({ ...issuer, ...given })),
    NOW,
  );
  return result.ok ? result.claims : result.detail;
}

const wrong = (why: string) => `the token is invalid or malformed: ${why}`;

describe('algorithms, as another library signs them', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve });
  const pairs: [alg: string, pair: { publicKey: KeyObject; privateKey: KeyObject }][] = [
    ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((alg): [string, typeof rsa] => [alg, rsa]),
    ['ES256', ec('P-256')],
    ['ES384', ec('P-384')],
    ['ES512', ec('P-521')],
    ['EdDSA', generateKeyPairSync('ed25519')],
    ['Ed25519', generateKeyPairSync('ed25519')],
  ];

  test.each(pairs)('%s', async (alg, { publicKey, privateKey }) => {
    const token = await new SignJWT(good).setProtectedHeader({ alg, kid: 'k' }).sign(privateKey);
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k' };
    expect(verdict(token, { keys: keysOf(jwk) })).toEqual(good);
    expect(verdict(token, { keys: keysOf({ ...jwk, alg }) })).toEqual(good);
    expect(verdict(`${token.slice(0, -6)}AAAAAA`, { keys: keysOf(jwk) })).toBe(wrong('the signature does not match'));
  });

  test('Ed448', () => {
    // jose has no Ed448: Node signs it.
    const { publicKey, privateKey } = generateKeyPairSync('ed448');
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k' };
    const token = tokenOf({ kid: 'k', privateKey, jwk }, good, { alg: 'EdDSA' }, null);
    expect(verdict(token, { keys: keysOf(jwk) })).toEqual(good);
  });

  test('a key that says its algorithm is good for no other', async () => {
    const token = await new SignJWT(good).setProtectedHeader({ alg: 'PS256', kid: 'k' }).sign(rsa.privateKey);
    const jwk = { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'RS256' };
    expect(verdict(token, { keys: keysOf(jwk) })).toBe(wrong(`the algorithm "PS256" is not one of the key's`));
  });

  test('a public key is no shared secret, and no signature is no signature', async () => {
    const jwk = { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'k' };
    for (const format of ['pem', 'der'] as const) {
      const exported = rsa.publicKey.export({ format, type: 'spki' } as never) as unknown as string | Buffer;
      const secret = Buffer.from(exported as string);
      const token = await new SignJWT(good).setProtectedHeader({ alg: 'HS256', kid: 'k' }).sign(secret);
      expect(verdict(token, { keys: keysOf(jwk) })).toBe(wrong(`the algorithm "HS256" is not one of the key's`));
    }
    const header = Buffer.from('{"alg":"none","kid":"k"}').toString('base64url');
    const unsigned = `${header}.${new UnsecuredJWT(good).encode().split('.')[1]}`;
    expect(verdict(`${unsigned}.`, { keys: keysOf(jwk) })).toMatch(/^the token header is malformed/);
    expect(verdict(`${unsigned}.AAAA`, { keys: keysOf(jwk) })).toMatch(/algorithm "none"/);
  });
});

describe('claims', () => {
  test.each<[why: string, claims: object, issuer?: Partial<TokenIssuer>]>([
    ['it has expired', { exp: seconds - 61 }],
    ['the claim "exp" is missing', { exp: undefined }],
    ['the claim "exp" is missing', { exp: null }],
    ['the claim "exp" is not a date', { exp: '9999999999' }],
    ['the claim "exp" is not a date', { exp: 'soon' }, { requiredClaims: [] }],
    ['it is not valid yet', { nbf: seconds + 61 }],
    ['the claim "nbf" is not a date', { nbf: [] }],
    ['it is of another issuer than its key', { iss: 'https://a.test/' }],
    ['it is of another issuer than its key', { iss: undefined }],
    ['it is of another issuer than its key', { iss: ['https://a.test'] }],
    ['the claim "aud" is missing', {}, { audiences: ['a'] }],
    ['it is meant for another audience', { aud: 'b' }, { audiences: ['a'] }],
    ['it is meant for another audience', { aud: ['b', 1] }, { audiences: ['a', 'c'] }],
    ['it is meant for another audience', { aud: 'b' }, { audiences: [] }],
    ['the claim "role" is missing', {}, { requiredClaims: ['exp', 'role'] }],
    ['the claim "toString" is missing', {}, { requiredClaims: ['toString'] }],
  ])('%s: %j', (why, claims, given = {}) => {
    expect(verdict(tokenOf(key, { ...good, ...claims }), given)).toBe(wrong(why));
  });

  test.each<[claims: object, issuer?: Partial<TokenIssuer>]>([
    [{ exp: seconds - 59 }],
    [{ nbf: seconds + 59 }],
    [{ exp: undefined }, { requiredClaims: [] }],
    [{ aud: ['b', 'a'] }, { audiences: ['a'] }],
    [{ aud: 'anybody' }],
    [{}, { audiences: [] }],
  ])('good: %j', (claims, given = {}) => {
    expect(verdict(tokenOf(key, { ...good, ...claims }), given)).toMatchObject({ sub: 'alice' });
  });
});

describe('headers', () => {
  test('POL-7: a token without a key id', () => {
    verifies('POL-7');
    expect(verdict(tokenOf(key, good, { kid: undefined }))).toBe("the token header does not specify a 'kid'");
  });

  test('a key that nobody has', () => {
    expect(verdict(tokenOf(key, good, { kid: 'two' }))).toBe('token uses the unknown key "two"');
    const long = verdict(tokenOf(key, good, { kid: 'x'.repeat(10_000) }));
    expect(String(long).length).toBeLessThan(120);
  });

  test('extensions that must be understood', () => {
    const token = tokenOf(key, good, { crit: ['b64'], b64: false });
    expect(verdict(token)).toBe('the token header is malformed: critical extensions are not supported');
  });
});

test('POL-8: where two issuers use one key id, the one that the token names decides', () => {
  verifies('POL-8');
  const other = testKey('one');
  const second = { issuer: 'https://b.test', keys: keysOf(other.jwk), audiences: ['b'] };
  expect(verdict(tokenOf(other, { ...good, iss: 'https://b.test', aud: 'b' }), {}, second)).toHaveProperty('sub');
  expect(verdict(tokenOf(key, good), {}, second)).toHaveProperty('sub');
  // Nobody speaks for another: neither with a key of its own, nor with that of the other.
  const mismatch = wrong('the signature does not match');
  expect(verdict(tokenOf(key, { ...good, iss: 'https://b.test', aud: 'b' }), {}, second)).toBe(mismatch);
  expect(verdict(tokenOf(other, good), {}, second)).toBe(mismatch);
});

test('the issuers whose newer keys may decide are told, and no others', () => {
  const strange = tokenOf(testKey('new'), good);
  const lacking = { ...issuer, keys: null };
  const other = { ...issuer, issuer: 'https://b.test' };
  expect(verifyToken(strange, [other, issuer, lacking], NOW)).toMatchObject({ ok: false, lacking: [issuer, lacking] });
  expect(verifyToken(tokenOf(key, { ...good, exp: 1 }), [issuer], NOW)).toMatchObject({ ok: false, lacking: [] });
});

describe('what an attacker may send', () => {
  const token = tokenOf(key, good);

  function refused(text: string): void {
    const result = verifyToken(text, [issuer], NOW);
    expect(result.ok).toBe(false);
    if (!result.ok) expect(result.detail.length).toBeLessThan(200);
  }

  test('no text that is not a token is accepted or throws', () => {
    const part = fc.oneof(
      fc.string(),
      fc.base64String(),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), (parts) => refused(parts.join('.'))),
      { numRuns: 2000 },
    );
    fc.assert(fc.property(fc.string({ unit: 'binary' }), refused), { numRuns: 1000 });
  });

  test('any header and any claims without the signature', () => {
    const header = fc.record(
      {
        alg: fc.constantFrom('ES256', 'none', 'HS256', null, 1),
        kid: fc.constantFrom('one', 1, null),
        crit: fc.anything(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(header, fc.dictionary(fc.string(), fc.jsonValue()), fc.base64String(), (head, claims, signature) => {
        const encode = (value: unknown) => Buffer.from(JSON.stringify(value) ?? '').toString('base64url');
        refused(`${encode(head)}.${encode({ ...good, ...claims })}.${signature.replace(/[+/=]/g, '-')}`);
      }),
      { numRuns: 1000 },
    );
  });

  test('a good token with one character changed, added, or taken away', () => {
    const character = fc.oneof(
      fc.constantFrom(...'ABCDwxyz0189-_.=+/ '),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
      // Those that a careless conversion to bytes takes for letters.
      fc.constantFrom(...token).map((letter) => String.fromCharCode(letter.charCodeAt(0) + 256)),
    );
    fc.assert(
      fc.property(fc.nat(token.length), fc.nat(2), character, (at, removed, inserted) => {
        const changed = token.slice(0, at) + inserted + token.slice(at + removed);
        if (changed !== token) refused(changed);
      }),
      { numRuns: 5000 },
    );
  });

  test('every other spelling of the last character of the signature', () => {
    for (const last of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') {
      if (!token.endsWith(last)) refused(token.slice(0, -1) + last);
    }
  });

  test('claims as deep as a header allows', () => {
    const deep = Buffer.from(`${'['.repeat(40_000)}${']'.repeat(40_000)}`).toString('base64url');
    refused(`${deep}.${deep}.AAAA`);
    refused(`${token.split('.')[0]}.${deep}.AAAA`);
  });
});
