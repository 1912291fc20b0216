import { CelError } from './error.ts';
import { Double, Uint } from './number.ts';
import { Duration, Timestamp } from './time.ts';
import { Text, typeNameOf, type Value } from './value.ts';

const maxShown = 64;

/** A value as an error message shows it: short, secrets never. */
export function displayed(value: Value): string {
  if (typeof value === 'string') return shortened(JSON.stringify(value));
  if (value === null || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'bigint') {
    return String(value);
  }
  if (value instanceof Uint || value instanceof Double) return String(value.value);
  if (value instanceof Text) return displayed(value.text);
  if (value instanceof Duration || value instanceof Timestamp) return value.toString();
  if (value instanceof CelError) return value.message;
  return typeNameOf(value);
}

function shortened(text: string): string {
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
}
