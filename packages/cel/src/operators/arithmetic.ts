import type { ChainOperator } from '../parse/ast.ts';
import { displayed } from '../values/display.ts';
import { CelError } from '../values/error.ts';
import { type Meter, textPerUnit } from '../values/meter.ts';
import { canonical, Double, type Integer, toInt64, toUint64, Uint } from '../values/number.ts';
import { Duration, Timestamp } from '../values/time.ts';
import { settle, typeNameOf, type Value } from '../values/value.ts';

type Arithmetic = Extract<ChainOperator, '+' | '-' | '*' | '/' | '%'>;

const names: Readonly<Record<Arithmetic, string>> = { '+': 'add', '-': 'sub', '*': 'mul', '/': 'div', '%': 'rem' };

/** Elements of a list, or UTF-16 units of a string, that `+` may make. */
const maxLength = 64 * 1024 * 1024;

/** `+` of everything that has one (spec 04 §3.4). */
export function add(left: Value, right: Value, meter: Meter): Value {
  if (typeof left === 'number' && typeof right === 'number') return integers('+', left, right);
  const a = settle(left);
  const b = settle(right);
  if (typeof a === 'string' && typeof b === 'string') {
    const length = a.length + b.length;
    if (length > maxLength || !meter.spend(length / textPerUnit)) return tooLong;
    return a + b;
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length + b.length > maxLength || !meter.spend(a.length + b.length)) return tooLong;
    return [...a, ...b];
  }
  if (a instanceof Duration) {
    if (b instanceof Duration) return a.plus(b);
    if (b instanceof Timestamp) return b.plus(a);
  }
  if (a instanceof Timestamp && b instanceof Duration) return a.plus(b);
  return numbers('+', a, b);
}

/** `-` of numbers of one kind, durations and timestamps. */
export function subtract(left: Value, right: Value): Value {
  if (typeof left === 'number' && typeof right === 'number') return integers('-', left, right);
  if (left instanceof Duration && right instanceof Duration) return left.minus(right);
  if (left instanceof Timestamp) {
    if (right instanceof Duration) return left.minus(right);
    if (right instanceof Timestamp) return left.since(right);
  }
  return numbers('-', left, right);
}

/** `*`, `/` and `%` of numbers of one kind. */
export function scale(operator: '*' | '/' | '%', left: Value, right: Value): Value {
  return numbers(operator, left, right);
}

/** Unary minus of an int or a double. */
export function negate(value: Value): Value {
  if (typeof value === 'number') return 0 - value;
  if (typeof value === 'bigint') return toInt64(-value) ?? overflow('-', 0, value);
  if (value instanceof Double) return new Double(-value.value);
  return new CelError('unsupported', () => `Unsupported unary operator 'minus': ${displayed(value)}`);
}

const tooLong = new CelError('limit', 'Result of the operator + is too long');

function numbers(operator: Arithmetic, a: Value, b: Value): Value {
  if (isInteger(a) && isInteger(b)) return integers(operator, a, b);
  if (a instanceof Uint && b instanceof Uint) return uints(operator, a, b);
  if (a instanceof Double && b instanceof Double && operator !== '%') {
    return new Double(doubles(operator, a.value, b.value));
  }
  return new CelError(
    'unsupported',
    () => `Unsupported binary operator '${names[operator]}': ${typeNameOf(a)}, ${typeNameOf(b)}`,
  );
}

const isInteger = (value: Value): value is Integer => typeof value === 'number' || typeof value === 'bigint';

function integers(operator: Arithmetic, a: Integer, b: Integer): Value {
  if (typeof a === 'number' && typeof b === 'number') {
    // Below 2^53 a double's arithmetic is exact; what leaves that range is done again in full width.
    const result = safe(operator, a, b);
    // Adding 0 turns a negative zero, which no integer is, into zero.
    if (Number.isSafeInteger(result)) return result + 0;
  }
  // biome-ignore lint/suspicious/noDoubleEquals: compares number and bigint by value
  if (b == 0 && (operator === '/' || operator === '%')) return byZero(operator, a);
  return toInt64(wide(operator, BigInt(a), BigInt(b))) ?? overflow(operator, a, b);
}

function uints(operator: Arithmetic, left: Uint, right: Uint): Value {
  const a = left.value;
  const b = right.value;
  if (typeof a === 'number' && typeof b === 'number') {
    const result = safe(operator, a, b);
    if (Number.isSafeInteger(result) && result >= 0) return new Uint(result + 0);
  }
  // biome-ignore lint/suspicious/noDoubleEquals: compares number and bigint by value
  if (b == 0 && (operator === '/' || operator === '%')) return byZero(operator, a);
  return toUint64(wide(operator, BigInt(a), BigInt(b))) ?? overflow(operator, a, b);
}

function safe(operator: Arithmetic, a: number, b: number): number {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      // Exact too: a quotient of integers below 2^53 lies farther from the next integer than rounding moves it.
      return Math.trunc(a / b);
    case '%':
      return a % b;
  }
}

function wide(operator: Arithmetic, a: bigint, b: bigint): bigint {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return a % b;
  }
}

function doubles(operator: '+' | '-' | '*' | '/', a: number, b: number): number {
  return operator === '+' ? a + b : operator === '-' ? a - b : operator === '*' ? a * b : a / b;
}

function byZero(operator: '/' | '%', value: Integer): CelError {
  const what = operator === '/' ? 'Division' : 'Remainder';
  return new CelError('divide-by-zero', () => `${what} by zero of ${value}`);
}

function overflow(operator: Arithmetic, a: Integer, b: Integer): CelError {
  return new CelError('overflow', () => `Overflow from binary operator '${names[operator]}': ${a}, ${b}`);
}

/** The magnitude of an int as an int; an error for the least one, which has none. */
export function magnitude(value: Integer): Integer | CelError {
  if (typeof value === 'number') return Math.abs(value);
  return value >= 0n ? value : (toInt64(-value) ?? overflow('-', 0, canonical(value)));
}
