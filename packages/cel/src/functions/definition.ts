import type { Host } from '../compile/evaluation.ts';
import { CelError, functionError } from '../values/error.ts';
import type { Integer } from '../values/number.ts';
import { Uint } from '../values/number.ts';
import { typeNameOf, type Value } from '../values/value.ts';

/**
 * A function of the table. The receiver of `x.f(y)` is its first argument, so that `f(x, y)` is the same function. Arguments are
 * never errors and never `Text`; missing ones are refused before the call, further ones are ignored.
 */
export interface FunctionDefinition {
  /** Arguments that it needs, the receiver included. */
  readonly min: number;
  /** True if it must be called as a method. */
  readonly method?: true;
  /** True if two calls with the same arguments may differ. */
  readonly impure?: true;
  readonly call: (host: Host, ...args: Value[]) => Value;
}

/** A group of functions by name; `math.least` has its qualifier in the name. */
export type FunctionGroup = Readonly<Record<string, FunctionDefinition>>;

/** `Unexpected type: got 'G', want 'W'`. */
export function unexpectedType(value: Value | undefined, want: string): CelError {
  return new CelError(
    'type',
    () => `Unexpected type: got '${value === undefined ? 'nothing' : typeNameOf(value)}', want '${want}'`,
  );
}

/** An int or uint as an index or count; an error if it is neither, negative, or no safe integer. */
export function natural(name: string, value: Value): number | CelError {
  const number = value instanceof Uint ? value.value : value;
  if (typeof number === 'number') {
    return number >= 0 ? number : functionError(name, `${number} is negative`);
  }
  return typeof number === 'bigint' ? functionError(name, 'number out of range') : unexpectedType(value, 'int');
}

/** An int; undefined for every other kind. */
export function intOf(value: Value | undefined): Integer | undefined {
  return typeof value === 'number' || typeof value === 'bigint' ? value : undefined;
}

/** The bytes of a string (as UTF-8) or of bytes; null for everything else. */
export function bytesOf(value: Value): Uint8Array | null {
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  return value instanceof Uint8Array ? value : null;
}
