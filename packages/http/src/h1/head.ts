import { Headers } from '../headers.ts';
import { CHARACTERS, isAuthority, isToken, TARGET } from './characters.ts';
import { MalformedMessage } from './errors.ts';
import { checkFraming, checkHost, Framing, parseFields } from './fields.ts';

const NO_HEADERS = new Headers();

/** How much of a head is accepted, and what is kept of it. */
export interface HeadLimits {
  /** Field lines; more is 431. */
  readonly maxHeaders: number;
  /** Bytes from the start line to the empty line; more is 431. */
  readonly maxHeadBytes: number;
  /** Keeps the spelling of field names beside their lower case. */
  readonly preserveHeaderCase: boolean;
}

/** The head of a request (RFC 9112 §3). One object per connection; each `parse` overwrites what was there. */
export class RequestHead {
  readonly framing: Framing = new Framing();
  method = '';
  /** `http`, `https`, or empty where the target does not say. */
  scheme = '';
  authority = '';
  path = '';
  /** 0 for HTTP/1.0, 1 for HTTP/1.1. */
  minor = 1;
  headers: Headers = NO_HEADERS;

  /**
   * @param text From the request line to the CRLF of the last field line, as latin1.
   * @throws MalformedMessage 400, 431, 501 (transfer coding) or 505 (version).
   */
  parse(text: string, limits: HeadLimits): void {
    this.#requestLine(text);
    const { framing } = this;
    framing.reset();
    this.headers = parseFields(text, text.indexOf('\r\n') + 2, limits.maxHeaders, limits.preserveHeaderCase, framing);
    checkFraming(framing, this.minor);
    checkHost(framing);
    // The target's authority overrules Host (RFC 9112 §3.2.2); nobody behind us may see two opinions.
    if (this.authority !== '' && framing.hosts > 0) this.headers.delete('host');
  }

  #requestLine(text: string): void {
    const end = text.indexOf('\r\n');
    const space = text.indexOf(' ');
    if (space <= 0 || space > end) throw new MalformedMessage(400, 'invalid request line');
    const method = text.slice(0, space);
    if (!isToken(method)) throw new MalformedMessage(400, 'invalid method');
    let at = space + 1;
    for (; at < end; at++) {
      const code = text.charCodeAt(at);
      if (((CHARACTERS[code] as number) & TARGET) === 0) break;
    }
    const target = text.slice(space + 1, at);
    if (text.charCodeAt(at) !== 32 || target === '') throw new MalformedMessage(400, 'invalid request target');
    this.minor = parseVersion(text, at + 1, end);
    this.method = method;
    this.scheme = '';
    this.authority = '';
    if (method === 'CONNECT') {
      if (!isAuthority(target)) throw new MalformedMessage(400, 'invalid request target');
      this.authority = target;
      this.path = '';
    } else if (target.charCodeAt(0) === 0x2f) this.path = target;
    else if (target === '*') {
      if (method !== 'OPTIONS') throw new MalformedMessage(400, 'invalid request target');
      this.path = target;
    } else this.#absoluteForm(target);
  }

  #absoluteForm(target: string): void {
    const colon = target.indexOf('://');
    const scheme = colon < 0 ? '' : target.slice(0, colon).toLowerCase();
    if (scheme !== 'http' && scheme !== 'https') throw new MalformedMessage(400, 'invalid request target');
    const start = colon + 3;
    let end = start;
    for (; end < target.length; end++) {
      const code = target.charCodeAt(end);
      if (code === 0x2f || code === 0x3f) break;
    }
    const authority = target.slice(start, end);
    if (!isAuthority(authority)) throw new MalformedMessage(400, 'invalid request target');
    this.scheme = scheme;
    this.authority = authority;
    // RFC 9112 §3.2.4: OPTIONS without a path asks for the server as a whole.
    if (end === target.length) this.path = this.method === 'OPTIONS' ? '*' : '/';
    else this.path = target.charCodeAt(end) === 0x2f ? target.slice(end) : `/${target.slice(end)}`;
  }
}

/** The head of a response (RFC 9112 §4). One object per connection; each `parse` overwrites what was there. */
export class ResponseHead {
  readonly framing: Framing = new Framing();
  status = 0;
  /** 0 for HTTP/1.0, 1 for HTTP/1.1. */
  minor = 1;
  headers: Headers = NO_HEADERS;

  /**
   * @param text From the status line to the CRLF of the last field line, as latin1.
   * @throws MalformedMessage; its status means nothing here.
   */
  parse(text: string, limits: HeadLimits): void {
    const end = text.indexOf('\r\n');
    const space = text.indexOf(' ');
    if (space < 0 || space > end) throw new MalformedMessage(400, 'invalid status line');
    this.minor = parseVersion(text, 0, space);
    let status = 0;
    for (let i = space + 1; i < space + 4; i++) {
      const digit = text.charCodeAt(i) - 48;
      if (!(digit >= 0 && digit <= 9)) throw new MalformedMessage(400, 'invalid status code');
      status = status * 10 + digit;
    }
    const after = space + 4;
    // The space before an empty reason is demanded by the grammar and left out by many servers.
    if (status < 100 || (after !== end && text.charCodeAt(after) !== 32)) {
      throw new MalformedMessage(400, 'invalid status code');
    }
    for (let i = after; i < end; i++) {
      const code = text.charCodeAt(i);
      if (code < 32 ? code !== 9 : code === 127) throw new MalformedMessage(400, 'invalid reason phrase');
    }
    this.status = status;
    const { framing } = this;
    framing.reset();
    this.headers = parseFields(text, end + 2, limits.maxHeaders, limits.preserveHeaderCase, framing);
    if (status >= 200 && status !== 204 && status !== 304) checkFraming(framing, this.minor);
  }
}

function parseVersion(text: string, from: number, to: number): number {
  if (to - from === 8 && text.startsWith('HTTP/1.', from)) {
    const minor = text.charCodeAt(to - 1) - 48;
    if (minor === 0 || minor === 1) return minor;
  }
  if (to - from === 8 && text.startsWith('HTTP/', from) && text[from + 6] === '.') {
    if (isDigit(text.charCodeAt(from + 5)) && isDigit(text.charCodeAt(from + 7))) {
      throw new MalformedMessage(505, 'HTTP version not supported');
    }
  }
  throw new MalformedMessage(400, 'invalid HTTP version');
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/**
 * Looks at bytes of a head whose end has not come: a head that can no longer become a good one is refused at once rather
 * than when its time is over. `from` is where new bytes begin.
 *
 * @throws MalformedMessage 400 for control characters and lone CR or LF, 431 for more than `maxHeadBytes`.
 */
export function checkUnfinishedHead(bytes: Buffer, start: number, from: number, limits: HeadLimits): void {
  if (bytes.length - start > limits.maxHeadBytes) throw new MalformedMessage(431, 'request head too large');
  for (let i = from; i < bytes.length; i++) {
    const code = bytes[i] as number;
    if (code >= 32 ? code !== 127 : code === 9) continue;
    const good =
      code === 13 ? i + 1 === bytes.length || bytes[i + 1] === 10 : code === 10 && i > start && bytes[i - 1] === 13;
    if (!good) throw new MalformedMessage(400, 'invalid character in head');
  }
}
