import { GrpcError, grpcCodes } from './status.ts';

/** A flag and the length, in front of every message. */
const PREFIX = 5;

/** A message as it travels: uncompressed, behind its length. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX);
  return framed;
}

/** Cuts a body into messages, wherever its chunks end. */
export class FrameReader {
  readonly #limit: number;
  readonly #onMessage: (message: Buffer) => void;
  readonly #prefix = Buffer.alloc(PREFIX);
  #prefixed = 0;
  /** Of the message that is being read: pieces, and bytes that are still to come. */
  #pieces: Buffer[] = [];
  #missing = 0;

  /**
   * @param limit Bytes of one message.
   * @param onMessage Is given bytes of its own.
   */
  constructor(limit: number, onMessage: (message: Buffer) => void) {
    this.#limit = limit;
    this.#onMessage = onMessage;
  }

  /** True between two messages. */
  get idle(): boolean {
    return this.#prefixed === 0;
  }

  /** @throws GrpcError for a message that is too large or compressed; nothing may be read after that. */
  read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#prefixed < PREFIX) {
        const taken = chunk.copy(this.#prefix, this.#prefixed, at);
        this.#prefixed += taken;
        at += taken;
        if (this.#prefixed < PREFIX) return;
        this.#begin();
      } else {
        const end = Math.min(at + this.#missing, chunk.length);
        this.#pieces.push(Buffer.from(chunk.subarray(at, end)));
        this.#missing -= end - at;
        at = end;
      }
      if (this.#missing === 0) this.#deliver();
    }
  }

  #begin(): void {
    if (this.#prefix[0] !== 0) throw new GrpcError(grpcCodes.internal, 'the service compressed a message unasked');
    this.#missing = this.#prefix.readUInt32BE(1);
    if (this.#missing <= this.#limit) return;
    const message = `a message of ${this.#missing} bytes is larger than ${this.#limit}`;
    throw new GrpcError(grpcCodes.resourceExhausted, message);
  }

  #deliver(): void {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#prefixed = 0;
    this.#onMessage(pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces));
  }
}
