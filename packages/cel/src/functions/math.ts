import { magnitude } from '../operators/arithmetic.ts';
import { compare } from '../operators/compare.ts';
import { numberOf } from '../operators/equal.ts';
import { CelError, functionError } from '../values/error.ts';
import { Double, Uint } from '../values/number.ts';
import { typeNameOf, type Value } from '../values/value.ts';
import { type FunctionDefinition, type FunctionGroup, unexpectedType } from './definition.ts';

/** `math.` without the bits (spec 04 §5.3). */
export const mathFunctions: FunctionGroup = {
  'math.least': { min: 1, call: (_, ...values) => extreme('math.least', values, (order) => order < 0) },
  'math.greatest': { min: 1, call: (_, ...values) => extreme('math.greatest', values, (order) => order > 0) },
  'math.ceil': rounding('math.ceil', Math.ceil),
  'math.floor': rounding('math.floor', Math.floor),
  'math.round': rounding('math.round', roundHalfAway),
  'math.trunc': rounding('math.trunc', Math.trunc),
  'math.isInf': testing('math.isInf', (value) => Math.abs(value) === Number.POSITIVE_INFINITY),
  'math.isNaN': testing('math.isNaN', Number.isNaN),
  'math.isFinite': testing('math.isFinite', Number.isFinite),
  'math.abs': { min: 1, call: (_, value) => abs(value) },
  'math.sign': { min: 1, call: (_, value) => sign(value) },
  'math.sqrt': { min: 1, call: (_, value) => sqrt(value) },
};

function rounding(name: string, round: (value: number) => number): FunctionDefinition {
  return {
    min: 1,
    call: (_, value) => (value instanceof Double ? new Double(round(value.value)) : expectedDouble(name, value)),
  };
}

function testing(name: string, test: (value: number) => boolean): FunctionDefinition {
  return {
    min: 1,
    call: (_, value) => (value instanceof Double ? test(value.value) : expectedDouble(name, value)),
  };
}

function expectedDouble(name: string, value: Value): CelError {
  return functionError(name, () => `expected double, got ${typeNameOf(value)}`);
}

function roundHalfAway(value: number): number {
  if (!Number.isFinite(value)) return value;
  const whole = Math.trunc(value);
  return Math.abs(value - whole) >= 0.5 ? whole + Math.sign(value) : whole;
}

function extreme(name: string, values: readonly Value[], better: (order: number) => boolean): Value {
  const [only] = values;
  const all = values.length === 1 && Array.isArray(only) ? (only as readonly Value[]) : values;
  let best: Value | undefined;
  for (const value of all) {
    if (numberOf(value) === undefined) return functionError(name, () => `${typeNameOf(value)} is no number`);
    if (best === undefined) {
      best = value;
      continue;
    }
    const order = compare(value, best);
    if (order instanceof CelError) return order;
    if (better(order)) best = value;
  }
  return best === undefined ? functionError(name, 'the list is empty') : best;
}

function abs(value: Value): Value {
  if (typeof value === 'number' || typeof value === 'bigint') return magnitude(value);
  if (value instanceof Double) return new Double(Math.abs(value.value));
  return value instanceof Uint ? value : unexpectedType(value, 'int, uint or double');
}

function sign(value: Value): Value {
  if (typeof value === 'number') return Math.sign(value);
  if (typeof value === 'bigint') return value < 0n ? -1 : 1;
  if (value instanceof Uint) return new Uint(value.value > 0 ? 1 : 0);
  return value instanceof Double ? new Double(Math.sign(value.value)) : unexpectedType(value, 'int, uint or double');
}

function sqrt(value: Value): Value {
  const number = numberOf(value);
  return number === undefined ? unexpectedType(value, 'int, uint or double') : new Double(Math.sqrt(Number(number)));
}
