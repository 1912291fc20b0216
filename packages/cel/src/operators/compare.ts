import { CelError } from '../values/error.ts';
import { Duration, Timestamp } from '../values/time.ts';
import { settle, typeNameOf, type Value } from '../values/value.ts';
import { numberOf } from './equal.ts';

/** Less than 0, 0, more than 0; NaN where the operands have no order (a NaN is one of them). */
export type Order = number;

/** `<` and its kin: numbers across kinds, strings, bools, null, durations, timestamps; everything else is an error. */
export function compare(left: Value, right: Value): Order | CelError {
  const a = settle(left);
  const b = settle(right);
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b);
  const x = numberOf(a);
  const y = numberOf(b);
  if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : Number.isNaN(x) || Number.isNaN(y) ? NaN : 0;
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (a === null && b === null) return 0;
  if ((a instanceof Duration && b instanceof Duration) || (a instanceof Timestamp && b instanceof Timestamp)) {
    return a.seconds - b.seconds || a.nanos - b.nanos;
  }
  return new CelError('not-comparable', () => `${typeNameOf(a)} can not be compared to ${typeNameOf(b)}`);
}

/** By code point, as UTF-8 sorts. UTF-16 differs where a surrogate meets U+E000 to U+FFFF. */
export function compareStrings(a: string, b: string): Order {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}
