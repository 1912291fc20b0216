const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/**
 * Encodes a digest as crypt(3) does: groups of up to three bytes, taken at the given places with the most significant first, six
 * bits a character from the low end; -1 is no byte.
 */
export function crypt64(digest: Buffer, groups: readonly (readonly [number, number, number])[]): string {
  let text = '';
  for (const group of groups) {
    let bits = 0;
    let bytes = 0;
    for (const place of group) {
      bits = (bits << 8) | (place < 0 ? 0 : (digest[place] as number));
      if (place >= 0) bytes += 1;
    }
    for (let characters = Math.ceil((bytes * 8) / 6); characters > 0; characters--) {
      text += alphabet[bits & 0x3f];
      bits >>>= 6;
    }
  }
  return text;
}
