import { type Meter, unmetered } from '../values/meter.ts';
import { Double, type Integer, sameNumber, Uint } from '../values/number.ts';
import { Duration, Timestamp } from '../values/time.ts';
import { Fields, Opaque, Text, type Value } from '../values/value.ts';

/**
 * `==`: values of different kinds are unequal, except numbers, which compare by value. Never an error; neither operand is one.
 * Nesting is bounded where values are made, so the recursion is too.
 */
export function equal(a: Value, b: Value, meter: Meter = unmetered): boolean {
  if (a === b) return !(a instanceof Double) || !Number.isNaN(a.value);
  if (typeof a === 'string' && typeof b === 'string') return false;
  if (a instanceof Text) return equal(a.text, b, meter);
  if (b instanceof Text) return equal(a, b.text, meter);
  if (typeof a === 'string' || typeof b === 'string') return false;
  const left = numberOf(a);
  if (left !== undefined) {
    const right = numberOf(b);
    return right !== undefined && sameNumber(left, right);
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && equalLists(a, b, meter);
  if (a instanceof Fields) return b instanceof Fields && equalFields(a, b, meter);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof Duration) return b instanceof Duration && a.seconds === b.seconds && a.nanos === b.nanos;
  if (a instanceof Timestamp) return b instanceof Timestamp && a.seconds === b.seconds && a.nanos === b.nanos;
  if (a instanceof Opaque) return b instanceof Opaque && a.equals(b);
  return false;
}

/** The number that an int, a uint or a double stands for; undefined for everything else. */
export function numberOf(value: Value): Integer | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  return value instanceof Double || value instanceof Uint ? value.value : undefined;
}

function equalLists(a: readonly Value[], b: readonly Value[], meter: Meter): boolean {
  if (a.length !== b.length || !meter.spend(a.length)) return false;
  for (let i = 0; i < a.length; i++) if (!equal(a[i] as Value, b[i] as Value, meter)) return false;
  return true;
}

function equalFields(a: Fields, b: Fields, meter: Meter): boolean {
  if (a.size !== b.size || !meter.spend(a.size)) return false;
  for (const key of a.keys()) {
    const left = a.get(key);
    const right = b.get(key);
    if (left === undefined || right === undefined || !equal(left, right, meter)) return false;
  }
  return true;
}
