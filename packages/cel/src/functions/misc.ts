import { numberOf } from '../operators/equal.ts';
import { displayed } from '../values/display.ts';
import { CelError } from '../values/error.ts';
import { Double } from '../values/number.ts';
import { Optional } from '../values/optional.ts';
import { Fields, type Value } from '../values/value.ts';
import type { FunctionGroup } from './definition.ts';

/** Chance, failure, optional values (spec 04 §5.5, §3.5 D6). */
export const miscFunctions: FunctionGroup = {
  fail: {
    min: 1,
    call: (_, message) =>
      new CelError('function', () => `fail() called: ${typeof message === 'string' ? message : displayed(message)}`),
  },
  random: { min: 0, impure: true, call: ({ sources }) => new Double(sources.random()) },
  uuid: { min: 0, impure: true, call: ({ sources }) => sources.uuid() },
  'optional.of': { min: 1, call: (_, value) => new Optional(value) },
  'optional.none': { min: 0, call: () => new Optional(undefined) },
  'optional.ofNonZeroValue': { min: 1, call: (_, value) => new Optional(isZero(value) ? undefined : value) },
};

function isZero(value: Value): boolean {
  if (value === null || value === false || value === '' || numberOf(value) === 0) return true;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  return value instanceof Fields && value.size === 0;
}
