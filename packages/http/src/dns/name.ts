import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';

/** Longest name in its textual form, without the trailing dot (RFC 1035 §2.3.4). */
const MAX_NAME = 253;
const MAX_LABEL = 63;

/**
 * A host as DNS knows it: A-labels, lower case, the trailing dot kept (it says that the name is complete). Nothing for what
 * cannot be a name. Underscores are let through, since names of services carry them.
 */
export function normalizeName(host: string): string | null {
  const ascii = isPlain(host) ? host.toLowerCase() : domainToASCII(host);
  const end = ascii.endsWith('.') ? ascii.length - 1 : ascii.length;
  if (end <= 0 || end > MAX_NAME) return null;
  let label = 0;
  for (let i = 0; i < end; i++) {
    const c = ascii.charCodeAt(i);
    if (c === 0x2e) {
      if (label === 0 || ascii.charCodeAt(i - 1) === 0x2d) return null;
      label = 0;
      continue;
    }
    if (!isNameCharacter(c) || (label === 0 && c === 0x2d)) return null;
    if (++label > MAX_LABEL) return null;
  }
  if (label === 0 || ascii.charCodeAt(end - 1) === 0x2d) return null;
  // `127.1` and `0x7f.1` are addresses to some and names to others: a last label of digits is no name (WHATWG URL, RFC 3696 §2).
  const last = ascii.slice(ascii.lastIndexOf('.', end - 1) + 1, end);
  return isNumber(last) ? null : ascii;
}

/** The address in a host: IPv4, or IPv6 with or without brackets. Nothing if it is a name. */
export function addressOf(host: string): string | null {
  const bare = host.charCodeAt(0) === 0x5b && host.endsWith(']') ? host.slice(1, -1) : host;
  return isIP(bare) === 0 ? null : bare;
}

/** True for `localhost` and every name below it (RFC 6761 §6.3). */
export function isLocalhost(name: string): boolean {
  return name === 'localhost' || name === 'localhost.' || name.endsWith('.localhost') || name.endsWith('.localhost.');
}

function isPlain(host: string): boolean {
  for (let i = 0; i < host.length; i++) if (host.charCodeAt(i) > 0x7f) return false;
  return true;
}

function isNameCharacter(c: number): boolean {
  return (c >= 0x61 && c <= 0x7a) || (c >= 0x30 && c <= 0x39) || c === 0x2d || c === 0x5f;
}

function isNumber(label: string): boolean {
  for (let i = 0; i < label.length; i++) {
    const c = label.charCodeAt(i);
    if (c < 0x30 || c > 0x39) return false;
  }
  return true;
}
