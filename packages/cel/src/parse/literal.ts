import { canonical, Double, type Integer, int64Max, int64Min, Uint, uint64Max } from '../values/number.ts';
import { SyntaxFailure } from './syntax-error.ts';

/** The value of an integer literal; `negative` if a minus sign stands before it. */
export function readInt(text: string, negative: boolean, at: number): Integer {
  const magnitude = BigInt(text);
  const value = negative ? -magnitude : magnitude;
  if (value < int64Min || value > int64Max) throw new SyntaxFailure(`invalid int literal: ${text} is out of range`, at);
  return canonical(value);
}

/** The value of an unsigned literal, given without its `u`. */
export function readUint(text: string, at: number): Uint {
  const value = BigInt(text);
  if (value > uint64Max) throw new SyntaxFailure(`invalid uint literal: ${text}u is out of range`, at);
  return new Uint(canonical(value));
}

/** The value of a literal with a point or an exponent. */
export function readDouble(text: string, at: number): Double {
  const value = Number(text);
  if (!Number.isFinite(value)) throw new SyntaxFailure(`invalid double literal: ${text} is out of range`, at);
  return new Double(value);
}

const simpleEscapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '?': '?',
  '"': '"',
  "'": "'",
  '`': '`',
};

/** The text of a string literal: `body` is what stands between the quotes, at offset `at`. */
export function readString(body: string, raw: boolean, at: number): string {
  if (raw || !body.includes('\\')) return body;
  let text = '';
  for (const part of escapes(body, at)) text += typeof part === 'string' ? part : codePoint(part.code, part.at);
  return text;
}

/** The bytes of a bytes literal: characters as UTF-8, `\x` and octal escapes as the byte that they name. */
export function readBytes(body: string, raw: boolean, at: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const part of raw ? [body] : escapes(body, at)) {
    if (typeof part === 'string') parts.push(Buffer.from(part, 'utf8'));
    else if (part.unicode) throw new SyntaxFailure('\\u and \\U are not allowed in bytes', part.at);
    else parts.push(Uint8Array.of(part.code));
  }
  return new Uint8Array(Buffer.concat(parts));
}

interface Escape {
  readonly code: number;
  readonly unicode: boolean;
  readonly at: number;
}

function* escapes(body: string, at: number): Generator<string | Escape> {
  let index = 0;
  while (index < body.length) {
    const slash = body.indexOf('\\', index);
    if (slash < 0) {
      yield body.slice(index);
      return;
    }
    if (slash > index) yield body.slice(index, slash);
    const char = body[slash + 1] ?? '';
    const simple = Object.hasOwn(simpleEscapes, char) ? simpleEscapes[char] : undefined;
    if (simple !== undefined) {
      yield simple;
      index = slash + 2;
      continue;
    }
    const rest = body.slice(slash + 1, slash + 10);
    const found =
      /^[xX]([0-9a-fA-F]{2})/.exec(rest) ??
      /^u([0-9a-fA-F]{4})/.exec(rest) ??
      /^U([0-9a-fA-F]{8})/.exec(rest) ??
      /^([0-3][0-7]{2})/.exec(rest);
    if (found === null) throw new SyntaxFailure(`unknown escape sequence '\\${char}'`, at + slash);
    const octal = /^[0-7]/.test(rest);
    yield {
      code: Number.parseInt(found[1] as string, octal ? 8 : 16),
      unicode: /^[uU]/.test(rest),
      at: at + slash,
    };
    index = slash + 1 + found[0].length;
  }
}

function codePoint(code: number, at: number): string {
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
    throw new SyntaxFailure('escape sequence is no Unicode character', at);
  }
  return String.fromCodePoint(code);
}
