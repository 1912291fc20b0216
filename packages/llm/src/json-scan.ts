import { isUtf8 } from 'node:buffer';

/** Bytes of a value (or of anything) inside a buffer: from `start` up to, not including, `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The text is no JSON object. */
export class JsonScanError extends Error {
  override readonly name = 'JsonScanError';
  /** Byte at which it stops being one. */
  readonly position: number;
  constructor(message: string, position: number) {
    super(`${message} at byte ${position}`);
    this.position = position;
  }
}

export type JsonKind = 'string' | 'number' | 'boolean' | 'null' | 'object' | 'array';

/** Slots of one member in {@link JsonObject.members}. */
const SLOTS = 4;

/**
 * Where the members of a top-level JSON object lie in its bytes. Nothing of the values was decoded; all of the text was
 * checked, so that what was scanned once can be sent on without a second look.
 */
export class JsonObject {
  readonly bytes: Buffer;
  /** Position behind the opening brace: where a first member would go. */
  readonly inside: number;
  /** `[key start, key end, value start, value end, …]`, keys with their quotes, in the order of the text. */
  readonly members: readonly number[];
  readonly #names: readonly string[];

  constructor(bytes: Buffer, inside: number, names: readonly string[], members: readonly number[]) {
    this.bytes = bytes;
    this.inside = inside;
    this.#names = names;
    this.members = members;
  }

  /** Number of members, repeated names counted each time. */
  get size(): number {
    return this.#names.length;
  }

  /** Decoded name of a member. */
  nameAt(index: number): string {
    return this.#names[index] as string;
  }

  /** The key with its quotes. */
  keyAt(index: number): Span {
    const at = index * SLOTS;
    return { start: this.members[at] as number, end: this.members[at + 1] as number };
  }

  valueAt(index: number): Span {
    const at = index * SLOTS;
    return { start: this.members[at + 2] as number, end: this.members[at + 3] as number };
  }

  /** How often a field is there. */
  count(name: string): number {
    let count = 0;
    for (const other of this.#names) if (other === name) count++;
    return count;
  }

  /** The value of a field; of a repeated one the last, as `JSON.parse` has it. */
  get(name: string): Span | undefined {
    const index = this.#names.lastIndexOf(name);
    return index < 0 ? undefined : this.valueAt(index);
  }

  /** What kind of value a field has; undefined if there is no such field. */
  kind(name: string): JsonKind | undefined {
    const span = this.get(name);
    if (span === undefined) return undefined;
    switch (this.bytes[span.start]) {
      case 0x22:
        return 'string';
      case 0x7b:
        return 'object';
      case 0x5b:
        return 'array';
      case 0x74:
      case 0x66:
        return 'boolean';
      case 0x6e:
        return 'null';
      default:
        return 'number';
    }
  }

  /** Decodes one field; undefined if there is no such field. */
  value(name: string): unknown {
    const span = this.get(name);
    return span === undefined ? undefined : (JSON.parse(this.bytes.toString('utf8', span.start, span.end)) as unknown);
  }
}

/**
 * Finds the members of a JSON object without building it: for bodies of megabytes of which three fields are of interest.
 * Accepts what `JSON.parse` accepts (RFC 8259), plus the rule that the bytes are UTF-8.
 *
 * @throws JsonScanError if the text is not JSON, not UTF-8, or JSON but no object.
 */
export function scanObject(bytes: Buffer): JsonObject {
  if (!isUtf8(bytes)) throw new JsonScanError('invalid UTF-8', invalidUtf8At(bytes));
  let at = skipSpace(bytes, 0);
  if (bytes[at] !== 0x7b) {
    if (at < bytes.length) expectEnd(bytes, skipValue(bytes, at));
    throw new JsonScanError(at < bytes.length ? 'not an object' : 'unexpected end of JSON', at);
  }
  const inside = at + 1;
  const names: string[] = [];
  const members: number[] = [];
  at = skipSpace(bytes, inside);
  if (bytes[at] === 0x7d) {
    expectEnd(bytes, at + 1);
    return new JsonObject(bytes, inside, names, members);
  }
  for (;;) {
    const keyStart = at;
    if (bytes[at] !== 0x22) fail(bytes, at, 'expected a field name');
    const keyEnd = skipString(bytes, at);
    at = skipSpace(bytes, keyEnd);
    if (bytes[at] !== 0x3a) fail(bytes, at, "expected ':'");
    const start = skipSpace(bytes, at + 1);
    const end = skipValue(bytes, start);
    names.push(decodeKey(bytes, keyStart, keyEnd));
    members.push(keyStart, keyEnd, start, end);
    at = skipSpace(bytes, end);
    if (bytes[at] === 0x7d) break;
    if (bytes[at] !== 0x2c) fail(bytes, at, "expected ',' or '}'");
    at = skipSpace(bytes, at + 1);
  }
  expectEnd(bytes, at + 1);
  return new JsonObject(bytes, inside, names, members);
}

function decodeKey(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start + 1, end - 1);
  return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text;
}

function fail(bytes: Buffer, at: number, message: string): never {
  throw new JsonScanError(at >= bytes.length ? 'unexpected end of JSON' : message, at);
}

function expectEnd(bytes: Buffer, from: number): void {
  const at = skipSpace(bytes, from);
  if (at < bytes.length) throw new JsonScanError('unexpected text behind the JSON value', at);
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  for (;;) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at++;
  }
}

/** Goes over one value of any kind and gives the position behind it. Nested ones are walked without recursion. */
function skipValue(bytes: Buffer, from: number): number {
  let at = skipSpace(bytes, from);
  const first = bytes[at];
  if (first !== 0x7b && first !== 0x5b) return skipScalar(bytes, at);

  // One entry per open bracket, true for an object: the depth is the client's choice, the call stack is not.
  const open: boolean[] = [];
  let expectValue = true;
  for (;;) {
    if (expectValue) {
      const byte = bytes[at];
      if (byte === 0x7b) {
        at = skipSpace(bytes, at + 1);
        if (bytes[at] === 0x7d) at++;
        else {
          open.push(true);
          at = skipKey(bytes, at);
          continue;
        }
      } else if (byte === 0x5b) {
        at = skipSpace(bytes, at + 1);
        if (bytes[at] === 0x5d) at++;
        else {
          open.push(false);
          continue;
        }
      } else at = skipScalar(bytes, at);
      expectValue = false;
    }
    if (open.length === 0) return at;
    at = skipSpace(bytes, at);
    const inObject = open[open.length - 1] as boolean;
    const byte = bytes[at];
    if (byte === 0x2c) {
      at = skipSpace(bytes, at + 1);
      if (inObject) at = skipKey(bytes, at);
      expectValue = true;
    } else if (byte === (inObject ? 0x7d : 0x5d)) {
      at++;
      open.pop();
    } else fail(bytes, at, inObject ? "expected ',' or '}'" : "expected ',' or ']'");
  }
}

function skipKey(bytes: Buffer, from: number): number {
  if (bytes[from] !== 0x22) fail(bytes, from, 'expected a field name');
  const at = skipSpace(bytes, skipString(bytes, from));
  if (bytes[at] !== 0x3a) fail(bytes, at, "expected ':'");
  return skipSpace(bytes, at + 1);
}

function skipScalar(bytes: Buffer, at: number): number {
  switch (bytes[at]) {
    case 0x22:
      return skipString(bytes, at);
    case 0x74:
      return skipWord(bytes, at, 'true');
    case 0x66:
      return skipWord(bytes, at, 'false');
    case 0x6e:
      return skipWord(bytes, at, 'null');
    default:
      return skipNumber(bytes, at);
  }
}

function skipWord(bytes: Buffer, from: number, word: string): number {
  for (let i = 1; i < word.length; i++) {
    if (bytes[from + i] !== word.charCodeAt(i)) fail(bytes, from + i, `expected '${word}'`);
  }
  return from + word.length;
}

/** Bytes of a string after which it pays to look at four at a time. */
const LONG = 64;

function skipString(bytes: Buffer, from: number): number {
  const end = Math.min(bytes.length, from + LONG);
  let at = from + 1;
  while (at < end) {
    const byte = bytes[at] as number;
    if (byte === 0x22) return at + 1;
    if (byte < 0x20) fail(bytes, at, 'control character in a string');
    at = byte === 0x5c ? skipEscape(bytes, at) : at + 1;
  }
  return at >= bytes.length ? fail(bytes, bytes.length, 'unterminated string') : skipLongString(bytes, at);
}

const HIGH_BITS = 0x80808080 | 0;

/** The same from the middle of a string: texts are most of a body, and most of a text is nothing special. */
function skipLongString(bytes: Buffer, from: number): number {
  const length = bytes.length;
  // Four bytes lie on a word's border where `at` and `offset` agree in their last two bits.
  const offset = -bytes.byteOffset & 3;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + offset, Math.max(0, length - offset) >> 2);
  let at = from;
  while (at < length) {
    if (((at - offset) & 3) === 0 && at >= offset) {
      let index = (at - offset) >> 2;
      while (index < words.length) {
        const word = words[index] as number;
        const quote = word ^ 0x22222222;
        const backslash = word ^ 0x5c5c5c5c;
        // Per byte, the high bit of `(x - n) & ~x` tells that x is less than n: the one next to it may borrow, which only
        // means that four bytes are looked at one by one.
        const special =
          ((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash) | ((word - 0x20202020) & ~word);
        if ((special & HIGH_BITS) !== 0) break;
        index++;
      }
      at = offset + (index << 2);
      if (at >= length) break;
    }
    const byte = bytes[at] as number;
    if (byte === 0x22) return at + 1;
    if (byte < 0x20) fail(bytes, at, 'control character in a string');
    at = byte === 0x5c ? skipEscape(bytes, at) : at + 1;
  }
  return fail(bytes, length, 'unterminated string');
}

function skipEscape(bytes: Buffer, from: number): number {
  switch (bytes[from + 1]) {
    case 0x22:
    case 0x5c:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return from + 2;
    case 0x75:
      for (let at = from + 2; at < from + 6; at++) if (!isHex(bytes[at])) fail(bytes, at, 'bad unicode escape');
      return from + 6;
    default:
      return fail(bytes, from + 1, 'bad escape');
  }
}

function isHex(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const lower = byte | 0x20;
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66);
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function skipDigits(bytes: Buffer, from: number): number {
  let at = from;
  while (isDigit(bytes[at])) at++;
  if (at === from) fail(bytes, at, from === 0 ? 'expected a value' : 'unexpected character');
  return at;
}

function skipNumber(bytes: Buffer, from: number): number {
  let at = bytes[from] === 0x2d ? from + 1 : from;
  at = bytes[at] === 0x30 ? at + 1 : skipDigits(bytes, at);
  if (bytes[at] === 0x2e) at = skipDigits(bytes, at + 1);
  const exponent = bytes[at];
  if (exponent === 0x65 || exponent === 0x45) {
    const sign = bytes[at + 1];
    at = skipDigits(bytes, sign === 0x2b || sign === 0x2d ? at + 2 : at + 1);
  }
  return at;
}

/** Slow, for the message only: bytes that are no UTF-8 decode to U+FFFD, which may also stand there in its own right. */
function invalidUtf8At(bytes: Buffer): number {
  const text = bytes.toString('utf8');
  let at = 0;
  let from = 0;
  for (;;) {
    const mark = text.indexOf('\ufffd', from);
    if (mark < 0) return at;
    at += Buffer.byteLength(text.slice(from, mark));
    if (bytes[at] !== 0xef || bytes[at + 1] !== 0xbf || bytes[at + 2] !== 0xbd) return at;
    at += 3;
    from = mark + 1;
  }
}
