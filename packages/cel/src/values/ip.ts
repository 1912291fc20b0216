import { isIPv6 } from 'node:net';
import { unexpectedType } from '../functions/definition.ts';
import { functionError } from './error.ts';
import { Uint } from './number.ts';
import { types } from './type.ts';
import { Opaque, type Value } from './value.ts';

/** An address of either family. */
export class Ip extends Opaque {
  override readonly type = types.ip;
  /** 4 or 16, in network order. */
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    super();
    this.bytes = bytes;
  }

  /** Null if the text is no address; zones and leading zeros are refused. */
  static parse(text: string): Ip | null {
    const v4 = parseIpv4(text);
    if (v4 !== null) return new Ip(v4);
    return isIPv6(text) && !text.includes('%') ? new Ip(parseIpv6(text)) : null;
  }

  override get text(): string {
    return this.bytes.length === 4 ? this.bytes.join('.') : formatIpv6(this.bytes);
  }

  override equals(other: Opaque): boolean {
    return other instanceof Ip && Buffer.compare(this.bytes, other.bytes) === 0;
  }

  override call(name: string): Value | undefined {
    switch (name) {
      case 'family':
        return this.bytes.length === 4 ? 4 : 6;
      case 'isUnspecified':
        return this.bytes.every((byte) => byte === 0);
      case 'isLoopback':
        return isLoopback(this.bytes);
      case 'isLinkLocalMulticast':
        return isLinkLocalMulticast(this.bytes);
      case 'isLinkLocalUnicast':
        return isLinkLocalUnicast(this.bytes);
      case 'isGlobalUnicast':
        return isGlobalUnicast(this.bytes);
      default:
        return undefined;
    }
  }
}

/** An address and how many of its bits name the network. */
export class Cidr extends Opaque {
  override readonly type = types.cidr;
  readonly #address: Ip;
  readonly #length: number;

  constructor(address: Ip, length: number) {
    super();
    this.#address = address;
    this.#length = length;
  }

  /** `10.0.0.0/8`; bits behind the prefix may be set. Null if the text is anything else. */
  static parse(text: string): Cidr | null {
    const slash = text.indexOf('/');
    if (slash < 0) return null;
    const address = Ip.parse(text.slice(0, slash));
    const length = text.slice(slash + 1);
    if (address === null || !/^(?:0|[1-9]\d{0,2})$/.test(length)) return null;
    return Number(length) > address.bytes.length * 8 ? null : new Cidr(address, Number(length));
  }

  override get text(): string {
    return `${this.#address.text}/${this.#length}`;
  }

  override equals(other: Opaque): boolean {
    return other instanceof Cidr && this.#length === other.#length && this.#address.equals(other.#address);
  }

  /** Is the address in this network? One of the other family is not. */
  contains({ bytes }: Ip): boolean {
    const own = this.#address.bytes;
    if (own.length !== bytes.length) return false;
    const whole = this.#length >> 3;
    for (let i = 0; i < whole; i++) if (own[i] !== bytes[i]) return false;
    const rest = 8 - (this.#length & 7);
    return rest === 8 || (own[whole] as number) >> rest === (bytes[whole] as number) >> rest;
  }

  override call(name: string, args: readonly Value[]): Value | undefined {
    const [other] = args;
    switch (name) {
      case 'containsIP': {
        if (other instanceof Ip) return this.contains(other);
        if (typeof other !== 'string') return unexpectedType(other, 'ip or string');
        const ip = Ip.parse(other);
        return ip === null ? functionError('containsIP', 'text is no IP address') : this.contains(ip);
      }
      case 'containsCIDR': {
        const cidr = typeof other === 'string' ? Cidr.parse(other) : other;
        if (cidr === null) return functionError('containsCIDR', 'text is no CIDR');
        if (!(cidr instanceof Cidr)) return unexpectedType(cidr, 'cidr or string');
        return cidr.#length >= this.#length && this.contains(cidr.#address);
      }
      case 'ip':
        return this.#address;
      case 'masked':
        return new Cidr(new Ip(masked(this.#address.bytes, this.#length)), this.#length);
      case 'prefixLength':
        return new Uint(this.#length);
      default:
        return undefined;
    }
  }
}

function masked(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.map((byte, i) => byte & (0xff00 >> Math.max(0, Math.min(8, length - i * 8))));
}

/** Four numbers without leading zeros; null if the text is anything else. By hand, because rules ask it of every request. */
function parseIpv4(text: string): Uint8Array | null {
  const { length } = text;
  if (length < 7 || length > 15) return null;
  const bytes = new Uint8Array(4);
  let part = 0;
  let value = 0;
  let digits = 0;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2e) {
      if (digits === 0 || part === 3) return null;
      bytes[part++] = value;
      value = 0;
      digits = 0;
    } else {
      if (code < 0x30 || code > 0x39 || (digits > 0 && value === 0)) return null;
      value = value * 10 + code - 0x30;
      digits++;
      if (value > 255) return null;
    }
  }
  if (part !== 3 || digits === 0) return null;
  bytes[3] = value;
  return bytes;
}

function parseIpv6(text: string): Uint8Array {
  // The last 32 bits may be written as an IPv4 address.
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  let groups = text;
  if (dotted !== null) {
    const [a, b, c, d] = dotted.slice(1).map(Number) as [number, number, number, number];
    groups = `${text.slice(0, dotted.index)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [head = '', tail] = groups.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const all = [...left, ...new Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return Uint8Array.from(
    all.flatMap((group) => {
      const value = Number.parseInt(group, 16);
      return [value >> 8, value & 0xff];
    }),
  );
}

/** RFC 5952. */
function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[i * 2] as number) << 8) | (bytes[i * 2 + 1] as number));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${bytes.subarray(12).join('.')}`;
  }
  let [start, length] = [-1, 1];
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
  }
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  return start < 0 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

function isLoopback(bytes: Uint8Array): boolean {
  if (bytes.length === 4) return bytes[0] === 127;
  return bytes.every((byte, i) => byte === (i === 15 ? 1 : 0));
}

function isMulticast([first, second]: Uint8Array, v4: boolean): boolean {
  return v4 ? ((first as number) & 0xf0) === 0xe0 : first === 0xff && second !== undefined;
}

/** 224.0.0.0/24; ffx2::/16. */
function isLinkLocalMulticast(bytes: Uint8Array): boolean {
  return bytes.length === 4
    ? bytes[0] === 224 && bytes[1] === 0 && bytes[2] === 0
    : bytes[0] === 0xff && ((bytes[1] as number) & 0x0f) === 2;
}

/** 169.254.0.0/16; fe80::/10. */
function isLinkLocalUnicast(bytes: Uint8Array): boolean {
  return bytes.length === 4
    ? bytes[0] === 169 && bytes[1] === 254
    : bytes[0] === 0xfe && ((bytes[1] as number) & 0xc0) === 0x80;
}

/** Private IPv4 addresses count; IPv6's unique local ones (fc00::/7) do not. */
function isGlobalUnicast(bytes: Uint8Array): boolean {
  const v4 = bytes.length === 4;
  const everywhere = bytes.every((byte) => byte === 0) || (v4 && bytes.every((byte) => byte === 255));
  if (everywhere || isLoopback(bytes) || isLinkLocalUnicast(bytes) || isMulticast(bytes, v4)) return false;
  return v4 || ((bytes[0] as number) & 0xfe) !== 0xfc;
}
