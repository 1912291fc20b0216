/** What the first bytes of a TLS connection say before anything is decided. */
export interface ClientHello {
  /** Server name indication in lower case, without a trailing dot; empty if the client sent none. */
  readonly sni: string;
  /** Protocols offered by ALPN, in the client's order. */
  readonly alpn: readonly string[];
}

/** Bytes of handshake that a ClientHello may take; post-quantum key shares need some 2 KB. */
const MAX_HELLO = 16_384;
/** Records that it may be cut into: enough for any client, too few to make reading them expensive. */
const MAX_RECORDS = 64;

const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const ALPN = 16;

/**
 * Reads the ClientHello at the start of a connection (RFC 8446 §4.1.2, RFC 6066 §3, RFC 7301).
 *
 * @param bytes Everything received so far; nothing of it is consumed.
 * @returns null while more bytes are needed, `invalid` if this is no TLS, larger than 16 KB or cut into more than 64 records.
 */
export function parseClientHello(bytes: Buffer): ClientHello | 'invalid' | null {
  const handshake = joinRecords(bytes);
  if (handshake === 'invalid') return 'invalid';
  if (handshake.length < 4) return null;
  if (handshake[0] !== CLIENT_HELLO) return 'invalid';
  const length = handshake.readUIntBE(1, 3);
  if (length > MAX_HELLO) return 'invalid';
  if (handshake.length < 4 + length) return null;
  return parseBody(handshake.subarray(4, 4 + length)) ?? 'invalid';
}

/** Takes the handshake out of its records: a ClientHello may be cut into several. */
function joinRecords(bytes: Buffer): Buffer | 'invalid' {
  const parts: Buffer[] = [];
  let size = 0;
  let needed = MAX_HELLO + 4;
  for (let at = 0; at < bytes.length && size < needed; ) {
    if (bytes[at] !== HANDSHAKE_RECORD || parts.length === MAX_RECORDS) return 'invalid';
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) return 'invalid';
    if (at + 5 > bytes.length) break;
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > 16_384) return 'invalid';
    const part = bytes.subarray(at + 5, Math.min(at + 5 + length, bytes.length));
    parts.push(part);
    const before = size;
    size += part.length;
    at += 5 + length;
    // The header of the handshake says how much is needed; it may itself be cut.
    if (before < 4 && size >= 4) needed = Math.min(needed, 4 + Buffer.concat(parts, 4).readUIntBE(1, 3));
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, size);
}

/** A reader that turns every step beyond its bytes into one flag, checked at the end. */
class Cursor {
  at = 0;
  failed = false;
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get done(): boolean {
    return this.failed || this.at >= this.bytes.length;
  }

  number(width: 1 | 2): number {
    if (this.at + width > this.bytes.length) {
      this.failed = true;
      return 0;
    }
    const value = this.bytes.readUIntBE(this.at, width);
    this.at += width;
    return value;
  }

  take(length: number): Buffer {
    if (this.at + length > this.bytes.length) {
      this.failed = true;
      return this.bytes.subarray(0, 0);
    }
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** A vector: its length in `width` bytes, then its bytes. */
  vector(width: 1 | 2): Buffer {
    return this.take(this.number(width));
  }
}

function parseBody(body: Buffer): ClientHello | null {
  const hello = new Cursor(body);
  hello.take(2 + 32); // version, random
  hello.vector(1); // session id
  hello.vector(2); // cipher suites
  hello.vector(1); // compression methods
  if (hello.failed) return null;
  if (hello.done) return { sni: '', alpn: [] };
  const extensions = new Cursor(hello.vector(2));
  if (hello.failed || !hello.done) return null;
  let sni: string | null = '';
  let alpn: string[] | null = [];
  while (!extensions.done) {
    const type = extensions.number(2);
    const data = extensions.vector(2);
    if (extensions.failed) return null;
    if (type === SERVER_NAME) sni = parseServerName(data);
    else if (type === ALPN) alpn = parseAlpn(data);
    if (sni === null || alpn === null) return null;
  }
  return extensions.failed ? null : { sni: sni as string, alpn: alpn as string[] };
}

function parseServerName(data: Buffer): string | null {
  const list = new Cursor(new Cursor(data).vector(2));
  while (!list.done) {
    const type = list.number(1);
    const name = list.vector(2);
    if (list.failed) return null;
    if (type === 0) return normaliseName(name.toString('latin1'));
  }
  return list.failed ? null : '';
}

function parseAlpn(data: Buffer): string[] | null {
  const list = new Cursor(new Cursor(data).vector(2));
  const names: string[] = [];
  while (!list.done) {
    const name = list.vector(1);
    if (list.failed) return null;
    names.push(name.toString('latin1'));
  }
  return list.failed ? null : names;
}

/** A host name as it is compared: lower case, no trailing dot. Null for what cannot be one. */
function normaliseName(name: string): string | null {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code <= 32 || code >= 127) return null;
  }
  const end = name.endsWith('.') ? name.length - 1 : name.length;
  return end === 0 ? null : name.slice(0, end).toLowerCase();
}
