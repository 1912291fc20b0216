import { compare } from '../operators/compare.ts';
import { holds } from '../operators/contains.ts';
import { CelError } from '../values/error.ts';
import { Fields, isMapKey, typeOf, type Value } from '../values/value.ts';
import { type FunctionGroup, unexpectedType } from './definition.ts';

/** Functions of several kinds of values (spec 04 §5.1). */
export const coreFunctions: FunctionGroup = {
  size: { min: 1, call: (_, value) => size(value) },
  contains: { min: 2, call: (host, value, part) => contains(value, part, host) },
  startsWith: {
    min: 2,
    call: (_, text, start) => affix(text, start, (a, b) => a.startsWith(b)),
  },
  endsWith: {
    min: 2,
    call: (_, text, end) => affix(text, end, (a, b) => a.endsWith(b)),
  },
  type: { min: 1, call: (_, value) => typeOf(value) },
  max: { min: 0, call: (_, ...values) => extreme(values, (order) => order > 0) },
  min: { min: 0, call: (_, ...values) => extreme(values, (order) => order < 0) },
};

/** Of a string, the bytes that it has as UTF-8. */
function size(value: Value): Value {
  if (typeof value === 'string') return Buffer.byteLength(value, 'utf8');
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length;
  if (value instanceof Fields) return value.size;
  return unexpectedType(value, 'list, map, string or bytes');
}

function contains(value: Value, part: Value, host: Parameters<typeof holds>[2]): Value {
  if (typeof value === 'string') return typeof part === 'string' && value.includes(part);
  if (Array.isArray(value)) return holds(value, part, host);
  if (value instanceof Fields) return isMapKey(part) ? value.has(part) : false;
  if (value instanceof Uint8Array) {
    if (part instanceof Uint8Array) return viewOf(value).includes(viewOf(part));
    return unexpectedType(part, 'bytes');
  }
  return unexpectedType(value, 'list, map, string or bytes');
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function affix(text: Value, part: Value, test: (text: string, part: string) => boolean): Value {
  if (typeof text !== 'string') return unexpectedType(text, 'string');
  return typeof part === 'string' ? test(text, part) : unexpectedType(part, 'string');
}

/** The greatest or least of the arguments, or of the one list; null of none. */
function extreme(values: readonly Value[], better: (order: number) => boolean): Value {
  const [only] = values;
  const all = values.length === 1 && Array.isArray(only) ? (only as readonly Value[]) : values;
  let best: Value | undefined;
  for (const value of all) {
    if (best === undefined) {
      best = value;
      continue;
    }
    const order = compare(value, best);
    if (order instanceof CelError) return order;
    if (better(order)) best = value;
  }
  return best ?? null;
}
