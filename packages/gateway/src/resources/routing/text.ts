/** A configured text as the bytes that a client would send for it: UTF-8, one character per byte. */
export function toBytes(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** The text that bytes off the wire stand for, read as UTF-8. */
export function fromBytes(bytes: string): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

function isAscii(text: string): boolean {
  // Tokens are long, and counting them is quicker than looking at every character.
  return text.length < 64 ? !/[^\0-\x7f]/.test(text) : Buffer.byteLength(text) === text.length;
}

/** True for what a header value may be made of to be read as text: visible ASCII, space and tab. */
export function isVisibleAscii(value: string): boolean {
  return !/[^\t\x20-\x7e]/.test(value);
}
