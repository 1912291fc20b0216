/** Receives the frames of an event stream. */
export interface FrameSink {
  /**
   * One whole frame: every byte from `from` up to `to`, with the blank line that ends it, as it was received. `bytes` is only
   * valid until {@link SseFrames.push} returns.
   */
  onFrame(bytes: Buffer, from: number, to: number): void;
}

/** A frame of an event stream was larger than somebody was ready to hold. */
export class SseFrameTooLarge extends Error {
  override readonly name = 'SseFrameTooLarge';
  /** Bytes. */
  readonly limit: number;
  constructor(limit: number) {
    super(`event stream frame exceeded ${limit} bytes`);
    this.limit = limit;
  }
}

const blankLine = Buffer.from('\n\n');
const LF = 0x0a;
const CR = 0x0d;

/**
 * Cuts a `text/event-stream` into frames (WHATWG HTML §9.2.6), however the bytes arrive and whichever line ends they use.
 * Bytes are looked at, not decoded and not copied, except for a frame that is spread over several chunks.
 *
 * A frame ends with its blank line. If that line ends with a CR at the end of a chunk, an LF that belongs to it comes at the
 * front of the next frame, where it means nothing.
 */
export class SseFrames {
  readonly #limit: number;
  readonly #sink: FrameSink;
  /** The beginning of a frame whose end has not come. */
  #held: Buffer | null = null;
  #heldLength = 0;
  /** No byte of the current line came yet. */
  #lineEmpty = true;
  /** The last byte was a CR: an LF now is the same line end. */
  #afterCr = false;

  /** @param limit Bytes of one frame. */
  constructor(limit: number, sink: FrameSink) {
    this.#limit = limit;
    this.#sink = sink;
  }

  /** Bytes of a frame that has not ended: what a stream that ends now has cut off. Only valid until the next `push`. */
  get rest(): Buffer {
    return this.#held === null ? Buffer.alloc(0) : this.#held.subarray(0, this.#heldLength);
  }

  /**
   * Hands every frame that ends in this chunk to the sink, before it returns.
   *
   * @throws SseFrameTooLarge
   */
  push(chunk: Buffer): void {
    const withCr = this.#afterCr || chunk.indexOf(CR) >= 0;
    let from = 0;
    while (from < chunk.length) {
      const to = withCr ? this.#nextEnd(chunk, from) : this.#nextEndLf(chunk, from);
      if (to < 0) {
        this.#hold(chunk, from, chunk.length);
        return;
      }
      if (this.#heldLength === 0) {
        if (to - from > this.#limit) throw new SseFrameTooLarge(this.#limit);
        this.#sink.onFrame(chunk, from, to);
      } else {
        this.#hold(chunk, from, to);
        const held = this.#held as Buffer;
        const length = this.#heldLength;
        this.#held = null;
        this.#heldLength = 0;
        this.#sink.onFrame(held, 0, length);
      }
      from = to;
    }
  }

  /** Position behind the blank line that ends the frame, or -1. For text without CR: the search is the engine's own. */
  #nextEndLf(chunk: Buffer, from: number): number {
    if (this.#lineEmpty && chunk[from] === LF) return from + 1;
    const at = chunk.indexOf(blankLine, from);
    this.#lineEmpty = at >= 0 || chunk[chunk.length - 1] === LF;
    return at < 0 ? -1 : at + 2;
  }

  #nextEnd(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === LF && this.#afterCr) {
        this.#afterCr = false;
        continue;
      }
      this.#afterCr = byte === CR;
      if (byte !== LF && byte !== CR) {
        this.#lineEmpty = false;
        continue;
      }
      if (!this.#lineEmpty) {
        this.#lineEmpty = true;
        continue;
      }
      if (byte === CR && chunk[at + 1] === LF) {
        this.#afterCr = false;
        return at + 2;
      }
      return at + 1;
    }
    return -1;
  }

  #hold(chunk: Buffer, from: number, to: number): void {
    const length = this.#heldLength + to - from;
    if (length > this.#limit) throw new SseFrameTooLarge(this.#limit);
    if (this.#held === null) this.#held = Buffer.allocUnsafe(Math.max(length, 512));
    else if (this.#held.length < length) {
      const grown = Buffer.allocUnsafe(length * 2);
      this.#held.copy(grown, 0, 0, this.#heldLength);
      this.#held = grown;
    }
    chunk.copy(this.#held, this.#heldLength, from, to);
    this.#heldLength = length;
  }
}

/** What a frame says. */
export interface SseEvent {
  /** Name of the event; `message` if it gave none. */
  readonly event: string;
  /** Data lines joined by LF. */
  readonly data: string;
  /** Id that the frame set, or null. */
  readonly id: string | null;
  /** Milliseconds that the frame asked for before a reconnection, or null. */
  readonly retry: number | null;
}

/**
 * Decodes one frame of {@link SseFrames}: null if it dispatches nothing (no data: comments, `retry`, blank lines).
 *
 * A frame that `rest` gave may lack its line ends; what is there counts as if it had them.
 */
export function readFrame(bytes: Buffer, from: number, to: number): SseEvent | null {
  let text = bytes.toString('utf8', from, to);
  if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
  let event = '';
  let data: string | null = null;
  let id: string | null = null;
  let retry: number | null = null;
  let at = 0;
  while (at < text.length) {
    const end = lineEnd(text, at);
    const colon = text.indexOf(':', at);
    const hasValue = colon >= 0 && colon < end;
    const name = text.slice(at, hasValue ? colon : end);
    let value = hasValue ? text.slice(colon + 1, end) : '';
    if (value.charCodeAt(0) === 0x20) value = value.slice(1);
    at = end + 1;
    if (name === 'data') data = data === null ? value : `${data}\n${value}`;
    else if (name === 'event') event = value;
    else if (name === 'id' && !value.includes('\0')) id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) retry = Number(value);
  }
  // Unlike a browser, an empty `data` dispatches too: whether it means anything is the format's business.
  return data === null ? null : { event: event === '' ? 'message' : event, data, id, retry };
}

function lineEnd(text: string, from: number): number {
  const lf = text.indexOf('\n', from);
  const cr = text.indexOf('\r', from);
  if (lf < 0) return cr < 0 ? text.length : cr;
  return cr < 0 ? lf : Math.min(lf, cr);
}

const dataLine = 0x64617461; // 'data'

/**
 * Finds the data of a frame of the usual form, `data: …` and a blank line, without decoding it: the position of its first
 * byte, or -1 if the frame has another form and must be read with {@link readFrame}.
 */
export function singleDataStart(bytes: Buffer, from: number, to: number): number {
  if (to - from < 6 || bytes.readUInt32BE(from) !== dataLine || bytes[from + 4] !== 0x3a) return -1;
  return bytes[from + 5] === 0x20 ? from + 6 : from + 5;
}
