import {
  constants,
  type ServerOptions as NodeOptions,
  type OutgoingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerStreamResponseOptions,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import { isStream } from '../body.ts';
import { DuplexTransport } from '../duplex-transport.ts';
import { Headers } from '../headers.ts';
import { Request, Response } from '../message.ts';
import type { Handler, Reply, ServedConnection, ServerOptions } from '../server/handler.ts';
import type { ConnectionInfo, Transport } from '../transport.ts';
import { Http2Body, Http2StreamError } from './body.ts';
import { Http2BodyWriter } from './body-writer.ts';
import { announcedLength, contentLength, readFields, writeFields } from './fields.ts';
import { ResetBudget } from './reset-budget.ts';

/** Field lines that are read at all; between `maxHeaders` and this the client gets its 431. */
const HARD_MAX_HEADERS = 4096;
/** Bytes of a field list where nothing is configured. */
const DEFAULT_MAX_HEADER_LIST = 65_536;
/** Megabytes that one session may hold for its streams: 200 streams at Node's buffer sizes fit. */
const SESSION_MEMORY = 64;
/** Time that a client has for closing its side after the last answer, in milliseconds. */
const LINGER = 2000;

/**
 * Serves HTTP/2 on a transport, with TLS below it or by prior knowledge (RFC 9113).
 *
 * @param head Bytes read from the transport already, from the first of the preface on.
 */
export function serveHttp2(
  transport: Transport,
  info: ConnectionInfo,
  handler: Handler,
  options: ServerOptions,
  head?: Buffer,
): ServedConnection {
  return new Http2ServerConnection(transport, info, handler, options, head);
}

class Http2ServerConnection implements ServedConnection {
  active = 0;
  readonly info: ConnectionInfo;
  readonly options: ServerOptions;
  readonly #handler: Handler;
  readonly #duplex: Duplex;
  readonly #session: ServerHttp2Session;
  readonly #resets = new ResetBudget();
  readonly #timers: NodeJS.Timeout[] = [];
  #idleSince = performance.now();
  #draining = false;
  #error: Error | null = null;

  constructor(
    transport: Transport,
    info: ConnectionInfo,
    handler: Handler,
    options: ServerOptions,
    head: Buffer | undefined,
  ) {
    this.info = info;
    this.options = options;
    this.#handler = handler;
    const duplex = transport.toDuplex(head);
    this.#duplex = duplex;
    const session = performServerHandshake(duplex, sessionOptions(options));
    this.#session = session;
    // The session takes the data from beneath the socket, but does not start a socket that has never been read.
    duplex.read(0);
    // HTTP/2 knows no half-closed connection: who has ended will not read answers either.
    duplex.once('end', () => this.destroy(new Error('the client closed the connection')));
    session.on('stream', (stream: ServerHttp2Stream, _fields: unknown, flags: number, raw: string[]) =>
      this.#onStream(stream, flags, raw),
    );
    session.on('error', (error) => {
      this.#error ??= error;
    });
    session.on('close', () => this.#onClose());
    const { connectionWindowSize } = options.http2;
    if (connectionWindowSize !== undefined) session.setLocalWindowSize(connectionWindowSize);
    this.#startTimers();
  }

  /** Why the connection broke, if it did. */
  get error(): Error | null {
    return this.#error;
  }

  drain(): void {
    if (this.#draining || this.#session.destroyed) return;
    this.#draining = true;
    // Without open streams, nghttp2 reads nothing more after a GOAWAY: there is no round trip to wait for.
    if (this.active === 0) {
      this.#finish();
      return;
    }
    const session = this.#session;
    // First the word that no more requests are wanted, then, after a round trip in which those on their way have arrived,
    // the last id that is served (RFC 9113 §6.8).
    session.goaway(constants.NGHTTP2_NO_ERROR, 2 ** 31 - 1);
    const asked = session.ping(() => this.#finish());
    if (!asked) this.#finish();
  }

  /** Takes no more requests and closes when the open ones are over. */
  #finish(): void {
    this.#draining = true;
    if (!this.#session.destroyed) this.#session.close();
    // Node ends our side and waits for the client's; not for ever.
    if (this.active === 0) this.#timers.push(setTimeout(() => this.#duplex.destroy(), LINGER));
  }

  destroy(error: Error): void {
    if (this.#session.destroyed) return;
    this.#error ??= error;
    this.#session.destroy(error, constants.NGHTTP2_CANCEL);
  }

  #onStream(stream: ServerHttp2Stream, flags: number, raw: string[]): void {
    // Errors of a stream are told by its close; unheard they would end the process.
    stream.on('error', ignore);
    if (stream.destroyed || stream.aborted || stream.closed) {
      this.#countReset();
      return;
    }
    const fields = readFields(raw);
    const { headers } = fields;
    this.active++;
    const exchange = new Http2Exchange(stream, this, fields.method);
    if (headers.length > this.options.maxHeaders) {
      exchange.refuse(431, 'too many header fields');
      return;
    }
    if (!agreeingHost(headers, fields.authority)) {
      exchange.refuse(400, 'host differs from :authority');
      return;
    }
    const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    const body = ended || fields.method === 'CONNECT' ? null : exchange.openBody(headers);
    const { method, scheme, authority, path } = fields;
    this.#handler(new Request(method, scheme, authority, path, 'HTTP/2.0', headers, body), exchange, this.info);
  }

  /** @param reset True if the client took its request back. */
  onExchangeClosed(reset: boolean): void {
    this.active--;
    if (this.active === 0) {
      this.#idleSince = performance.now();
      if (this.#draining) this.#finish();
    }
    if (reset) this.#countReset();
  }

  #countReset(): void {
    if (this.#session.destroyed || this.#resets.take(performance.now())) return;
    this.#error ??= new Error('the client cancels requests faster than it may');
    this.#session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    this.#session.destroy(this.#error, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  #startTimers(): void {
    const { idleTimeout, maxConnectionAge, http2 } = this.options;
    if (idleTimeout > 0) this.#watchIdle(idleTimeout, idleTimeout);
    if (maxConnectionAge > 0) this.#timers.push(setTimeout(() => this.drain(), maxConnectionAge));
    if (http2.keepaliveInterval > 0) {
      this.#timers.push(setInterval(() => this.#ping(http2.keepaliveTimeout), http2.keepaliveInterval));
    }
  }

  /** One timer per connection, not per request: it looks when it fires how long nothing has been going on. */
  #watchIdle(timeout: number, delay: number): void {
    this.#timers[0] = setTimeout(() => {
      const idle = this.active > 0 ? 0 : performance.now() - this.#idleSince;
      if (idle >= timeout) this.#finish();
      else this.#watchIdle(timeout, Math.ceil(timeout - idle));
    }, delay);
  }

  #ping(timeout: number): void {
    const session = this.#session;
    if (session.destroyed) return;
    const late = setTimeout(() => this.destroy(new Error(`no answer to a keepalive within ${timeout} ms`)), timeout);
    this.#timers.push(late);
    session.ping(() => {
      clearTimeout(late);
      const at = this.#timers.indexOf(late);
      if (at >= 0) this.#timers.splice(at, 1);
    });
  }

  #onClose(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}

function ignore(): void {}

function sessionOptions(options: ServerOptions): NodeOptions {
  const { http2 } = options;
  return {
    maxHeaderListPairs: Math.max(HARD_MAX_HEADERS, options.maxHeaders + 8),
    maxSessionMemory: SESSION_MEMORY,
    strictSingleValueFields: false,
    settings: {
      enablePush: false,
      enableConnectProtocol: false,
      maxConcurrentStreams: http2.maxConcurrentStreams,
      maxHeaderListSize: http2.maxHeaderListSize ?? DEFAULT_MAX_HEADER_LIST,
      ...(http2.windowSize === undefined ? {} : { initialWindowSize: http2.windowSize }),
      ...(http2.maxFrameSize === undefined ? {} : { maxFrameSize: http2.maxFrameSize }),
    },
  } as NodeOptions;
}

/** A `host` field beside `:authority` must say the same and is dropped (RFC 9113 §8.3.1). */
function agreeingHost(headers: Headers, authority: string): boolean {
  if (authority === '') return true;
  const host = headers.get('host');
  if (host === undefined) return true;
  if (host.toLowerCase() !== authority.toLowerCase()) return false;
  headers.delete('host');
  return true;
}

/** One request on one stream, and the way back. */
class Http2Exchange implements Reply {
  onClosed: ((error: Error | null) => void) | null = null;
  readonly upgradable: boolean;
  readonly #stream: ServerHttp2Stream;
  readonly #connection: Http2ServerConnection;
  readonly #method: string;
  #body: Http2Body | null = null;
  #writer: Http2BodyWriter | null = null;
  #bodyBytes = 0;
  #responded = false;
  #finished = false;
  #upgraded = false;
  /** What we closed the stream for, if it was us. */
  #reason: Error | null = null;
  #expectsContinue = false;

  constructor(stream: ServerHttp2Stream, connection: Http2ServerConnection, method: string) {
    this.#stream = stream;
    this.#connection = connection;
    this.#method = method;
    this.upgradable = method === 'CONNECT';
    stream.on('aborted', () => this.#onStreamEnd());
    stream.on('close', () => this.#onStreamEnd());
    stream.on('finish', () => this.#onFinish());
  }

  get bodyBytes(): number {
    return this.#writer === null ? this.#bodyBytes : this.#writer.bytes;
  }

  openBody(headers: Headers): Http2Body {
    this.#expectsContinue = headers.get('expect')?.toLowerCase() === '100-continue';
    const body = new Http2Body(this.#stream, contentLength(headers), () => this.#sendContinue());
    body.onCancel = () => {
      // The rest is not wanted: what is there is thrown away until the response is over, which ends the stream.
      if (!this.#stream.destroyed) this.#stream.resume();
    };
    this.#body = body;
    return body;
  }

  /** Answers without asking the handler. */
  refuse(status: number, message: string): void {
    const body = Buffer.from(message);
    this.respond(new Response(status, Headers.of(['content-type', 'text/plain']), body, 'HTTP/2.0'));
  }

  respond(response: Response): void {
    const stream = this.#stream;
    const { body } = response;
    if (this.#responded || stream.destroyed || stream.closed) {
      if (isStream(body)) body.cancel(this.#reason ?? new Http2StreamError(stream.rstCode ?? 0));
      return;
    }
    this.#responded = true;
    this.#write(response);
    this.#discardUnread();
  }

  #write(response: Response): void {
    const stream = this.#stream;
    const { body } = response;
    const bodiless = this.#method === 'HEAD' || response.status === 204 || response.status === 304;
    const streamed = !bodiless && isStream(body);
    const endStream = bodiless || body === null;
    if (!this.#begin(responseFields(response, bodiless), { endStream, waitForTrailers: streamed })) {
      if (isStream(body)) body.cancel(this.#reason as Error);
      return;
    }
    if (isStream(body)) {
      if (bodiless) {
        body.cancel(new Error('the response has no body'));
        return;
      }
      this.#writer = new Http2BodyWriter(stream, body);
      this.#writer.onTrailersSent = () => setImmediate(() => this.#refuseRest());
      this.#writer.start();
    } else if (!endStream && body !== null) {
      this.#bodyBytes = body.length;
      stream.end(body);
    }
  }

  /** Sends the head of a response; false if it holds what HTTP/2 cannot carry, which ends the stream. */
  #begin(fields: OutgoingHttpHeaders, options: ServerStreamResponseOptions): boolean {
    try {
      this.#stream.respond(fields, { ...options, sendDate: false } as ServerStreamResponseOptions);
      return true;
    } catch (error) {
      this.destroy(error as Error);
      return false;
    }
  }

  /**
   * Lets go what nobody began to read. Node resets a stream that is written whole while its readable side was never touched,
   * even if part of the response still waits for the client's window.
   */
  #discardUnread(): void {
    if (this.#body === null) this.#stream.resume();
    else if (!this.#body.wasRead) this.#body.cancel(new Error('the request was answered unread'));
  }

  inform(status: number, headers: Headers): void {
    const stream = this.#stream;
    if (this.#responded || stream.destroyed || stream.closed) return;
    const fields: OutgoingHttpHeaders = { ':status': status };
    writeFields(headers, fields);
    try {
      stream.additionalHeaders(fields);
    } catch {
      // An interim response that cannot be carried is left out: the final one does not depend on it.
    }
  }

  upgrade(response: Response): Transport {
    this.#responded = true;
    this.#upgraded = true;
    const fields: OutgoingHttpHeaders = { ':status': 200 };
    writeFields(response.headers, fields);
    this.#begin(fields, {});
    return new DuplexTransport(this.#stream);
  }

  destroy(error: Error): void {
    this.#reason ??= error;
    if (!this.#stream.destroyed) this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    this.#onStreamEnd();
  }

  #sendContinue(): void {
    if (!this.#expectsContinue || this.#responded) return;
    this.#expectsContinue = false;
    if (!this.#stream.destroyed && !this.#stream.closed) this.#stream.additionalHeaders({ ':status': 100 });
  }

  /** All of the response was handed over. */
  #onFinish(): void {
    if (this.#finished || !this.#responded || this.#upgraded) return;
    if (this.#writer?.error || this.#stream.aborted) return;
    this.#close(null);
    // A stream that was written ends behind its trailers: a reset before them would cut it.
    if (this.#writer === null) this.#refuseRest();
  }

  /**
   * Nobody reads the rest of the request any more; a client that goes on sending it is told to stop (RFC 9113 §8.1), once
   * the end of the response has left: a reset overtakes whatever waits for the client's window.
   */
  #refuseRest(): void {
    const stream = this.#stream;
    const mayGoOn = this.#body !== null || this.#method === 'CONNECT';
    if (!mayGoOn || stream.readableEnded || stream.destroyed) return;
    const refuse = () => {
      if (!stream.closed && stream.state.localClose === 1) stream.close(constants.NGHTTP2_NO_ERROR);
    };
    stream.on('data', refuse);
    stream.resume();
    refuse();
  }

  #onStreamEnd(): void {
    if (this.#finished) return;
    const stream = this.#stream;
    const error = this.#reason ?? this.#writer?.error ?? stream.errored ?? null;
    if (this.#upgraded && error === null && !stream.aborted) {
      this.#close(null);
      return;
    }
    if (this.#responded && error === null && stream.writableFinished && !stream.aborted) {
      this.#close(null);
      return;
    }
    this.#close(error ?? this.#connection.error ?? new Http2StreamError(stream.rstCode ?? 0));
  }

  #close(error: Error | null): void {
    this.#finished = true;
    const reset = error !== null && this.#reason === null && (this.#writer?.error ?? null) === null;
    if (error !== null) this.#writer?.cancel(error);
    this.#body?.fail(error ?? new Error('the response is over'));
    const { onClosed } = this;
    this.onClosed = null;
    onClosed?.(error);
    this.#connection.onExchangeClosed(reset);
  }
}

function responseFields(response: Response, bodiless: boolean): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = { ':status': response.status };
  writeFields(response.headers, fields);
  const length = bodiless ? response.headers.get('content-length') : announcedLength(response.body);
  if (length !== undefined && response.status !== 204) fields['content-length'] = String(length);
  return fields;
}
