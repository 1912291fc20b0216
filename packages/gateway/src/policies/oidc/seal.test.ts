import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CookieSeal } from './seal.ts';

const key = (byte: number) => Buffer.alloc(32, byte);

test('what was sealed for a cookie is opened for it, and for no other', () => {
  const seal = new CookieSeal([key(1)]);
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
      (text) => {
        const value = seal.seal('a', text);
        expect(value).toMatch(/^[A-Za-z0-9+/]+={0,2}$/);
        expect(seal.open('a', value)).toBe(text);
        expect(seal.open('b', value)).toBeNull();
      },
    ),
  );
});

test('a value that somebody changed, or made up, opens to nothing', () => {
  const seal = new CookieSeal([key(1)]);
  const sealed = Buffer.from(seal.seal('a', 'secret'), 'base64');
  for (let i = 0; i < sealed.length; i++) {
    const changed = Buffer.from(sealed);
    changed[i] = (changed[i] as number) ^ 1;
    expect(seal.open('a', changed.toString('base64'))).toBeNull();
    expect(seal.open('a', sealed.subarray(0, i).toString('base64'))).toBeNull();
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(seal.open('a', text)).toBeNull();
    }),
  );
});

test('the first key seals, and all of them open', () => {
  const before = new CookieSeal([key(1)]);
  const after = new CookieSeal([key(2), key(1)]);
  expect(after.open('a', before.seal('a', 'x'))).toBe('x');
  expect(before.open('a', after.seal('a', 'x'))).toBeNull();
});
