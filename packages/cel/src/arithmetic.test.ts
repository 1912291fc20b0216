import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compile } from './compile.ts';
import { CelError } from './values/error.ts';
import { canonical, Double, Uint } from './values/number.ts';
import type { Value } from './values/value.ts';

/**
 * Numbers against an evaluator that knows nothing of two representations: every integer is a `bigint` there, every comparison with a
 * double goes through fractions.
 */
type Naive =
  | { readonly kind: 'int' | 'uint'; readonly value: bigint }
  | { readonly kind: 'double'; readonly value: number };

fc.configureGlobal({ seed: 20_480 });

const [int64Min, int64Max, uint64Max] = [-(2n ** 63n), 2n ** 63n - 1n, 2n ** 64n - 1n];

function near(...centres: bigint[]): fc.Arbitrary<bigint> {
  return fc.tuple(fc.constantFrom(...centres), fc.bigInt({ min: -3n, max: 3n })).map(([centre, off]) => centre + off);
}

const edges = near(
  0n,
  2n ** 31n,
  2n ** 32n,
  2n ** 52n,
  2n ** 53n,
  -(2n ** 53n),
  2n ** 62n,
  int64Min,
  int64Max,
  uint64Max,
);
const integer = fc.oneof(edges, fc.bigInt({ min: int64Min, max: uint64Max }), fc.bigInt({ min: -50n, max: 50n }));
const int = integer
  .filter((value) => value >= int64Min && value <= int64Max)
  .map((value) => ({ kind: 'int', value }) as const);
const uint = integer
  .filter((value) => value >= 0n && value <= uint64Max)
  .map((value) => ({ kind: 'uint', value }) as const);
const double = fc
  .oneof(fc.double(), edges.map(Number), fc.constantFrom(0, -0, 0.5, Number.NaN, Number.POSITIVE_INFINITY))
  .map((value) => ({ kind: 'double', value }) as const);
const number: fc.Arbitrary<Naive> = fc.oneof(int, uint, double);

function toValue(naive: Naive): Value {
  if (naive.kind === 'double') return new Double(naive.value);
  return naive.kind === 'uint' ? new Uint(canonical(naive.value)) : canonical(naive.value);
}

/** The result as text that tells kinds apart; an error as its kind. */
function shown(value: Value): string {
  if (value instanceof CelError) return value.kind;
  if (value instanceof Uint) return `${canonicalText(value.value)}u`;
  if (value instanceof Double) return `double ${Object.is(value.value, -0) ? '-0' : value.value}`;
  return typeof value === 'bigint' || typeof value === 'number' ? canonicalText(value) : String(value);
}

function canonicalText(value: number | bigint): string {
  // Two forms of one integer would not be equal to `===`.
  expect(typeof value === 'number').toBe(value >= -(2 ** 53) + 1 && value <= 2 ** 53 - 1);
  return Object.is(value, -0) ? 'negative zero' : String(value);
}

function naively(operator: string, a: Naive, b: Naive): string {
  if (a.kind !== b.kind) return 'unsupported';
  if (a.kind === 'double' || b.kind === 'double') {
    if (operator === '%') return 'unsupported';
    const [x, y] = [a.value as number, b.value as number];
    const result = operator === '+' ? x + y : operator === '-' ? x - y : operator === '*' ? x * y : x / y;
    return `double ${Object.is(result, -0) ? '-0' : result}`;
  }
  const [x, y] = [a.value, b.value];
  if ((operator === '/' || operator === '%') && y === 0n) return 'divide-by-zero';
  const result =
    operator === '+' ? x + y : operator === '-' ? x - y : operator === '*' ? x * y : operator === '/' ? x / y : x % y;
  const fits = a.kind === 'int' ? result >= int64Min && result <= int64Max : result >= 0n && result <= uint64Max;
  return fits ? `${result}${a.kind === 'uint' ? 'u' : ''}` : 'overflow';
}

/** Below 0, 0, above 0; NaN if one of them is. A double is cut into its whole part, which a bigint holds exactly, and the rest. */
function order(a: Naive, b: Naive): number {
  if (a.kind === 'double' && b.kind === 'double')
    return a.value < b.value ? -1 : a.value > b.value ? 1 : a.value === b.value ? 0 : NaN;
  if (b.kind === 'double') return -order(b, a);
  if (a.kind !== 'double') return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
  if (!Number.isFinite(a.value)) return a.value;
  const whole = BigInt(Math.trunc(a.value));
  return whole < b.value ? -1 : whole > b.value ? 1 : a.value - Math.trunc(a.value);
}

function run(source: string): (a: Naive, b: Naive) => Value {
  const variables = new Map([
    ['a', (given: readonly Value[]) => given[0] as Value],
    ['b', (given: readonly Value[]) => given[1] as Value],
  ]);
  const compiled = compile<readonly Value[]>(source, { variables });
  if (!compiled.ok) throw new Error(compiled.error.rendered);
  return (a, b) => compiled.program.evaluate([toValue(a), toValue(b)]);
}

test.each(['+', '-', '*', '/', '%'])('a %s b is what exact arithmetic says', (operator) => {
  const evaluate = run(`a ${operator} b`);
  const check = (a: Naive, b: Naive) => expect(shown(evaluate(a, b))).toBe(naively(operator, a, b));
  fc.assert(
    fc.property(fc.oneof(fc.tuple(int, int), fc.tuple(uint, uint), fc.tuple(number, number)), ([a, b]) => {
      check(a, b);
    }),
    { numRuns: 1_500 },
  );
});

test.each([
  ['==', (n: number) => n === 0],
  ['!=', (n: number) => n !== 0],
  ['<', (n: number) => n < 0],
  ['<=', (n: number) => n <= 0],
  ['>', (n: number) => n > 0],
  ['>=', (n: number) => n >= 0],
] as const)('a %s b compares exactly across kinds', (operator, expected) => {
  const evaluate = run(`a ${operator} b`);
  fc.assert(
    fc.property(number, number, (a, b) => {
      expect(evaluate(a, b)).toBe(expected(order(a, b)));
    }),
    { numRuns: 1_500 },
  );
});

test('a number that is known when compiling compares like one that is not', () => {
  for (const limit of ['5', '5u', '9007199254740993']) {
    for (const operator of ['<', '<=', '>', '>=', '==']) {
      const evaluate = run(`a ${operator} ${limit}`);
      const dynamic = run(`a ${operator} b`);
      const b: Naive = limit.endsWith('u') ? { kind: 'uint', value: 5n } : { kind: 'int', value: BigInt(limit) };
      fc.assert(
        fc.property(number, (a) => {
          expect(evaluate(a, b)).toBe(dynamic(a, b));
        }),
        { numRuns: 200 },
      );
    }
  }
});
