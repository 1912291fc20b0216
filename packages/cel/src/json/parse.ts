import { Double } from '../values/number.ts';

/** A number that `JSON.parse` would lose something of: a fraction of zero, an exponent, sixteen digits. */
const inexact = /\d(?:\.0*(?!\d)|[eE]|\d{15})/;

/**
 * Parses a text so that `fromJson` finds what was written: `1.0` is a double, an integer of 64 bits is exact. Texts without such numbers
 * take V8's fast path.
 *
 * @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  return inexact.test(text) ? JSON.parse(text, exact as (key: string, value: unknown) => unknown) : JSON.parse(text);
}

function exact(_key: string, value: unknown, context: { source: string }): unknown {
  if (typeof value !== 'number') return value;
  const { source } = context;
  if (/[.eE]/.test(source)) return new Double(value);
  return Number.isSafeInteger(value) ? value : BigInt(source);
}
