import type { BodyConsumer } from '../body.ts';
import { MalformedMessage } from './errors.ts';
import { parseTrailers } from './fields.ts';

/** Bytes of extensions of one chunk, which are read past (RFC 9112 §7.1.1). */
const MAX_EXTENSION = 1024;
/** Digits of a chunk size; more cannot be a size that a number holds, except with leading zeros. */
const MAX_SIZE_DIGITS = 16;
/** Bytes of a trailer section. */
const MAX_TRAILER = 16_384;

const SIZE = 0;
const EXTENSION = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;
const TRAILER = 6;
const DONE = 7;

/** Takes the chunked coding off a body (RFC 9112 §7.1), whatever way it was cut. */
export class ChunkedDecoder {
  readonly #maxHeaders: number;
  readonly #keepSpelling: boolean;
  #state = SIZE;
  /** Of the chunk being read. */
  #size = 0;
  #digits = 0;
  #extension = 0;
  #trailer = '';

  constructor(maxHeaders: number, keepSpelling: boolean) {
    this.#maxHeaders = maxHeaders;
    this.#keepSpelling = keepSpelling;
  }

  /** True once the last chunk and the trailers were read. */
  get done(): boolean {
    return this.#state === DONE;
  }

  /**
   * Reads from `at`; data and trailers go to `sink`. Stops at the end of the body, at the end of `bytes`, or when `sink`
   * wants no more.
   *
   * @returns the position behind what was read.
   * @throws MalformedMessage for what is not the chunked coding.
   */
  read(bytes: Buffer, at: number, sink: ChunkSink): number {
    const end = bytes.length;
    while (at < end) {
      switch (this.#state) {
        case SIZE:
          at = this.#readSize(bytes, at);
          break;
        case EXTENSION:
          at = this.#skipExtension(bytes, at);
          break;
        case SIZE_LF:
          if (bytes[at++] !== 10) throw new MalformedMessage(400, 'invalid chunk size line');
          this.#state = this.#size === 0 ? TRAILER : DATA;
          break;
        case DATA: {
          const count = Math.min(this.#size, end - at);
          this.#size -= count;
          if (this.#size === 0) this.#state = DATA_CR;
          const chunk = bytes.subarray(at, at + count);
          at += count;
          if (!sink.onChunk(chunk)) return at;
          break;
        }
        case DATA_CR:
          if (bytes[at++] !== 13) throw new MalformedMessage(400, 'invalid end of chunk');
          this.#state = DATA_LF;
          break;
        case DATA_LF:
          if (bytes[at++] !== 10) throw new MalformedMessage(400, 'invalid end of chunk');
          this.#state = SIZE;
          this.#digits = 0;
          break;
        case TRAILER:
          at = this.#readTrailer(bytes, at, sink);
          if (this.done) return at;
          break;
        default:
          return at;
      }
    }
    return at;
  }

  #readSize(bytes: Buffer, at: number): number {
    for (; at < bytes.length; at++) {
      const code = bytes[at] as number;
      const digit = hexDigit(code);
      if (digit >= 0) {
        if (this.#digits === 0) this.#size = 0;
        if (++this.#digits > MAX_SIZE_DIGITS) throw new MalformedMessage(400, 'chunk size too large');
        this.#size = this.#size * 16 + digit;
        if (this.#size > Number.MAX_SAFE_INTEGER) throw new MalformedMessage(400, 'chunk size too large');
        continue;
      }
      if (this.#digits === 0 || (code !== 13 && code !== 59)) throw new MalformedMessage(400, 'invalid chunk size');
      this.#state = code === 13 ? SIZE_LF : EXTENSION;
      this.#extension = 0;
      return at + 1;
    }
    return at;
  }

  #skipExtension(bytes: Buffer, at: number): number {
    for (; at < bytes.length; at++) {
      const code = bytes[at] as number;
      if (code === 13 && this.#extension > 0) {
        this.#state = SIZE_LF;
        return at + 1;
      }
      if (code < 32 ? code !== 9 : code === 127) throw new MalformedMessage(400, 'invalid chunk extension');
      if (++this.#extension > MAX_EXTENSION) throw new MalformedMessage(400, 'chunk extension too large');
    }
    return at;
  }

  #readTrailer(bytes: Buffer, at: number, sink: ChunkSink): number {
    if (this.#trailer === '' && bytes[at] === 13 && bytes[at + 1] === 10) {
      this.#state = DONE;
      return at + 2;
    }
    while (at < bytes.length) {
      this.#trailer += String.fromCharCode(bytes[at++] as number);
      const { length } = this.#trailer;
      if (length > MAX_TRAILER) throw new MalformedMessage(431, 'trailers too large');
      if (bytes[at - 1] !== 10) continue;
      if (length < 2 || this.#trailer.charCodeAt(length - 2) !== 13) {
        throw new MalformedMessage(400, 'invalid character in trailers');
      }
      if (this.#trailer === '\r\n') {
        this.#state = DONE;
        break;
      }
      if (!this.#trailer.endsWith('\r\n\r\n')) continue;
      const trailers = parseTrailers(this.#trailer.slice(0, -2), this.#maxHeaders, this.#keepSpelling);
      this.#state = DONE;
      sink.onTrailers(trailers);
      break;
    }
    return at;
  }
}

/** Where a decoder puts what it found. `onChunk` returns false to be left alone. */
export interface ChunkSink extends Pick<BodyConsumer, 'onTrailers'> {
  onChunk(chunk: Buffer): boolean;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
