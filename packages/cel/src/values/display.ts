import { CelError } from './error.ts';
import { Double, Uint } from './number.ts';
import { Duration, Timestamp } from './time.ts';
import { Text, typeNameOf, type Value } from './value.ts';

/**
 * A value as an error message shows it. Never the content of a string: it may be a header or a credential that an expression took
 * apart, and messages end in logs.
 */
export function displayed(value: Value): string {
  if (typeof value === 'string' || value instanceof Text) return 'string';
  if (value === null || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'bigint') {
    return String(value);
  }
  if (value instanceof Uint || value instanceof Double) return String(value.value);
  if (value instanceof Duration || value instanceof Timestamp) return value.toString();
  if (value instanceof CelError) return value.message;
  return typeNameOf(value);
}
