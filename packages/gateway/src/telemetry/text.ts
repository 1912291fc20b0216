/** Builders of log lines: what a line is made of, and nothing that allocates more than the line itself. */

/** A string as JSON, quotes included. */
export function jsonString(value: string): string {
  return `"${jsonContent(value)}"`;
}

/** What stands between the quotes of a string as JSON: mostly the string itself. */
export function jsonContent(value: string): string {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    // Quote, backslash, controls and surrogates are left to the engine: lone surrogates need an escape as well.
    if (code < 0x20 || code === 0x22 || code === 0x5c || (code >= 0xd800 && code <= 0xdfff)) {
      return JSON.stringify(value).slice(1, -1);
    }
  }
  return value;
}

/**
 * A string as it stands in a text line: bare, or as JSON where a bare one could be taken for something else or break the
 * line. Models and paths come from clients; none of them may forge a second key or a second line.
 */
export function plainString(value: string): string {
  if (value.length === 0) return '""';
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code <= 0x20 || (code >= 0x7f && code <= 0xa0) || code === 0x2028 || code === 0x2029)
      return lineSafeJson(value);
  }
  return value.charCodeAt(0) === 0x22 ? lineSafeJson(value) : value;
}

/** JSON that no terminal or line reader takes for a line break: the controls that JSON leaves alone are escaped too. */
export function lineSafeJson(value: string): string {
  return jsonString(value).replace(/[\x7f-\x9f\u2028\u2029]/g, unicodeEscape);
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A number without an exponent; `null` for what JSON cannot say. */
export function fixedNumber(value: number): string {
  const text = String(value);
  if (text.indexOf('e') < 0) return Number.isFinite(value) ? text : 'null';
  const negative = text.charCodeAt(0) === 0x2d;
  const [mantissa = '', exponent = '0'] = (negative ? text.slice(1) : text).split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  const sign = negative ? '-' : '';
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return `${sign}${digits}${'0'.repeat(point - digits.length)}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

let second = Number.NaN;
let secondText = '';

/** `YYYY-MM-DDTHH:MM:SS.ffffffZ` of milliseconds since the epoch. */
export function timestamp(epoch: number): string {
  const at = Math.floor(epoch / 1000);
  if (at !== second) {
    secondText = new Date(at * 1000).toISOString().slice(0, 20);
    second = at;
  }
  // A float of this size is a quarter of a microsecond off: rounding keeps it from becoming a whole one.
  const micros = Math.min(999_999, Math.round((epoch - at * 1000) * 1000));
  return `${secondText}${String(micros + 1_000_000).slice(1)}Z`;
}

/** Plain data as JSON has it; integers beyond 2^53 are a `bigint`. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [key: string]: Json };

/** Data as compact JSON, numbers without an exponent; `string` writes texts, quotes included. */
export function jsonText(value: Json, string: (text: string) => string): string {
  switch (typeof value) {
    case 'string':
      return string(value);
    case 'number':
      return fixedNumber(value);
    case 'boolean':
    case 'bigint':
      return String(value);
  }
  if (value === null) return 'null';
  if (isArray(value)) return `[${value.map((element) => jsonText(element, string)).join(',')}]`;
  const members = Object.entries(value).map(([key, member]) => `${string(key)}:${jsonText(member, string)}`);
  return `{${members.join(',')}}`;
}

/** `Array.isArray` does not see that an array may be read-only. */
function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
