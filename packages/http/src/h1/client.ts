import type { Abort } from '../abort.ts';
import { type BodyStream, isStream } from '../body.ts';
import type { ClientConnection, ResponseHandler } from '../client/connection.ts';
import { type Request, Response } from '../message.ts';
import type { Transport, TransportHandler } from '../transport.ts';
import { ChunkedDecoder } from './chunked.ts';
import { IncompleteMessage, MalformedMessage, UnwritableMessage } from './errors.ts';
import { checkUnfinishedHead, type HeadLimits, ResponseHead } from './head.ts';
import { type BodySource, IncomingBody, UNTIL_CLOSE } from './incoming.ts';
import { type BodySender, OutgoingBody, Output } from './outgoing.ts';
import { requestHead } from './request-head.ts';
import { Stash } from './stash.ts';
import { UpgradedTransport } from './upgraded.ts';

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const NOTHING = Buffer.alloc(0);
/** Bytes of a response body that are held before anybody reads it; then the transport is paused. */
const MAX_WAITING = 16_384;
/** Interim responses to one request; more is an attack or a loop. */
const MAX_INTERIM = 100;

/** How an {@link Http1ClientConnection} speaks. */
export interface Http1ClientOptions extends HeadLimits {
  /** Sends the target in absolute form, as a plaintext proxy wants it (RFC 9112 §3.2.2). */
  readonly absoluteForm: boolean;
}

export const defaultHttp1ClientOptions: Http1ClientOptions = {
  maxHeaders: 1000,
  maxHeadBytes: 262_144,
  preserveHeaderCase: false,
  absoluteForm: false,
};

/**
 * An upstream connection that speaks HTTP/1.1 (RFC 9112): one request at a time. The connection is used again only if both
 * messages ended where they should and the server did not ask for its end.
 */
export class Http1ClientConnection implements ClientConnection, TransportHandler, BodySource, BodySender {
  readonly protocol = 'http/1.1';
  onChange: (() => void) | null = null;
  readonly #transport: Transport;
  readonly #options: Http1ClientOptions;
  /** Of the response that is waited for. */
  #limits: Http1ClientOptions;
  readonly #output: Output;
  readonly #head = new ResponseHead();
  readonly #stash = new Stash();
  readonly #onAbort = (reason: Error): void => this.#fail(reason);

  #bytes: Buffer = NOTHING;
  #at = 0;
  #reading = false;
  /** Bytes of an unfinished head that were looked at. */
  #seen = 0;
  #paused = false;

  /** Who waits for the head of a response. */
  #handler: ResponseHandler | null = null;
  #abort: Abort | null = null;
  /** A request was given and the exchange is not over. */
  #busy = false;
  #method = '';
  #upgrading = false;
  /** The request body on its way. */
  #sending: OutgoingBody | null = null;
  /** The request's body stream, if it has one. */
  #streamed = false;
  /** The response body while it is not complete. */
  #body: IncomingBody | null = null;
  #answered = false;
  /** A byte came since the request was given. */
  #heard = false;
  #interim = 0;

  #keepAlive = true;
  #ended = false;
  #closed = false;

  constructor(transport: Transport, options: Partial<Http1ClientOptions> = {}) {
    this.#transport = transport;
    this.#options = { ...defaultHttp1ClientOptions, ...options };
    this.#limits = this.#options;
    this.#output = new Output(transport);
    transport.start(this);
  }

  get capacity(): number {
    return this.#busy || !this.usable ? 0 : 1;
  }

  get active(): number {
    return this.#busy ? 1 : 0;
  }

  get usable(): boolean {
    return this.#keepAlive && !this.#closed;
  }

  send(request: Request, handler: ResponseHandler, abort: Abort | null): void {
    if (this.capacity === 0) throw new Error('this connection cannot take a request');
    const { body } = request;
    if (abort !== null && abort.reason !== null) {
      handler.onError(abort.reason, { clean: true, bodyUntouched: true });
      return;
    }
    let head: string;
    try {
      head = requestHead(request, this.#options.absoluteForm);
    } catch (error) {
      if (!(error instanceof UnwritableMessage)) throw error;
      // Another connection would refuse it as well.
      handler.onError(error, { clean: false, bodyUntouched: true });
      return;
    }
    this.#busy = true;
    this.#handler = handler;
    this.#abort = abort;
    this.#method = request.method;
    // Who had the spelling of a request's names kept wants to see the response's.
    this.#limits = request.headers.spelled ? { ...this.#options, preserveHeaderCase: true } : this.#options;
    this.#upgrading = request.method !== 'CONNECT' && request.headers.has('upgrade');
    this.#answered = false;
    this.#heard = false;
    this.#interim = 0;
    this.#streamed = false;
    abort?.listen(this.#onAbort);
    if (isStream(body)) this.#sendStream(head, body);
    else this.#output.message(head, body);
  }

  close(): void {
    if (this.#closed) return;
    this.#keepAlive = false;
    if (!this.#busy) this.#destroy(null);
  }

  destroy(error: Error): void {
    this.#fail(error);
  }

  onData(chunk: Buffer): void {
    if (this.#closed) return;
    this.#heard = true;
    if (this.#stash.length === 0) {
      this.#read(chunk);
      if (this.#at < chunk.length) this.#hold(chunk.subarray(this.#at));
    } else {
      this.#hold(chunk);
      this.#readStash();
    }
  }

  onEnd(): void {
    this.#ended = true;
    this.#keepAlive = false;
    this.#afterReading();
  }

  onDrain(): void {
    this.#output.drained();
  }

  onClose(error: Error | null): void {
    if (this.#closed) return;
    // What came before a good end is still the response, even if its reader is slow.
    if (error === null && this.#ended && this.#body !== null && this.#stash.length > 0) return;
    this.#fail(error ?? new IncompleteMessage('the server closed the connection'));
  }

  bodyWanted(): void {
    if (this.#reading) return;
    if (this.#stash.length > 0) this.#readStash();
    else this.#resume();
    this.#afterReading();
  }

  bodyPaused(): void {
    this.#pause();
  }

  bodyCancelled(reason: Error): void {
    this.#fail(reason);
  }

  bodySent(): void {
    this.#sending = null;
    if (this.#answered && this.#body === null) this.#over();
  }

  bodyBroke(error: Error): void {
    this.#sending = null;
    this.#fail(error);
  }

  #sendStream(head: string, body: BodyStream): void {
    this.#output.text(head);
    const sending = new OutgoingBody(this.#output, body, true, this);
    this.#sending = sending;
    this.#streamed = true;
    sending.start();
  }

  #hold(bytes: Buffer): void {
    if (this.#closed) return;
    this.#stash.append(bytes);
    if (this.#stash.length > MAX_WAITING && this.#body !== null && !this.#body.flowing) this.#pause();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#transport.pause();
  }

  #resume(): void {
    if (!this.#paused || this.#closed || (this.#body !== null && !this.#body.flowing)) return;
    this.#paused = false;
    this.#transport.resume();
  }

  #readStash(): void {
    if (this.#body !== null && !this.#body.flowing) return;
    this.#read(this.#stash.peek());
    this.#stash.skip(this.#at);
    this.#resume();
  }

  /** Reads as far as it can be read; `#at` tells how far that was. */
  #read(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#at = 0;
    this.#reading = true;
    try {
      while (this.#at < bytes.length && this.#step()) {}
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      this.#fail(error);
    } finally {
      this.#reading = false;
      this.#bytes = NOTHING;
    }
  }

  #step(): boolean {
    if (this.#closed) return false;
    const body = this.#body;
    if (body !== null) {
      if (!body.flowing) return false;
      this.#at = body.feed(this.#bytes, this.#at);
      if (body.complete && this.#body === body) this.#bodyComplete();
      return true;
    }
    if (this.#handler !== null) return this.#readHead(this.#handler);
    // Nothing was asked: whatever this is, it must not become the answer to the next request.
    this.#fail(new MalformedMessage(400, 'bytes behind the response'));
    return false;
  }

  #readHead(handler: ResponseHandler): boolean {
    const bytes = this.#bytes;
    const at = this.#at;
    const limits = this.#limits;
    const end = bytes.indexOf(END_OF_HEAD, at + Math.max(0, this.#seen - 3));
    if (end < 0) {
      checkUnfinishedHead(bytes, at, at + Math.max(0, this.#seen - 1), limits);
      this.#seen = bytes.length - at;
      return false;
    }
    if (end + 4 - at > limits.maxHeadBytes) throw new MalformedMessage(431, 'response head too large');
    this.#seen = 0;
    this.#at = end + 4;
    const head = this.#head;
    head.parse(bytes.toString('latin1', at, end + 2), limits);
    const { status, headers } = head;
    if (status >= 200) this.#respond(handler);
    else if (status === 101) this.#switch(handler);
    else if (++this.#interim > MAX_INTERIM) throw new MalformedMessage(400, 'too many interim responses');
    else handler.onInform(status, headers);
    return true;
  }

  #switch(handler: ResponseHandler): void {
    if (!this.#upgrading || this.#sending !== null) throw new MalformedMessage(400, 'unasked switch of protocols');
    this.#handOver(handler);
  }

  #respond(handler: ResponseHandler): void {
    const { status, minor, headers, framing } = this.#head;
    if (this.#method === 'CONNECT' && status < 300) {
      this.#handOver(handler);
      return;
    }
    this.#handler = null;
    this.#answered = true;
    if (framing.close || (minor === 0 && !framing.keepAlive)) this.#keepAlive = false;
    // An early answer: the request may never be whole, so the connection ends with it.
    if (this.#sending !== null) this.#keepAlive = false;
    const version = minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
    const empty = this.#method === 'HEAD' || status === 204 || status === 304;
    const length = empty ? 0 : framing.contentLength;
    if (!framing.chunked && length >= 0 && length <= this.#bytes.length - this.#at) {
      const body = length === 0 ? null : Buffer.from(this.#bytes.subarray(this.#at, this.#at + length));
      this.#at += length;
      handler.onResponse(new Response(status, headers, body, version));
      this.#bodyComplete();
      return;
    }
    const { maxHeaders, preserveHeaderCase } = this.#limits;
    if (empty) {
      handler.onResponse(new Response(status, headers, null, version));
      this.#bodyComplete();
      return;
    }
    if (!framing.chunked && length < 0) this.#keepAlive = false;
    const body = new IncomingBody(
      this,
      framing.chunked ? new ChunkedDecoder(maxHeaders, preserveHeaderCase) : length < 0 ? UNTIL_CLOSE : length,
    );
    this.#body = body;
    handler.onResponse(new Response(status, headers, body, version));
  }

  #handOver(handler: ResponseHandler): void {
    const { status, minor, headers } = this.#head;
    const left = Buffer.from(this.#bytes.subarray(this.#at));
    this.#at = this.#bytes.length;
    this.#closed = true;
    this.#release();
    const transport = new UpgradedTransport(this.#transport, left, this.#ended, null);
    handler.onUpgrade(new Response(status, headers, null, minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1'), transport);
    this.onChange?.();
  }

  /** The response was read whole. */
  #bodyComplete(): void {
    this.#body = null;
    if (this.#closed || !this.#busy) return;
    if (this.#sending === null) this.#over();
    else this.#fail(new IncompleteMessage('the response ended before the request was sent'));
  }

  /** Both messages are over. */
  #over(): void {
    this.#release();
    // Bytes behind the response would be taken for the answer to the next request.
    const more = this.#reading ? this.#at < this.#bytes.length : this.#stash.length > 0;
    if (!this.#keepAlive || this.#ended || more) this.#destroy(null);
    else {
      this.#resume();
      this.onChange?.();
    }
  }

  #release(): void {
    this.#abort?.unlisten(this.#onAbort);
    this.#abort = null;
    this.#busy = false;
    this.#handler = null;
    this.#sending = null;
  }

  /** Once everything that came was read as far as it can be: has the server left in the middle of something? */
  #afterReading(): void {
    if (!this.#ended || this.#closed || this.#reading) return;
    const body = this.#body;
    if (body === null) {
      // An idle connection that the server closes in good order is closed in good order, not reset.
      if (!this.#busy) this.#destroy(null);
      else this.#fail(new IncompleteMessage('the server ended the connection'));
      return;
    }
    if (this.#stash.length > 0 && !body.flowing) return;
    if (body.endsWithConnection) {
      body.finish();
      this.#bodyComplete();
    } else this.#fail(new IncompleteMessage('the server ended the connection before its response was whole'));
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    const handler = this.#handler;
    const body = this.#body;
    const sending = this.#sending;
    const clean = !this.#heard;
    this.#body = null;
    this.#closed = true;
    this.#release();
    this.#output.close();
    this.#transport.destroy(error);
    sending?.cancel(error);
    body?.fail(error);
    handler?.onError(error, { clean, bodyUntouched: !this.#streamed });
    this.onChange?.();
  }

  #destroy(error: Error | null): void {
    this.#closed = true;
    this.#output.close();
    if (error === null) this.#transport.destroy();
    else this.#transport.destroy(error);
    this.onChange?.();
  }
}
