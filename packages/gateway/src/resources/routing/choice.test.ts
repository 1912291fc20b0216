import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { compileWeights, pathMatchText, selectListener } from './index.ts';

describe('selectListener', () => {
  const choose = (hostnames: string[], host: string) =>
    selectListener(
      hostnames.map((hostname) => ({ hostname })),
      host,
    )?.hostname ?? null;

  test('PROXY-14: a host that no listener names has none', () => {
    verifies('PROXY-14');
    expect(choose(['a.com', '*.b.com'], 'c.com')).toBeNull();
    expect(choose(['a.com', '*.b.com'], 'a.com')).toBe('a.com');
    expect(choose(['a.com', '*.b.com'], 'x.b.com')).toBe('*.b.com');
  });

  test('the name, then the longest wildcard, then the one for all, in whatever order they stand', () => {
    const names = ['a.b.com', '*.b.com', '*.com', '*'];
    for (const order of [names, names.toReversed()]) {
      expect(['a.b.com', 'x.b.com', 'x.com', 'x.org', ''].map((host) => choose(order, host))).toEqual([
        'a.b.com',
        '*.b.com',
        '*.com',
        '*',
        '*',
      ]);
    }
    expect(choose(['', '*.com'], 'x.org')).toBe('');
  });

  test('a wildcard stands for whole labels', () => {
    for (const host of ['xexample.com', 'example.com', '.example.com'])
      expect(choose(['*.example.com'], host)).toBeNull();
    for (const host of ['example.com', 'xexample.com', 'a.example.com'])
      expect(choose(['*example.com'], host)).toBeNull();
  });
});

describe('compileWeights', () => {
  test('nothing, or nothing but zeros, leaves no choice', () => {
    for (const weights of [[], [0], [0, 0]]) expect(compileWeights(weights)(0.5)).toBe(-1);
  });

  test('a weight of 0 is never chosen, and the shares are those of the weights', () => {
    const choose = compileWeights([0, 3, 0, 1]);
    const tally = [0, 0, 0, 0];
    for (let i = 0; i < 1_000; i++) {
      const index = choose(i / 1_000);
      tally[index] = (tally[index] as number) + 1;
    }
    expect(tally).toEqual([0, 750, 0, 250]);
  });

  test('every number in [0, 1) chooses something of weight', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(), { minLength: 1 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (weights, random) => {
          const index = compileWeights(weights)(random);
          if (weights.every((weight) => weight === 0)) expect(index).toBe(-1);
          else expect(weights[index]).toBeGreaterThan(0);
        },
      ),
    );
  });
});

test('the match as logs tell it', () => {
  expect(
    [{ exact: '/a' }, { pathPrefix: '/a' }, { pathPrefix: '/a/' }, { pathPrefix: '/' }, { regex: '/a.*' }].map(
      pathMatchText,
    ),
  ).toEqual(['/a', '/a/*', '/a/*', '/*', '/a.*']);
});
