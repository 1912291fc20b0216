import { expect, test } from 'vitest';
import type { KeySet } from './key-set.ts';
import { TokenCache } from './token-cache.ts';
import type { TokenIssuer } from './verify.ts';

const keys: KeySet = { byId: new Map(), publicKeys: [] };
const issuer = { issuer: 'a', audiences: null, requiredClaims: [], keys } satisfies TokenIssuer;

function entry(token: string, validUntil = 1000, from: TokenIssuer = issuer) {
  return { verified: { claims: {}, token }, validUntil, issuer: from, keys };
}

test('what was added is found until it expires', () => {
  const cache = new TokenCache(10, 10_000);
  const added = entry('t');
  cache.add(added);
  expect(cache.get('t', 1000)).toBe(added);
  expect(cache.get('u', 1000)).toBeUndefined();
  expect(cache.get('t', 1001)).toBeUndefined();
  expect(cache.size).toBe(0);
});

test('other keys of the issuer end it', () => {
  const rotating = { ...issuer, keys: keys as KeySet | null };
  const cache = new TokenCache(10, 10_000);
  cache.add(entry('t', 1000, rotating));
  rotating.keys = { ...keys };
  expect(cache.get('t', 0)).toBeUndefined();
  cache.add(entry('t', 1000, rotating));
  rotating.keys = null;
  expect(cache.get('t', 0)).toBeUndefined();
});

test('there are never more than so many, and those in use stay', () => {
  const cache = new TokenCache(10, 1_000_000);
  cache.add(entry('used'));
  for (let i = 0; i < 100; i++) {
    cache.add(entry(`t${i}`));
    expect(cache.get('used', 0)).toBeDefined();
    expect(cache.size).toBeLessThanOrEqual(10);
  }
  expect(cache.get('t0', 0)).toBeUndefined();
});

test('there are never more than so many bytes', () => {
  const cache = new TokenCache(1000, 20_000);
  for (let i = 0; i < 100; i++) {
    cache.add(entry(String(i).padStart(436, '0')));
    // 436 characters count for 2000 bytes.
    expect(cache.size).toBeLessThanOrEqual(10);
  }
  expect(cache.size).toBeGreaterThanOrEqual(5);
  cache.add(entry('x'.repeat(5000)));
  expect(cache.get('x'.repeat(5000), 0)).toBeUndefined();
});

test('what is added or looked up again and again counts once', () => {
  const cache = new TokenCache(10, 1_000_000);
  cache.add(entry('other'));
  for (let i = 0; i < 100; i++) cache.add(entry('same'));
  expect(cache.size).toBe(2);
});

test('tokens that end alike are told apart', () => {
  const cache = new TokenCache(10, 10_000);
  const end = 'x'.repeat(40);
  cache.add(entry(`a${end}`));
  expect(cache.get(`b${end}`, 0)).toBeUndefined();
  expect(cache.get(`a${end}`, 0)).toBeDefined();
  cache.add(entry(`b${end}`));
  expect(cache.get(`b${end}`, 0)).toBeDefined();
  expect(cache.size).toBe(1);
});
