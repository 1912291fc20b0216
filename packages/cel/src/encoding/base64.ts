/** Base64 of bytes, standard alphabet, padded. */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** Standard alphabet, padding optional; null if it is anything else. */
export function decodeBase64(text: string): Uint8Array | null {
  return decode(text, /^[A-Za-z0-9+/]*={0,2}$/, 'base64');
}

/** URL-safe alphabet, padding optional; null if it is anything else. */
export function decodeBase64Url(text: string): Uint8Array | null {
  return decode(text, /^[A-Za-z0-9_-]*={0,2}$/, 'base64url');
}

function decode(text: string, alphabet: RegExp, encoding: 'base64' | 'base64url'): Uint8Array | null {
  // Buffer skips what it does not understand, so that is looked for first.
  if (!alphabet.test(text)) return null;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const characters = text.length - padding;
  if (characters % 4 === 1 || (padding > 0 && text.length % 4 !== 0)) return null;
  return new Uint8Array(Buffer.from(text, encoding));
}
