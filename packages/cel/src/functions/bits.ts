import { CelError, functionError, noSuchOverload } from '../values/error.ts';
import { canonical, Uint } from '../values/number.ts';
import type { Value } from '../values/value.ts';
import { type FunctionDefinition, type FunctionGroup, intOf, unexpectedType } from './definition.ts';

type Combine = (a: bigint, b: bigint) => bigint;

/** Bits of ints, uints and bytes (spec 04 §5.3). */
export const bitFunctions: FunctionGroup = {
  'math.bitAnd': binary('math.bitAnd', (a, b) => a & b),
  'math.bitOr': binary('math.bitOr', (a, b) => a | b),
  'math.bitXor': binary('math.bitXor', (a, b) => a ^ b),
  'math.bitNot': { min: 1, call: (_, value) => not(value) },
  'math.bitShiftLeft': shift('math.bitShiftLeft', (bits, by) => bits << by),
  'math.bitShiftRight': shift('math.bitShiftRight', (bits, by) => bits >> by),
};

/** Bytes that such an operation takes. */
const maxBytes = 32;

function binary(name: string, combine: Combine): FunctionDefinition {
  return {
    min: 2,
    call: (_, a, b): Value => {
      const [left, right] = [intOf(a), intOf(b)];
      if (left !== undefined && right !== undefined) {
        return canonical(BigInt.asIntN(64, combine(BigInt(left), BigInt(right))));
      }
      if (a instanceof Uint && b instanceof Uint) return new Uint(canonical(combine(BigInt(a.value), BigInt(b.value))));
      if (a instanceof Uint8Array || b instanceof Uint8Array) return combineBytes(name, a, b, combine);
      return noSuchOverload;
    },
  };
}

/** Aligned at the right; a number takes part as its eight bytes would, in as many as the other has. */
function combineBytes(name: string, a: Value, b: Value, combine: Combine): Value {
  const left = bits(name, a);
  if (left instanceof CelError) return left;
  const right = bits(name, b);
  if (right instanceof CelError) return right;
  const length = Math.max(a instanceof Uint8Array ? a.length : 0, b instanceof Uint8Array ? b.length : 0);
  const result = new Uint8Array(length);
  let rest = combine(left, right);
  for (let i = length - 1; i >= 0; i--) {
    result[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return result;
}

function bits(name: string, value: Value): bigint | CelError {
  if (value instanceof Uint) return BigInt(value.value);
  if (typeof value === 'number' || typeof value === 'bigint') {
    return value < 0 ? functionError(name, 'a negative int has no bits to combine with bytes') : BigInt(value);
  }
  if (!(value instanceof Uint8Array)) return unexpectedType(value, 'int, uint or bytes');
  if (value.length > maxBytes) return functionError(name, `bytes are longer than ${maxBytes}`);
  let all = 0n;
  for (const byte of value) all = (all << 8n) | BigInt(byte);
  return all;
}

function not(value: Value): Value {
  const int = intOf(value);
  if (int !== undefined) return canonical(~BigInt(int));
  if (value instanceof Uint) return new Uint(canonical(BigInt.asUintN(64, ~BigInt(value.value))));
  if (!(value instanceof Uint8Array)) return unexpectedType(value, 'int, uint or bytes');
  return value.length > maxBytes
    ? functionError('math.bitNot', `bytes are longer than ${maxBytes}`)
    : value.map((byte) => ~byte);
}

function shift(name: string, move: Combine): FunctionDefinition {
  return {
    min: 2,
    call: (_, value, by): Value => {
      const count = intOf(by);
      if (count === undefined) return unexpectedType(by, 'int');
      if (count < 0) return functionError(name, 'offset is negative');
      const int = intOf(value);
      if (int === undefined && !(value instanceof Uint)) return unexpectedType(value, 'int or uint');
      if (count >= 64) return int !== undefined ? 0 : new Uint(0);
      const moved = move(BigInt.asUintN(64, BigInt(int ?? (value as Uint).value)), BigInt(count));
      // Right shifts of an int are logical: its bits count, not its sign.
      return int !== undefined ? canonical(BigInt.asIntN(64, moved)) : new Uint(canonical(BigInt.asUintN(64, moved)));
    },
  };
}
