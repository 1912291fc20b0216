import { hash } from 'node:crypto';
import {
  CelError,
  Double,
  Duration,
  type Native,
  Timestamp,
  toJson,
  toNative,
  Uint,
  type Value,
} from '@agentgateway/cel';

/** A value as plain data; undefined if it is an error. */
export function plain(value: Value): Native | undefined {
  const native = toNative(value);
  return native instanceof CelError ? undefined : native;
}

/** A value as the content of a message: texts and bytes as they are, anything else as JSON; null if it is an error. */
export function content(value: Value): Buffer | null {
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  if (value instanceof Uint8Array) return Buffer.from(value);
  const json = toJson(value);
  return json instanceof CelError ? null : Buffer.from(json, 'utf8');
}

/** A key that is longer is kept as its hash: clients choose the values, and memory is bounded by the number of entries. */
const maxKeyLength = 256;

/** One key of several values; null if one of them is nothing to be told apart by (spec 04 §6). */
export function cacheKey(values: readonly Value[]): string | null {
  const parts: string[] = [];
  for (const value of values) {
    const part = keyPart(value);
    if (part === null) return null;
    parts.push(part);
  }
  const key = JSON.stringify(parts);
  return key.length <= maxKeyLength ? key : hash('sha256', key, 'base64');
}

/** The type goes with the value: `1`, `1u` and `"1"` are three keys. */
function keyPart(value: Value): string | null {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'string':
      return `s${value}`;
    case 'boolean':
      return `b${value}`;
    case 'number':
    case 'bigint':
      return `i${value}`;
  }
  if (value instanceof Uint) return `u${value.value}`;
  if (value instanceof Double) return `d${value.value}`;
  return value instanceof Uint8Array ? `x${Buffer.from(value).toString('hex')}` : null;
}

/**
 * How long something is good for, from a duration, a moment, or the seconds of a moment since the epoch.
 *
 * @param epoch Now, in milliseconds since the epoch.
 * @returns milliseconds; null if the value says nothing of the kind.
 */
export function lifetime(value: Value, epoch: number): number | null {
  if (value instanceof Duration) return value.milliseconds;
  if (value instanceof Timestamp) return value.seconds * 1000 + value.nanos / 1e6 - epoch;
  const seconds = value instanceof Uint || value instanceof Double ? value.value : value;
  if (typeof seconds !== 'number' && typeof seconds !== 'bigint') return null;
  const end = Number(seconds) * 1000;
  return Number.isFinite(end) ? end - epoch : null;
}
