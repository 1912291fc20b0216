import type { Value } from '../values/value.ts';
import { readBytes, readDouble, readString, readUint } from './literal.ts';
import { SyntaxFailure } from './syntax-error.ts';

/** A piece of the source. An int stays text, because only the parser knows whether a minus sign belongs to it. */
export type Token =
  | { readonly kind: 'identifier' | 'quoted' | 'int'; readonly text: string; readonly at: number; readonly end: number }
  | {
      readonly kind: 'literal';
      readonly text: string;
      readonly value: Value;
      readonly at: number;
      readonly end: number;
    }
  | { readonly kind: 'symbol' | 'end'; readonly text: string; readonly at: number; readonly end: number };

const space = /(?:[\t\n\f\r ]|\/\/[^\n]*)*/y;
const identifier = /[A-Za-z_][A-Za-z0-9_]*/y;
const quoted = /`([A-Za-z0-9_.\-/ ]+)`/y;
const number = /0x([0-9A-Fa-f]+)([uU]?)|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?([uU]?)/y;
const stringStart = /([bB]?)([rR]?)("""|'''|"|')/y;
const symbol = /&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()[\]{}]/y;

/**
 * Cuts the source into tokens; the last one is of kind `end`.
 *
 * @throws SyntaxFailure
 */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(source);
  };
  for (;;) {
    at += match(space)?.[0].length ?? 0;
    if (at >= source.length) {
      tokens.push({ kind: 'end', text: '', at: source.length, end: source.length });
      return tokens;
    }
    const token = next(source, at, match);
    tokens.push(token);
    at = token.end;
  }
}

function next(source: string, at: number, match: (pattern: RegExp) => RegExpExecArray | null): Token {
  const start = match(stringStart);
  if (start !== null) return text(source, at, start);
  const name = match(identifier);
  if (name !== null) return { kind: 'identifier', text: name[0], at, end: at + name[0].length };
  const digits = match(number);
  if (digits !== null) return numeral(digits, at);
  const escaped = match(quoted);
  if (escaped !== null) return { kind: 'quoted', text: escaped[1] as string, at, end: at + escaped[0].length };
  const sign = match(symbol);
  if (sign !== null) return { kind: 'symbol', text: sign[0], at, end: at + sign[0].length };
  const char = String.fromCodePoint(source.codePointAt(at) as number);
  throw new SyntaxFailure(`Syntax error: unexpected character ${JSON.stringify(char)}`, at);
}

function numeral(found: RegExpExecArray, at: number): Token {
  const all = found[0];
  const end = at + all.length;
  const unsigned = (found[2] ?? '') !== '' || (found[3] ?? '') !== '';
  const digits = unsigned ? all.slice(0, -1) : all;
  const whole = found[1] !== undefined || /^\d+$/.test(digits);
  if (unsigned) {
    if (!whole) throw new SyntaxFailure(`Syntax error: ${all} is no number`, at);
    return { kind: 'literal', text: all, value: readUint(digits, at), at, end };
  }
  if (whole) return { kind: 'int', text: digits, at, end };
  return { kind: 'literal', text: all, value: readDouble(digits, at), at, end };
}

function text(source: string, at: number, start: RegExpExecArray): Token {
  const [prefix, bytes, raw = '', quote = ''] = start;
  const from = at + prefix.length;
  let end = from;
  for (;;) {
    if (end >= source.length || (quote.length === 1 && (source[end] === '\n' || source[end] === '\r'))) {
      throw new SyntaxFailure('Syntax error: string is not closed', at);
    }
    if (source.startsWith(quote, end)) break;
    end += source[end] === '\\' && raw === '' ? 2 : 1;
  }
  const body = source.slice(from, end);
  const value = bytes === '' ? readString(body, raw !== '', from) : readBytes(body, raw !== '', from);
  return { kind: 'literal', text: source.slice(at, end + quote.length), value, at, end: end + quote.length };
}
