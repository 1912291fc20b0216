import { isIPv6 } from 'node:net';

/** What is wrong with an authority, for the person who sent it. */
export type AuthorityProblem = { readonly problem: string };

/** An authority taken apart and normalised. */
export interface Authority {
  /** `host[:port]` in lower case, without a trailing dot. */
  readonly authority: string;
  /** Without the port; an IPv6 address keeps its brackets. */
  readonly host: string;
}

/** The longest name that DNS can carry, and more than any address needs. */
const maxHost = 255;

/** By code: 1 for what a registered name may be made of (RFC 3986 §3.2.2). */
const hostCharacters = Uint8Array.from({ length: 128 }, (_, code) =>
  Number(/[A-Za-z0-9\-._~%!$&'()*+,;=]/.test(String.fromCharCode(code))),
);

/**
 * Reads `host[:port]` (RFC 9110 §7.2): user information, an empty host, characters outside of RFC 3986 and ports outside of
 * 1 to 65535 are refused; an empty port is dropped.
 */
export function parseAuthority(text: string): Authority | AuthorityProblem {
  const end = text.charCodeAt(0) === 0x5b ? endOfAddress(text) : endOfName(text);
  if (typeof end === 'object') return end;
  if (end === 0) return { problem: 'the host is empty' };
  if (end > maxHost) return { problem: `the host is longer than ${maxHost} characters` };
  if (end < text.length - 1) {
    const port = readPort(text, end + 1);
    if (port < 1 || port > 65_535) return { problem: 'the port is not a number from 1 to 65535' };
  }
  const dotted = text.charCodeAt(end - 1) === 0x2e;
  if (dotted && end === 1) return { problem: 'the host is empty' };
  const whole = lower(text);
  if (end === text.length && !dotted) return { authority: whole, host: whole };
  const host = whole.substring(0, dotted ? end - 1 : end);
  if (end >= text.length - 1) return { authority: host, host };
  return { authority: dotted ? host + whole.substring(end) : whole, host };
}

/** Index behind a name: of the colon, or of the end. */
function endOfName(text: string): number | AuthorityProblem {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 128 && hostCharacters[code] === 1) continue;
    if (code === 0x3a && text.indexOf('@', i) < 0) return i;
    return {
      problem: text.includes('@') ? 'user information is not allowed' : 'the host holds a character that none may',
    };
  }
  return text.length;
}

/** Index behind a bracketed IPv6 address. */
function endOfAddress(text: string): number | AuthorityProblem {
  const close = text.indexOf(']');
  if (close < 0 || !isIPv6(text.slice(1, close)) || text.includes('%')) {
    return { problem: 'the brackets hold no IPv6 address' };
  }
  if (close + 1 < text.length && text[close + 1] !== ':') return { problem: 'text follows the address' };
  return close + 1;
}

/** -1 if anything but digits stands there. */
function readPort(text: string, from: number): number {
  let port = 0;
  for (let i = from; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    port = Math.min(port * 10 + digit, 100_000);
  }
  return port;
}

function lower(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x41 && code <= 0x5a) return text.toLowerCase();
  }
  return text;
}
