import { CelError, functionError } from '../values/error.ts';
import { Double, type Integer, toInt64, toUint64, Uint } from '../values/number.ts';
import { Duration, parseDuration, parseTimestamp, Timestamp } from '../values/time.ts';
import { TypeValue } from '../values/type.ts';
import { typeNameOf, type Value } from '../values/value.ts';
import type { FunctionGroup } from './definition.ts';

/** Conversions, as functions and as methods (spec 04 §5.1). */
export const conversionFunctions: FunctionGroup = {
  int: { min: 1, call: (_, value) => toInt(value) },
  uint: { min: 1, call: (_, value) => toUint(value) },
  double: { min: 1, call: (_, value) => toDouble(value) },
  string: { min: 1, call: (_, value) => toText(value) },
  bytes: { min: 1, call: (_, value) => toBytes(value) },
  duration: { min: 1, call: (_, value) => toDuration(value) },
  timestamp: { min: 1, call: (_, value) => toTimestamp(value) },
};

function cannot(value: Value, target: string): CelError {
  return new CelError('conversion', () => `Cannot convert ${typeNameOf(value)} to ${target}`);
}

const integerText = /^[+-]?\d{1,40}$/;

function toInt(value: Value): Value {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  if (value instanceof Uint) return toInt64(BigInt(value.value)) ?? outOfRange('int');
  if (value instanceof Double) return truncated(value.value, 'int', toInt64);
  if (value instanceof Timestamp) return value.seconds;
  if (typeof value !== 'string') return cannot(value, 'int');
  if (!integerText.test(value)) return functionError('int', 'text is no integer');
  return toInt64(BigInt(value.replace(/^\+/, ''))) ?? outOfRange('int');
}

function toUint(value: Value): Value {
  if (value instanceof Uint) return value;
  if (typeof value === 'number' || typeof value === 'bigint') return toUint64(BigInt(value)) ?? outOfRange('uint');
  if (value instanceof Double) return truncated(value.value, 'uint', toUint64);
  if (typeof value !== 'string') return cannot(value, 'uint');
  if (!/^\+?\d{1,40}$/.test(value)) return functionError('uint', 'text is no unsigned integer');
  return toUint64(BigInt(value.replace(/^\+/, ''))) ?? outOfRange('uint');
}

function truncated(value: number, target: string, fit: (value: bigint) => Integer | Uint | null): Value {
  if (!Number.isFinite(value)) return outOfRange(target);
  // The double at the edge of the range is not told apart from its neighbours outside: it counts as outside.
  if (target === 'int' && Math.abs(value) >= 2 ** 63) return outOfRange(target);
  return fit(BigInt(Math.trunc(value))) ?? outOfRange(target);
}

function outOfRange(target: string): CelError {
  return functionError(target, 'number out of range');
}

const doubleText = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const doubleWords: ReadonlyMap<string, number> = new Map([
  ['inf', Number.POSITIVE_INFINITY],
  ['+inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['infinity', Number.POSITIVE_INFINITY],
  ['+infinity', Number.POSITIVE_INFINITY],
  ['-infinity', Number.NEGATIVE_INFINITY],
  ['nan', Number.NaN],
]);

function toDouble(value: Value): Value {
  if (value instanceof Double) return value;
  if (typeof value === 'number' || typeof value === 'bigint') return new Double(Number(value));
  if (value instanceof Uint) return new Double(Number(value.value));
  if (typeof value !== 'string') return cannot(value, 'double');
  const word = doubleWords.get(value.toLowerCase());
  if (word !== undefined) return new Double(word);
  if (value.length > 1_000 || !doubleText.test(value)) {
    return functionError('double', 'text is no number');
  }
  return new Double(Number(value));
}

function toText(value: Value): Value {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value);
  }
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Double) return plainDecimal(value.value);
  if (value instanceof Uint8Array) return new TextDecoder('utf-8', { ignoreBOM: true }).decode(value);
  if (value instanceof Duration || value instanceof Timestamp) return value.toString();
  if (value instanceof TypeValue) return value.name;
  return cannot(value, 'string');
}

/** The shortest decimal that reads back as the same double, without an exponent: `1`, `0.0000001`. */
export function plainDecimal(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0';
  const text = String(value);
  const found = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (found === null) return text;
  const [, sign = '', first = '', rest = '', power = ''] = found;
  const digits = first + rest;
  const exponent = Number(power);
  return exponent < 0 ? `${sign}0.${'0'.repeat(-exponent - 1)}${digits}` : `${sign}${digits.padEnd(exponent + 1, '0')}`;
}

function toBytes(value: Value): Value {
  if (value instanceof Uint8Array) return value;
  return typeof value === 'string' ? new Uint8Array(Buffer.from(value, 'utf8')) : cannot(value, 'bytes');
}

function toDuration(value: Value): Value {
  if (value instanceof Duration) return value;
  if (typeof value !== 'string') return cannot(value, 'duration');
  return parseDuration(value) ?? functionError('duration', 'text is no duration, such as 1h30m');
}

function toTimestamp(value: Value): Value {
  if (value instanceof Timestamp) return value;
  if (typeof value === 'number') return Timestamp.at(value, 0) ?? outOfRange('timestamp');
  if (typeof value === 'bigint') return outOfRange('timestamp');
  if (typeof value !== 'string') return cannot(value, 'timestamp');
  return parseTimestamp(value) ?? functionError('timestamp', 'text is no RFC 3339 timestamp');
}
