import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const NONCE = 12;
const TAG = 16;

/**
 * Seals texts into cookie values and opens them again: AES-256-GCM, as nonce, ciphertext and tag in Base64. The name of the cookie is
 * authenticated with it, so that no value can be moved to another cookie.
 */
export class CookieSeal {
  readonly #keys: readonly Buffer[];

  /** @param keys 32 bytes each; the first seals, all of them open: that is how a key is changed without ending sessions. */
  constructor(keys: readonly Buffer[]) {
    this.#keys = keys;
  }

  seal(name: string, text: string): string {
    const nonce = randomBytes(NONCE);
    const cipher = createCipheriv('aes-256-gcm', this.#keys[0] as Buffer, nonce);
    cipher.setAAD(Buffer.from(name));
    return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64');
  }

  /** The text, or null if nobody sealed it, or another did, or for another cookie. */
  open(name: string, value: string): string | null {
    const bytes = Buffer.from(value, 'base64');
    if (bytes.length < NONCE + TAG) return null;
    for (const key of this.#keys) {
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE), { authTagLength: TAG });
      decipher.setAAD(Buffer.from(name));
      decipher.setAuthTag(bytes.subarray(-TAG));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(NONCE, -TAG)), decipher.final()]).toString('utf8');
      } catch {
        // Of another key, or of nobody's.
      }
    }
    return null;
  }
}
