/**
 * Integers are a `number` where that is exact (`Number.isSafeInteger`) and a `bigint` beyond, never both: two representations
 * of one value would not be `===`. Doubles and uints are boxed, so that their kind is never in doubt.
 */
export type Integer = number | bigint;

/** An unsigned 64-bit integer. */
export class Uint {
  readonly value: Integer;

  /** `value` is canonical and within 0..2^64-1. */
  constructor(value: Integer) {
    this.value = value;
  }
}

/** An IEEE double, told apart from an integer of the same value. */
export class Double {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

export const int64Min = -(2n ** 63n);
export const int64Max = 2n ** 63n - 1n;
export const uint64Max = 2n ** 64n - 1n;

const safeMax = BigInt(Number.MAX_SAFE_INTEGER);

/** The one representation of an integer. */
export function canonical(value: bigint): Integer {
  return value <= safeMax && value >= -safeMax ? Number(value) : value;
}

/** An int of this value; null if it does not fit 64 bits. */
export function toInt64(value: bigint): Integer | null {
  return value < int64Min || value > int64Max ? null : canonical(value);
}

/** A uint of this value; null if it does not fit 64 bits. */
export function toUint64(value: bigint): Uint | null {
  return value < 0n || value > uint64Max ? null : new Uint(canonical(value));
}

/** Are two canonical integers equal, or an integer and a double exactly equal? */
export function sameNumber(a: Integer, b: Integer): boolean {
  // Loose equality between number and bigint compares the mathematical values, without rounding either.
  // biome-ignore lint/suspicious/noDoubleEquals: see above
  return a === b || (typeof a !== typeof b && a == b);
}
