import { CelError, functionError } from '../values/error.ts';
import { type Meter, slowTextPerUnit, textPerUnit } from '../values/meter.ts';
import { settle, typeNameOf, type Value } from '../values/value.ts';
import { type FunctionDefinition, type FunctionGroup, natural, unexpectedType } from './definition.ts';

/** Longest text that a function makes, in UTF-16 units. */
const maxLength = 16 * 1024 * 1024;

/** The strings extension (spec 04 §5.2). Indices count Unicode characters, not bytes or UTF-16 units. */
export const stringFunctions: FunctionGroup = {
  charAt: method('charAt', 2, (_, text, index) => charAt(text, index)),
  indexOf: method('indexOf', 2, (_, text, part, from) => indexOf(text, part, from)),
  lastIndexOf: method('lastIndexOf', 2, (_, text, part, from) => lastIndexOf(text, part, from)),
  substring: method('substring', 2, (_, text, start, end) => substring(text, start, end)),
  replace: method('replace', 3, replace),
  split: method('split', 2, split),
  lowerAscii: method('lowerAscii', 1, (meter, text) =>
    slow(meter, text).replace(/[A-Z]+/g, (run) => run.toLowerCase()),
  ),
  upperAscii: method('upperAscii', 1, (meter, text) =>
    slow(meter, text).replace(/[a-z]+/g, (run) => run.toUpperCase()),
  ),
  trim: method('trim', 1, (_, text) => trim(text)),
  stripPrefix: method('stripPrefix', 2, (_, text, prefix) => {
    if (typeof prefix !== 'string') return unexpectedType(prefix, 'string');
    return text.startsWith(prefix) ? text.slice(prefix.length) : text;
  }),
  stripSuffix: method('stripSuffix', 2, (_, text, suffix) => {
    if (typeof suffix !== 'string') return unexpectedType(suffix, 'string');
    return text.endsWith(suffix) ? text.slice(0, text.length - suffix.length) : text;
  }),
  join: { min: 1, method: true, call: (host, list, separator) => join(list, separator, host) },
};

function method(
  name: string,
  min: number,
  call: (meter: Meter, text: string, ...args: Value[]) => Value,
): FunctionDefinition {
  return {
    min,
    method: true,
    call: (host, text, ...args) =>
      typeof text === 'string'
        ? call(host, text, ...args)
        : functionError(name, () => `receiver is a ${typeNameOf(text)}, not a string`),
  };
}

/** The text; an empty one if what a look at each character costs is not left. */
function slow(meter: Meter, text: string): string {
  return meter.spend(text.length / slowTextPerUnit) ? text : '';
}

/** Only such text has characters of two units, so that indices must be translated. */
function isWide(text: string): boolean {
  return /[\ud800-\udbff]/.test(text);
}

function lengthOf(text: string): number {
  if (!isWide(text)) return text.length;
  let length = 0;
  for (const _ of text) length++;
  return length;
}

/** The offset in UTF-16 units of the character at an index; the text's end if the index is beyond. */
function offsetOf(text: string, index: number): number {
  if (!isWide(text)) return Math.min(index, text.length);
  let offset = 0;
  for (let i = 0; i < index && offset < text.length; i++) {
    offset += (text.codePointAt(offset) as number) > 0xffff ? 2 : 1;
  }
  return offset;
}

function charAt(text: string, at: Value): Value {
  const index = natural('charAt', at);
  if (index instanceof CelError) return index;
  const offset = offsetOf(text, index);
  if (offset >= text.length) return functionError('charAt', () => `index ${index} is out of bounds`);
  return String.fromCodePoint(text.codePointAt(offset) as number);
}

function indexOf(text: string, part: Value, from?: Value): Value {
  if (typeof part !== 'string') return unexpectedType(part, 'string');
  const start = from === undefined ? 0 : natural('indexOf', from);
  if (start instanceof CelError) return start;
  if (part === '') return Math.min(start, lengthOf(text));
  const offset = offsetOf(text, start);
  const found = offset >= text.length ? -1 : text.indexOf(part, offset);
  return found < 0 ? -1 : lengthOf(text.slice(0, found));
}

function lastIndexOf(text: string, part: Value, from?: Value): Value {
  if (typeof part !== 'string') return unexpectedType(part, 'string');
  const start = from === undefined ? undefined : natural('lastIndexOf', from);
  if (start instanceof CelError) return start;
  const length = lengthOf(text);
  if (part === '') return Math.min(start ?? length, length);
  if (start !== undefined && start >= length) return -1;
  const found = text.lastIndexOf(part, start === undefined ? text.length : offsetOf(text, start));
  return found < 0 ? -1 : lengthOf(text.slice(0, found));
}

function substring(text: string, from: Value, to?: Value): Value {
  const start = natural('substring', from);
  if (start instanceof CelError) return start;
  const end = to === undefined ? Number.POSITIVE_INFINITY : natural('substring', to);
  if (end instanceof CelError) return end;
  if (end < start) return functionError('substring', () => `end ${end} lies before start ${start}`);
  if (offsetOf(text, start) === text.length && start > lengthOf(text)) {
    return functionError('substring', () => `start ${start} is out of bounds`);
  }
  return text.slice(offsetOf(text, start), offsetOf(text, end));
}

function replace(meter: Meter, text: string, from: Value, to: Value, limit?: Value): Value {
  if (typeof from !== 'string' || typeof to !== 'string') {
    return unexpectedType(typeof from !== 'string' ? from : to, 'string');
  }
  const most = count('replace', limit);
  if (most instanceof CelError) return most;
  // Counted first: an empty needle in a long text makes a result as long as their product.
  const places: number[] = [];
  const characters = from === '' ? boundaries(text) : occurrences(text, from);
  for (const place of characters) {
    if (places.length >= most || !meter.spend(1)) break;
    places.push(place);
  }
  const length = text.length + places.length * (to.length - from.length);
  if (length > maxLength || !meter.spend(length / textPerUnit)) return functionError('replace', 'result is too long');
  const parts: string[] = [];
  let at = 0;
  for (const place of places) {
    parts.push(text.slice(at, place));
    at = place + from.length;
  }
  parts.push(text.slice(at));
  return parts.join(to);
}

function* occurrences(text: string, part: string): Generator<number> {
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) yield at;
}

/** Before each character and at the end. */
function* boundaries(text: string): Generator<number> {
  for (let at = 0; at < text.length; at += (text.codePointAt(at) as number) > 0xffff ? 2 : 1) yield at;
  yield text.length;
}

function split(meter: Meter, text: string, separator: Value, limit?: Value): Value {
  if (typeof separator !== 'string') return unexpectedType(separator, 'string');
  const most = count('split', limit);
  if (most instanceof CelError) return most;
  if (most === 0) return [];
  const parts: string[] = [];
  let at = 0;
  for (const place of separator === '' ? boundaries(text) : occurrences(text, separator)) {
    if (parts.length + 1 >= most || !meter.spend(1)) break;
    parts.push(text.slice(at, place));
    at = place + separator.length;
  }
  parts.push(text.slice(at));
  return parts;
}

/** How often at most; a negative number is no limit. */
function count(name: string, limit: Value | undefined): number | CelError {
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  if (typeof limit === 'number' && limit < 0) return Number.POSITIVE_INFINITY;
  return natural(name, limit);
}

function join(list: Value, separator: Value | undefined, meter: Meter): Value {
  if (!Array.isArray(list)) return functionError('join', () => `receiver is a ${typeNameOf(list)}, not a list`);
  if (separator !== undefined && typeof separator !== 'string') return unexpectedType(separator, 'string');
  const texts: string[] = [];
  let length = 0;
  for (const one of list as readonly Value[]) {
    const element = settle(one);
    if (typeof element !== 'string') {
      return functionError('join', () => `list holds a ${typeNameOf(element)}, not only strings`);
    }
    texts.push(element);
    length += element.length + (separator?.length ?? 0);
  }
  if (length > maxLength || !meter.spend(length / textPerUnit)) return functionError('join', 'result is too long');
  return texts.join(separator ?? '');
}

/** Unicode white space, which is not quite what `String.prototype.trim` takes. */
function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return (
    code === 0x20 ||
    (code >= 0x09 && code <= 0x0d) ||
    code === 0x85 ||
    code === 0xa0 ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  );
}
