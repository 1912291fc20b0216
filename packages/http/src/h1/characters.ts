/** Part of a token: method or field name (RFC 9110 §5.6.2). */
export const TOKEN = 1;
/** Part of a field value: horizontal tab, space, visible ASCII and what lies above ASCII (RFC 9110 §5.5). */
export const VALUE = 2;
/** Part of a request target: visible ASCII without `#`, because a fragment is never sent (RFC 9112 §3.2). */
export const TARGET = 4;
/** Part of a registered name or IPv4 address (RFC 3986 §3.2.2). */
const REG_NAME = 8;
/** An upper-case letter. */
export const UPPER = 16;

/** What a byte may be part of: the flags above, by character code below 256. */
export const CHARACTERS: Uint8Array = new Uint8Array(256);
for (let code = 0; code < 256; code++) {
  const char = String.fromCharCode(code);
  const upper = char >= 'A' && char <= 'Z';
  const alphanumeric = upper || (char >= 'a' && char <= 'z') || (char >= '0' && char <= '9');
  let flags = 0;
  if (alphanumeric || "!#$%&'*+-.^_`|~".includes(char)) flags |= TOKEN;
  if (code === 9 || (code >= 32 && code !== 127)) flags |= VALUE;
  if (code > 32 && code < 127 && char !== '#') flags |= TARGET;
  if (alphanumeric || "-._~%!$&'()*+,;=".includes(char)) flags |= REG_NAME;
  if (upper) flags |= UPPER;
  CHARACTERS[code] = flags;
}

/** True if every character of `text` carries `flag`. Characters beyond latin1 carry none. */
export function consistsOf(text: string, flag: number): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255 || ((CHARACTERS[code] as number) & flag) === 0) return false;
  }
  return true;
}

/** True for a non-empty token. */
export function isToken(text: string): boolean {
  return text.length > 0 && consistsOf(text, TOKEN);
}

/**
 * True for `host[:port]` (RFC 9110 §7.2); user information is not part of it. An address in brackets is checked for its
 * characters only: whether it is an address is the business of whoever dials it.
 */
export function isAuthority(text: string): boolean {
  let at = 0;
  if (text.charCodeAt(0) === 0x5b) {
    const close = text.indexOf(']');
    if (close < 2) return false;
    for (let i = 1; i < close; i++) {
      const code = text.charCodeAt(i);
      if (code !== 0x3a && (code > 255 || ((CHARACTERS[code] as number) & REG_NAME) === 0)) return false;
    }
    at = close + 1;
  } else {
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code > 255 || ((CHARACTERS[code] as number) & REG_NAME) === 0) break;
    }
    if (at === 0) return false;
  }
  if (at === text.length) return true;
  if (text.charCodeAt(at) !== 0x3a || text.length - at > 6) return false;
  for (at++; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}
