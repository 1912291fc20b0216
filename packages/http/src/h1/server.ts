import { Headers } from '../headers.ts';
import { Request, Response } from '../message.ts';
import type { Handler, ServedConnection, ServerOptions } from '../server/handler.ts';
import type { ConnectionInfo, Transport, TransportHandler } from '../transport.ts';
import { ChunkedDecoder } from './chunked.ts';
import { IncompleteMessage, MalformedMessage } from './errors.ts';
import { type ExchangeOwner, ServerExchange } from './exchange.ts';
import { checkUnfinishedHead, RequestHead } from './head.ts';
import { type BodySource, IncomingBody, UNTIL_CLOSE } from './incoming.ts';
import { Output } from './outgoing.ts';
import { Stash } from './stash.ts';
import { type Swept, unwatch, watch } from './sweep.ts';
import { UpgradedTransport } from './upgraded.ts';

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const NOTHING = Buffer.alloc(0);
/** Bytes of pipelined requests, or of a body that nobody reads yet, that are held before the transport is paused. */
const MAX_WAITING = 16_384;
/** Bytes of an unread request body that are thrown away to keep the connection. */
const MAX_DISCARD = 65_536;
/** Milliseconds for which a connection that is to close listens on, so that a reset does not overtake the response. */
const LINGER = 10_000;
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

/**
 * Serves HTTP/1.0 and HTTP/1.1 on a connection (RFC 9112): one exchange after the other, until either side has enough.
 *
 * @param head Bytes of the connection that were read already.
 */
export function serveHttp1(
  transport: Transport,
  info: ConnectionInfo,
  handler: Handler,
  options: ServerOptions,
  head?: Buffer,
): ServedConnection {
  const connection = new ServerConnection(transport, info, handler, options);
  connection.begin(head);
  return connection;
}

class ServerConnection implements ServedConnection, TransportHandler, ExchangeOwner, BodySource, Swept {
  readonly output: Output;
  readonly #transport: Transport;
  readonly #info: ConnectionInfo;
  readonly #handler: Handler;
  readonly #options: ServerOptions;
  readonly #head = new RequestHead();
  readonly #stash = new Stash();

  /** What is being read, and how far; valid while `#reading`. */
  #bytes: Buffer = NOTHING;
  #at = 0;
  #reading = false;
  /** Bytes of an unfinished head that were looked at. */
  #seen = 0;
  #emptyLine = false;
  #paused = false;

  #exchange: ServerExchange | null = null;
  /** The request body while it is not complete. */
  #body: IncomingBody | null = null;
  /** The client waits for `100` before it sends the body. */
  #continuePending = false;

  /** The client has ended its side. */
  #ended = false;
  /** No further request is served. */
  #closing = false;
  #lingering = false;
  #closed = false;
  #upgraded: ServerExchange | null = null;

  /** Milliseconds; infinite where there is no limit. */
  readonly #idleTimeout: number;
  #deadline: number;
  readonly #oldAt: number;

  constructor(transport: Transport, info: ConnectionInfo, handler: Handler, options: ServerOptions) {
    this.#transport = transport;
    this.#info = info;
    this.#handler = handler;
    this.#options = options;
    this.output = new Output(transport);
    const now = performance.now();
    this.#idleTimeout = options.idleTimeout > 0 ? options.idleTimeout : Number.POSITIVE_INFINITY;
    this.#deadline = now + this.#idleTimeout;
    this.#oldAt = options.maxConnectionAge > 0 ? now + options.maxConnectionAge : Number.POSITIVE_INFINITY;
  }

  get active(): number {
    return this.#exchange === null && this.#upgraded === null ? 0 : 1;
  }

  begin(head: Buffer | undefined): void {
    watch(this);
    this.#transport.start(this);
    if (head !== undefined && head.length > 0) this.onData(head);
  }

  drain(): void {
    if (this.#closed || this.#upgraded !== null) return;
    this.#closing = true;
    if (this.#exchange === null && this.#body === null && this.#stash.length === 0) this.#close(null);
  }

  destroy(error: Error): void {
    this.#close(error);
  }

  sweep(now: number): void {
    if (now >= this.#oldAt && !this.#closing) this.drain();
    if (this.#closed) return;
    // Only heads, left-over bodies and lingering are timed here: the pace of an exchange is its handler's concern.
    if (now < this.#deadline || this.#exchange !== null || (this.#lingering && this.output.full)) return;
    this.#close(null);
  }

  onData(chunk: Buffer): void {
    if (this.#lingering || this.#closed) return;
    if (this.#body !== null) this.#continuePending = false;
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
    if (!this.#lingering) this.#afterReading();
  }

  onDrain(): void {
    this.output.drained();
    if (this.#exchange !== null || this.#closed) return;
    this.#deadline = performance.now() + (this.#lingering ? LINGER : this.#idleTimeout);
    if (!this.#lingering && !this.#reading && this.#upgraded === null) this.#pump();
  }

  onClose(error: Error | null): void {
    this.#close(error, true);
  }

  bodyWanted(): void {
    if (this.#continuePending) {
      this.#continuePending = false;
      if (this.#exchange !== null && !this.#exchange.responded) {
        this.output.text(CONTINUE);
        this.output.flush();
      }
    }
    if (!this.#reading) this.#pump();
  }

  bodyPaused(): void {
    this.#pause();
  }

  bodyCancelled(): void {}

  lastResponse(): boolean {
    const body = this.#body;
    if (body !== null && !body.complete && !body.wasRead && (this.#continuePending || body.remaining > MAX_DISCARD)) {
      this.#closing = true;
    }
    const more = this.#reading ? this.#at < this.#bytes.length : this.#stash.length > 0;
    if (this.#ended && !more) this.#closing = true;
    return this.#closing;
  }

  exchangeOver(exchange: ServerExchange, error: Error | null): void {
    if (this.#exchange !== exchange) return;
    if (error !== null) {
      this.#breakOff(exchange, error);
      return;
    }
    this.#exchange = null;
    const body = this.#body;
    if (exchange.untilClose) this.#closing = true;
    exchange.ended(null);
    if (this.#closed) return;
    if (body !== null && !body.complete) {
      body.fail(new IncompleteMessage('the exchange ended before the request was read'));
      if (this.#continuePending || body.remaining > MAX_DISCARD) this.#closing = true;
      else body.discard(MAX_DISCARD);
    }
    this.#deadline = performance.now() + this.#idleTimeout;
    if (this.#closing) this.#finish();
    else if (!this.#reading) this.#pump();
  }

  handOver(exchange: ServerExchange): Transport {
    const left = this.#reading ? Buffer.from(this.#bytes.subarray(this.#at)) : this.#stash.take();
    this.#at = this.#bytes.length;
    this.#upgraded = exchange;
    this.#exchange = null;
    unwatch(this);
    return new UpgradedTransport(this.#transport, left, this.#ended, (error) => {
      this.#upgraded = null;
      this.#closed = true;
      exchange.ended(error);
    });
  }

  dropped(error: Error): void {
    this.#close(error);
  }

  /**
   * Bytes cannot be used now: a request is being answered, its body is not wanted yet, or the client does not read the
   * answers that it has.
   */
  #waiting(): boolean {
    return this.#body !== null ? !this.#body.flowing : this.#exchange !== null || this.output.full;
  }

  #hold(bytes: Buffer): void {
    if (this.#closed || this.#lingering || this.#upgraded !== null) return;
    this.#stash.append(bytes);
    if (this.#stash.length > MAX_WAITING && this.#waiting()) this.#pause();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#transport.pause();
  }

  /** Goes on with what waits, and lets more come. */
  #pump(): void {
    if (this.#stash.length > 0) this.#readStash();
    else this.#resume();
    if (!this.#lingering) this.#afterReading();
  }

  #resume(): void {
    if (!this.#paused || this.#closed || this.#upgraded !== null) return;
    if (this.#waiting() && (this.#body !== null || this.#stash.length > MAX_WAITING)) return;
    this.#paused = false;
    this.#transport.resume();
  }

  #readStash(): void {
    if (this.#waiting()) return;
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
      this.#refuse(error);
    } finally {
      this.#reading = false;
      this.#bytes = NOTHING;
    }
  }

  /** Reads one head or a piece of body; false if the rest has to wait. */
  #step(): boolean {
    if (this.#closed || this.#lingering || this.#upgraded !== null) return false;
    const body = this.#body;
    if (body === null) return this.#exchange === null && !this.output.full && this.#readHead();
    if (!body.flowing) return false;
    this.#at = body.feed(this.#bytes, this.#at);
    if (body.complete) {
      if (this.#body === body) this.#body = null;
      if (this.#closing && this.#exchange === null && this.#body === null) this.#finish();
    } else if (body.overrun) this.#finish();
    return true;
  }

  #readHead(): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    if (!this.#emptyLine && bytes[at] === 13 && bytes[at + 1] === 10) {
      // RFC 9112 §2.2: one empty line before a request is a relic that is read past.
      this.#emptyLine = true;
      at += 2;
      this.#at = at;
      this.#seen = 0;
      if (at === bytes.length) return false;
    }
    const limits = this.#options;
    const end = bytes.indexOf(END_OF_HEAD, at + Math.max(0, this.#seen - 3));
    if (end < 0) {
      checkUnfinishedHead(bytes, at, at + Math.max(0, this.#seen - 1), limits);
      this.#seen = bytes.length - at;
      return false;
    }
    if (end + 4 - at > limits.maxHeadBytes) throw new MalformedMessage(431, 'request head too large');
    this.#seen = 0;
    this.#emptyLine = false;
    this.#at = end + 4;
    this.#head.parse(bytes.toString('latin1', at, end + 2), limits);
    this.#serve();
    return true;
  }

  #serve(): void {
    const { method, framing, minor, headers, scheme, authority, path } = this.#head;
    const http10 = minor === 0;
    const keepAlive = http10 ? framing.keepAlive && !framing.close : !framing.close;
    if (!keepAlive) this.#closing = true;
    const expects = !http10 && framing.expect !== '';
    if (expects && framing.expect !== '100-continue') throw new MalformedMessage(417, 'unknown expectation');

    const connect = method === 'CONNECT';
    if (connect && (framing.chunked || framing.contentLength > 0)) {
      throw new MalformedMessage(400, 'CONNECT with content');
    }
    const request = new Request(
      method,
      scheme,
      authority,
      path,
      http10 ? 'HTTP/1.0' : 'HTTP/1.1',
      headers,
      this.#requestBody(expects),
    );
    const hasBody = request.body !== null;
    const exchange = new ServerExchange(this, {
      head: method === 'HEAD',
      http10,
      keepAlive,
      connect,
      upgradable: !http10 && (connect || (framing.upgrade && headers.has('upgrade') && !hasBody)),
    });
    this.#exchange = exchange;
    try {
      this.#handler(request, exchange, this.#info);
    } catch {
      const reason = Buffer.from('internal error');
      exchange.respond(new Response(500, Headers.of(['content-type', 'text/plain']), reason));
    }
  }

  #requestBody(expects: boolean): Buffer | IncomingBody | null {
    const { framing } = this.#head;
    const length = framing.contentLength;
    this.#continuePending = false;
    if (!framing.chunked && length <= 0) return null;
    if (!framing.chunked && this.#bytes.length - this.#at >= length) {
      const body = Buffer.from(this.#bytes.subarray(this.#at, this.#at + length));
      this.#at += length;
      return body;
    }
    this.#continuePending = expects && this.#at === this.#bytes.length;
    const { maxHeaders, preserveHeaderCase } = this.#options;
    const coding = framing.chunked ? new ChunkedDecoder(maxHeaders, preserveHeaderCase) : length;
    this.#body = new IncomingBody(this, coding);
    return this.#body;
  }

  /** Once everything that came was read as far as it can be: has the client left in the middle of something? */
  #afterReading(): void {
    if (!this.#ended || this.#closed || this.#reading || this.#upgraded !== null) return;
    const body = this.#body;
    if (body !== null && !body.complete) {
      const { length } = this.#stash;
      if (length > 0 && (body.remaining === UNTIL_CLOSE || body.remaining <= length)) return;
      this.#close(new IncompleteMessage('the client ended the connection before its request was whole'));
    } else if (this.#exchange === null) {
      if (this.#stash.length === 0 || !this.output.full) this.#finish();
    } else if (this.#options.halfClose === false) {
      this.#close(new IncompleteMessage('the client ended the connection before the response'));
    }
  }

  /** Answers what cannot be understood, and closes. */
  #refuse(error: MalformedMessage): void {
    const exchange = this.#exchange;
    this.#closing = true;
    if (exchange === null && this.#body !== null) {
      this.#finish();
      return;
    }
    this.#body?.fail(error);
    if (this.#closed) return;
    if (exchange === null || (this.#exchange === exchange && !exchange.responded)) {
      const headers = Headers.of(['content-type', 'text/plain']);
      const refusal = new ServerExchange(this, {
        head: false,
        http10: false,
        keepAlive: false,
        upgradable: false,
        connect: false,
      });
      this.#exchange = refusal;
      exchange?.abort(error);
      this.#body = null;
      refusal.respond(new Response(error.status, headers, Buffer.from(error.message)));
    } else if (this.#exchange !== null) this.#close(error);
    else this.#finish();
  }

  /** Ends our side, and listens on for a while without hearing. */
  #finish(): void {
    if (this.#lingering || this.#closed) return;
    this.output.flush();
    this.#lingering = true;
    this.#body = null;
    this.#stash.take();
    this.#deadline = performance.now() + LINGER;
    this.#transport.end();
    if (this.#ended || this.#closed) return;
    this.#paused = false;
    this.#transport.resume();
  }

  /**
   * A response broke. What came of it leaves first, since its last words may say why; then the connection ends where the
   * message has not.
   */
  #breakOff(exchange: ServerExchange, error: Error): void {
    this.output.flush();
    // Without a length the end of the connection would be the end of the message: it must be destroyed.
    if (this.#closed || exchange.untilClose) {
      this.#close(error);
      return;
    }
    const body = this.#body;
    this.#exchange = null;
    this.#closing = true;
    body?.fail(error);
    exchange.ended(error);
    this.#finish();
  }

  #close(error: Error | null, byTransport = false): void {
    if (this.#closed) return;
    this.#closed = true;
    unwatch(this);
    this.output.close();
    const body = this.#body;
    const exchange = this.#exchange;
    this.#body = null;
    this.#exchange = null;
    if (!byTransport) {
      if (error === null) this.#transport.destroy();
      else this.#transport.destroy(error);
    }
    if (exchange === null && body === null) return;
    const reason = error ?? new IncompleteMessage('the connection was closed');
    body?.fail(reason);
    exchange?.abort(reason);
  }
}
