import fc from 'fast-check';
import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { challengeOf, decodeState, encodeState, newTransaction, parseTransaction, safePath } from './transaction.ts';

test('POL-32: a path that leads to another host becomes the root', () => {
  verifies('POL-32');
  for (const path of [
    '//evil.com',
    '/\\evil.com',
    '/%2f/evil.com',
    '/%5cevil.com',
    'https://evil.com',
    '/a\tb',
    `/${'a'.repeat(2048)}`,
  ])
    expect([path, safePath(path)]).toEqual([path, '/']);
  for (const path of ['/', '/app?x=1', '/a//b', '/caf%C3%A9?q=%2F%2F']) expect(safePath(path)).toBe(path);
});

test('whatever path a browser asks for, it comes back to this host', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((text) => `/${text}`),
        fc.webUrl(),
      ),
      (path) => {
        const safe = safePath(path);
        expect(new URL(safe, 'https://here.test').host).toBe('here.test');
      },
    ),
  );
});

test('a state is read back, and nothing else is one', () => {
  const transaction = newTransaction('route/a', '/x', 0);
  const { transactionId, csrfState } = transaction;
  expect(decodeState(encodeState(transaction))).toEqual({ transactionId, csrfState });
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(decodeState(text)).toBeNull();
    }),
  );
  const hostile = Buffer.from(JSON.stringify({ transactionId: 'a; Domain=evil', csrfState: 'x' })).toString(
    'base64url',
  );
  expect(decodeState(hostile)).toBeNull();
});

test('a transaction is read back, and nothing else is one', () => {
  const transaction = newTransaction('route/a', '/x?y=1', 5_000);
  expect(transaction).toMatchObject({ policyId: 'route/a', originalUri: '/x?y=1', expiresAtUnix: 305 });
  expect(parseTransaction(JSON.stringify(transaction))).toEqual(transaction);
  expect(parseTransaction('{}')).toBeNull();
  expect(parseTransaction(JSON.stringify({ ...transaction, nonce: 1 }))).toBeNull();
});

test('the challenge is the one of RFC 7636, appendix B', () => {
  expect(challengeOf('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk')).toBe(
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  );
});
