import { Headers } from '../headers.ts';
import { CHARACTERS, consistsOf, isAuthority, isToken, TOKEN, UPPER, VALUE } from './characters.ts';
import { MalformedMessage, UnwritableMessage } from './errors.ts';

const CR = 13;
const LF = 10;
const COLON = 58;
const SPACE = 32;
const TAB = 9;

/** What a head says about the message's framing and the connection (RFC 9112 §6, §9). Reused from head to head. */
export class Framing {
  /** Bytes, or -1 where the head has no `content-length`. */
  contentLength = -1;
  chunked = false;
  /** Lines of `transfer-encoding`; a coding other than `chunked` alone is refused where it is not ignored. */
  codings = 0;
  /** Lines of `host`. */
  hosts = 0;
  host = '';
  close = false;
  keepAlive = false;
  /** `connection: upgrade`, whether or not there is an `upgrade` field. */
  upgrade = false;
  /** The expectation in lower case, or empty. */
  expect = '';

  reset(): void {
    this.contentLength = -1;
    this.chunked = false;
    this.codings = 0;
    this.hosts = 0;
    this.host = '';
    this.close = false;
    this.keepAlive = false;
    this.upgrade = false;
    this.expect = '';
  }
}

/**
 * Reads field lines from `from` to the end of `text`, each with its CRLF (RFC 9112 §5), and notes in `framing` what they
 * say about it.
 *
 * @throws MalformedMessage 400 for what is not a field line, 431 for more than `maxHeaders` of them.
 */
export function parseFields(
  text: string,
  from: number,
  maxHeaders: number,
  keepSpelling: boolean,
  framing: Framing,
): Headers {
  const fields: string[] = [];
  const spelling: string[] | null = keepSpelling ? [] : null;
  const size = text.length;
  let at = from;
  let count = 0;
  while (at < size) {
    const start = at;
    let flags = 0;
    let code = 0;
    for (; at < size; at++) {
      code = text.charCodeAt(at);
      const kind = CHARACTERS[code] as number;
      if ((kind & TOKEN) === 0) break;
      flags |= kind;
    }
    if (code !== COLON || at === start || at === size) throw badName(code, at === start);
    if (++count > maxHeaders) throw new MalformedMessage(431, 'too many header fields');
    const nameEnd = at;

    let valueStart = ++at;
    let valueEnd = valueStart;
    for (; at < size; at++) {
      code = text.charCodeAt(at);
      if (((CHARACTERS[code] as number) & VALUE) === 0) break;
      if (code === SPACE || code === TAB) {
        if (valueEnd === valueStart) valueEnd = valueStart = at + 1;
      } else valueEnd = at + 1;
    }
    if (code !== CR || text.charCodeAt(at + 1) !== LF) throw new MalformedMessage(400, 'invalid header value');
    at += 2;

    const received = text.slice(start, nameEnd);
    const name = (flags & UPPER) === 0 ? received : received.toLowerCase();
    const value = text.slice(valueStart, valueEnd);
    fields.push(name, value);
    if (spelling !== null) spelling.push(received);
    note(framing, name, value);
  }
  return new Headers(fields, spelling);
}

function badName(code: number, first: boolean): MalformedMessage {
  if (code === SPACE || code === TAB) {
    return new MalformedMessage(400, first ? 'obsolete line folding' : 'white space in header name');
  }
  return new MalformedMessage(400, first && code === COLON ? 'empty header name' : 'invalid header name');
}

function note(framing: Framing, name: string, value: string): void {
  switch (name.length) {
    case 4:
      if (name === 'host') {
        framing.hosts++;
        framing.host = value;
      }
      return;
    case 6:
      if (name === 'expect') framing.expect = framing.expect === '' ? value.toLowerCase() : 'repeated';
      return;
    case 10:
      if (name === 'connection') noteConnection(framing, value);
      return;
    case 14:
      if (name === 'content-length') {
        if (framing.contentLength >= 0) throw new MalformedMessage(400, 'repeated content-length');
        framing.contentLength = parseLength(value);
      }
      return;
    case 17:
      if (name === 'transfer-encoding') {
        framing.codings++;
        if (value.toLowerCase() === 'chunked') framing.chunked = true;
      }
      return;
    default:
  }
}

function noteConnection(framing: Framing, value: string): void {
  for (let at = 0; at <= value.length; ) {
    let end = value.indexOf(',', at);
    if (end < 0) end = value.length;
    const option = value.slice(at, end).trim().toLowerCase();
    if (option === 'close') framing.close = true;
    else if (option === 'keep-alive') framing.keepAlive = true;
    else if (option === 'upgrade') framing.upgrade = true;
    at = end + 1;
  }
}

function parseLength(value: string): number {
  let length = 0;
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) throw new MalformedMessage(400, 'invalid content-length');
    length = length * 10 + digit;
    if (length > Number.MAX_SAFE_INTEGER) throw new MalformedMessage(400, 'content-length too large');
  }
  if (value.length === 0) throw new MalformedMessage(400, 'invalid content-length');
  return length;
}

/**
 * Decides between `content-length` and `transfer-encoding` (RFC 9112 §6.3): both together, a repeated or unknown coding, and
 * codings in HTTP/1.0 are refused.
 *
 * @throws MalformedMessage 400, or 501 for a coding that is not known.
 */
export function checkFraming(framing: Framing, minor: number): void {
  if (framing.codings === 0) return;
  if (minor === 0) throw new MalformedMessage(400, 'transfer-encoding in HTTP/1.0');
  if (framing.contentLength >= 0) throw new MalformedMessage(400, 'transfer-encoding with content-length');
  if (framing.codings > 1) throw new MalformedMessage(400, 'repeated transfer-encoding');
  if (!framing.chunked) throw new MalformedMessage(501, 'unsupported transfer-encoding');
}

/** @throws MalformedMessage 400 if `host` is repeated or has characters that no host has; an empty one is allowed. */
export function checkHost(framing: Framing): void {
  if (framing.hosts > 1) throw new MalformedMessage(400, 'repeated host');
  if (framing.host !== '' && !isAuthority(framing.host)) throw new MalformedMessage(400, 'invalid host');
}

/** Fields that would change framing, routing or the connection after the fact (RFC 9110 §6.5.1). */
const NOT_IN_TRAILERS: ReadonlySet<string> = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const trailerFraming = new Framing();

/**
 * Reads a trailer section without its closing empty line.
 *
 * @throws MalformedMessage as {@link parseFields}, and 400 for fields that must not stand there.
 */
export function parseTrailers(text: string, maxHeaders: number, keepSpelling: boolean): Headers {
  trailerFraming.reset();
  const trailers = parseFields(text, 0, maxHeaders, keepSpelling, trailerFraming);
  for (let i = 0; i < trailers.length; i++) {
    if (NOT_IN_TRAILERS.has(trailers.nameAt(i))) {
      throw new MalformedMessage(400, `${trailers.nameAt(i)} in trailers`);
    }
  }
  return trailers;
}

/**
 * One field line with its CRLF.
 *
 * @throws UnwritableMessage if the name is no token, or the value has control characters or characters beyond latin1,
 * which would lose their upper byte on the way and could become a line end.
 */
export function fieldLine(name: string, value: string): string {
  if (!isToken(name)) throw new UnwritableMessage('invalid header name');
  if (!consistsOf(value, VALUE)) throw new UnwritableMessage(`invalid value of header ${name}`);
  return `${name}: ${value}\r\n`;
}

/** Trailers as field lines, without the fields that must not stand there. @throws UnwritableMessage as {@link fieldLine}. */
export function trailerLines(trailers: Headers): string {
  let lines = '';
  for (let i = 0; i < trailers.length; i++) {
    if (!NOT_IN_TRAILERS.has(trailers.nameAt(i))) lines += fieldLine(trailers.spellingAt(i), trailers.valueAt(i));
  }
  return lines;
}

/** Fields that the writer makes itself, or that belong to one connection only. */
export function isFramingField(name: string): boolean {
  switch (name.length) {
    case 10:
      return name === 'keep-alive' || name === 'connection';
    case 14:
      return name === 'content-length';
    case 16:
      return name === 'proxy-connection';
    case 17:
      return name === 'transfer-encoding';
    default:
      return false;
  }
}
