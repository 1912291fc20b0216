import type { BodyConsumer, BodyStream } from '../body.ts';
import type { Headers } from '../headers.ts';
import type { Transport } from '../transport.ts';
import { IncompleteMessage } from './errors.ts';
import { trailerLines } from './fields.ts';

/** From here on bytes are written at once instead of being gathered until the end of the turn. */
const WRITE_AT_ONCE = 16_384;
/** A body in hand that is larger is not copied behind its head. */
const COPY_LIMIT = 32_768;

/**
 * What leaves on a connection. Pieces that come in one turn of the loop leave in one write: when a message ends, when
 * there are many of them, or at the end of the turn.
 */
export class Output {
  readonly #transport: Transport;
  /** A head that waits for company. */
  #text = '';
  #bytes: Buffer | null = null;
  #length = 0;
  #scheduled = false;
  #closed = false;
  /** The body being written, which is held while the transport is full. */
  source: BodyStream | null = null;
  /** True from a write that filled the transport to its drain. */
  full = false;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Adds text that is latin1. */
  text(text: string): void {
    if (this.#length === 0) this.#text += text;
    else this.#gather('', text, null, '');
    this.#schedule();
  }

  /** Adds bytes, which are copied, between two pieces of framing. */
  data(before: string, bytes: Buffer, after: string): void {
    const size = this.#text.length + this.#length + before.length + bytes.length + after.length;
    if (size < WRITE_AT_ONCE) {
      this.#gather(before, '', bytes, after);
      this.#schedule();
      return;
    }
    const out = Buffer.allocUnsafe(size);
    let at = 0;
    if (this.#text !== '') at += out.write(this.#text, 0, 'latin1');
    if (this.#length > 0) at += (this.#bytes as Buffer).copy(out, at, 0, this.#length);
    if (before !== '') at += out.write(before, at, 'latin1');
    at += bytes.copy(out, at);
    if (after !== '') out.write(after, at, 'latin1');
    this.#text = '';
    this.#bytes = null;
    this.#length = 0;
    this.#write(out);
  }

  /** Writes a whole message at once, behind what waits. `body` is not copied if it is large: it belongs to the transport then. */
  message(head: string, body: Buffer | null): void {
    if (this.#length > 0) this.flush();
    const text = this.#text === '' ? head : this.#text + head;
    this.#text = '';
    if (body === null || body.length === 0) this.#write(text);
    else if (body.length > COPY_LIMIT) {
      this.#write(text);
      this.#write(body);
    } else {
      const out = Buffer.allocUnsafe(text.length + body.length);
      out.write(text, 0, 'latin1');
      out.set(body, text.length);
      this.#write(out);
    }
  }

  /** Writes what was gathered. */
  flush(): void {
    if (this.#length > 0) {
      const bytes = (this.#bytes as Buffer).subarray(0, this.#length);
      this.#bytes = null;
      this.#length = 0;
      this.#write(bytes);
    } else if (this.#text !== '') {
      const text = this.#text;
      this.#text = '';
      this.#write(text);
    }
  }

  /** The transport has room again. */
  drained(): void {
    this.full = false;
    this.source?.resume();
  }

  /** Writes nothing more. */
  close(): void {
    this.#closed = true;
    this.source = null;
    this.#text = '';
    this.#bytes = null;
    this.#length = 0;
  }

  /** Copies pieces behind each other; text that waited comes first. */
  #gather(before: string, text: string, bytes: Buffer | null, after: string): void {
    const waiting = this.#text;
    this.#text = '';
    const added = waiting.length + before.length + text.length + (bytes === null ? 0 : bytes.length) + after.length;
    const needed = this.#length + added;
    let out = this.#bytes;
    if (out === null || needed > out.length) {
      const grown = Buffer.allocUnsafe(out === null ? needed : Math.max(needed, 2 * out.length));
      if (out !== null) out.copy(grown, 0, 0, this.#length);
      this.#bytes = out = grown;
    }
    let at = this.#length;
    if (waiting !== '') at += out.write(waiting, at, 'latin1');
    if (before !== '') at += out.write(before, at, 'latin1');
    if (text !== '') at += out.write(text, at, 'latin1');
    if (bytes !== null) at += bytes.copy(out, at);
    if (after !== '') out.write(after, at, 'latin1');
    this.#length = needed;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(flushScheduled, this);
  }

  /** @internal */
  flushInTurn(): void {
    this.#scheduled = false;
    if (!this.#closed) this.flush();
  }

  #write(bytes: Buffer | string): void {
    if (this.#closed || this.#transport.write(bytes)) return;
    this.full = true;
    this.source?.pause();
  }
}

function flushScheduled(output: Output): void {
  output.flushInTurn();
}

/** Whoever sends an {@link OutgoingBody}. */
export interface BodySender {
  /** All of it was handed to the connection. */
  bodySent(): void;
  /** The body broke, or is not as long as announced; its stream is over. */
  bodyBroke(error: Error): void;
}

/** A body stream on its way out: framed by the announced length, as chunks, or by the end of the connection. */
export class OutgoingBody implements BodyConsumer {
  readonly #output: Output;
  readonly #stream: BodyStream;
  readonly #sender: BodySender;
  readonly #chunked: boolean;
  #remaining: number;
  #trailers = '';
  #over = false;
  /** Bytes of content so far. */
  sent = 0;

  /** @param chunked Whether a body of unknown length is sent in chunks; it ends with the connection otherwise. */
  constructor(output: Output, stream: BodyStream, chunked: boolean, sender: BodySender) {
    this.#output = output;
    this.#stream = stream;
    this.#sender = sender;
    this.#chunked = chunked && stream.length === undefined;
    this.#remaining = stream.length ?? -1;
  }

  start(): void {
    const { full } = this.#output;
    this.#output.source = this.#stream;
    this.#stream.read(this);
    if (full && !this.#over) this.#stream.pause();
  }

  onData(chunk: Buffer): void {
    if (this.#over || chunk.length === 0) return;
    if (this.#remaining >= 0) {
      if (chunk.length > this.#remaining) {
        this.#break(new IncompleteMessage('body is longer than its content-length'));
        return;
      }
      this.#remaining -= chunk.length;
    }
    this.sent += chunk.length;
    if (this.#chunked) this.#output.data(`${chunk.length.toString(16)}\r\n`, chunk, '\r\n');
    else this.#output.data('', chunk, '');
  }

  onTrailers(trailers: Headers): void {
    if (!this.#chunked || this.#over) return;
    try {
      this.#trailers = trailerLines(trailers);
    } catch (error) {
      this.#break(error as Error);
    }
  }

  onEnd(): void {
    if (this.#over) return;
    if (this.#remaining > 0) {
      this.onError(new IncompleteMessage('body is shorter than its content-length'));
      return;
    }
    this.#over = true;
    this.#output.source = null;
    if (this.#chunked) this.#output.text(`0\r\n${this.#trailers}\r\n`);
    this.#output.flush();
    this.#sender.bodySent();
  }

  onError(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#output.source = null;
    this.#sender.bodyBroke(error);
  }

  /** Stops, and tells the stream. */
  cancel(reason: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#output.source = null;
    this.#stream.cancel(reason);
  }

  #break(error: Error): void {
    this.cancel(error);
    this.#sender.bodyBroke(error);
  }
}
