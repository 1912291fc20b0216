import { CelError, costExceeded } from '../values/error.ts';
import { type Meter, textPerUnit, unmetered } from '../values/meter.ts';
import { Double, Uint } from '../values/number.ts';
import { Duration, Timestamp } from '../values/time.ts';
import { TypeValue } from '../values/type.ts';
import { Fields, type MapKey, Opaque, Text, type Value } from '../values/value.ts';
import { Flattened } from '../views/flattened.ts';

/** A JSON value; integers beyond 2^53 are a `bigint`, which `JSON.stringify` refuses and `toJson` writes out. */
export type Native = null | boolean | number | bigint | string | Native[] | { [key: string]: Native };

/** Arrays and objects inside of each other. */
const maxDepth = 256;

/**
 * A value as plain data, as JSON sees it (spec 04 §6): bytes as base64, timestamps as RFC 3339 in UTC, durations as `1.5s`, NaN and
 * infinity as null, keys as text, secrets as `<redacted>`.
 *
 * @returns the error if the value is one, or has one inside.
 */
export function toNative(value: Value, meter: Meter = unmetered): Native | CelError {
  return native(value, meter, 0);
}

/** A value as compact JSON text; see `toNative`. */
export function toJson(value: Value, meter: Meter = unmetered): string | CelError {
  const plain = toNative(value, meter);
  return plain instanceof CelError ? plain : write(plain);
}

function native(value: Value, meter: Meter, depth: number): Native | CelError {
  switch (typeof value) {
    case 'string':
      return meter.spend(1 + value.length / textPerUnit) ? value : costExceeded;
    case 'number':
    case 'bigint':
    case 'boolean':
      return value;
  }
  if (value === null || value instanceof CelError) return value;
  if (!meter.spend(1)) return costExceeded;
  if (depth > maxDepth) return new CelError('limit', `value nests deeper than ${maxDepth}`);
  if (Array.isArray(value)) {
    const array: Native[] = [];
    for (const element of value) {
      const plain = native(element, meter, depth + 1);
      if (plain instanceof CelError) return plain;
      array.push(plain);
    }
    return array;
  }
  if (value instanceof Uint) return value.value;
  if (value instanceof Double) return Number.isFinite(value.value) ? value.value : null;
  if (value instanceof Fields) return object(value, meter, depth);
  if (value instanceof Text) return native(value.text, meter, depth);
  if (value instanceof Uint8Array) return base64(value);
  if (value instanceof Duration || value instanceof Timestamp) return value.toString();
  if (value instanceof Flattened) return native(value.value, meter, depth);
  if (value instanceof Opaque) return value.text;
  return value instanceof TypeValue ? value.name : null;
}

function object(fields: Fields, meter: Meter, depth: number): Native | CelError {
  const result: { [key: string]: Native } = {};
  for (const key of fields.keys()) {
    if (!meter.spend(2)) return costExceeded;
    const plain = native(fields.get(key) ?? null, meter, depth + 1);
    if (plain instanceof CelError) return plain;
    const name = keyText(key);
    // Assigning to this one name would set the prototype instead.
    if (name === '__proto__')
      Object.defineProperty(result, name, { value: plain, enumerable: true, configurable: true });
    else result[name] = plain;
  }
  return result;
}

/** A key as text. */
export function keyText(key: MapKey): string {
  return typeof key === 'string' ? key : String(key instanceof Uint ? key.value : key);
}

function write(value: Native): string {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, inner]) => `${JSON.stringify(key)}:${write(inner)}`)
    .join(',')}}`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
