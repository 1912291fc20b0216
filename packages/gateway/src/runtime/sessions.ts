import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { WorkerIdentity } from './messages.ts';

/** What a session token says, once its seal was found whole. */
export interface SessionToken {
  /** The worker that holds the session, if it still lives. */
  readonly owner: WorkerIdentity;
  /** What the session can be rebuilt from. */
  readonly payload: Buffer;
}

const VERSION = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** instance (8) + index (2) + epoch (4) */
const OWNER_BYTES = 14;
const OVERHEAD = 1 + IV_BYTES + OWNER_BYTES + TAG_BYTES;
/** Longer ones were never made here: they would not fit into a head. */
const MAX_TOKEN = 48 * 1024;

/**
 * Makes and reads session tokens: sealed with AES-256-GCM, so that a client can neither read nor forge them.
 *
 * A token is base64url of: version, nonce, sealed owner and payload, tag.
 */
export class SessionCodec {
  readonly #key: Uint8Array;
  readonly #self: WorkerIdentity;

  /** @param key 32 bytes. */
  constructor(key: Uint8Array, self: WorkerIdentity) {
    this.#key = key;
    this.#self = self;
  }

  /**
   * A new token for a session that this worker owns.
   *
   * @throws RangeError if the payload does not fit into a header field.
   */
  encode(payload: string | Uint8Array): string {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, iv);
    cipher.setAAD(Buffer.of(VERSION));
    const sealed = Buffer.concat([
      Buffer.of(VERSION),
      iv,
      cipher.update(ownerBytes(this.#self)),
      cipher.update(payload),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
    const token = sealed.toString('base64url');
    if (token.length > MAX_TOKEN) throw new RangeError(`session token of ${token.length} bytes`);
    return token;
  }

  /** What a token says; null for anything that was not made with this key: the caller answers 404. */
  decode(token: string): SessionToken | null {
    if (token.length > MAX_TOKEN) return null;
    const sealed = Buffer.from(token, 'base64url');
    // Node's decoder skips what is not in the alphabet: only the one spelling of a token is that token.
    if (sealed.length < OVERHEAD || sealed[0] !== VERSION || sealed.toString('base64url') !== token) return null;
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key, sealed.subarray(1, 1 + IV_BYTES));
      decipher.setAAD(sealed.subarray(0, 1));
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
      const opened = Buffer.concat([decipher.update(sealed.subarray(1 + IV_BYTES, -TAG_BYTES)), decipher.final()]);
      return { owner: readOwner(opened), payload: opened.subarray(OWNER_BYTES) };
    } catch {
      return null;
    }
  }
}

/** The key of session tokens: the configured one (64 hexadecimal digits), or a random one for this process. */
export function sessionKeyBytes(configured: string | undefined): Uint8Array {
  return configured === undefined ? randomBytes(32) : Buffer.from(configured, 'hex');
}

function ownerBytes(owner: WorkerIdentity): Buffer {
  const bytes = Buffer.alloc(OWNER_BYTES);
  bytes.write(owner.instance, 'hex');
  bytes.writeUInt16BE(owner.index, 8);
  bytes.writeUInt32BE(owner.epoch, 10);
  return bytes;
}

function readOwner(bytes: Buffer): WorkerIdentity {
  return { instance: bytes.toString('hex', 0, 8), index: bytes.readUInt16BE(8), epoch: bytes.readUInt32BE(10) };
}
