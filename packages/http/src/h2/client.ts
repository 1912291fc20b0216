import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2';
import type { Abort } from '../abort.ts';
import { isStream } from '../body.ts';
import type { ClientConnection, ResponseHandler } from '../client/connection.ts';
import { DuplexTransport } from '../duplex-transport.ts';
import { type Request, Response } from '../message.ts';
import type { Transport } from '../transport.ts';
import { Http2Body, Http2StreamError } from './body.ts';
import { Http2BodyWriter } from './body-writer.ts';
import { announcedLength, contentLength, readFields, writeFields } from './fields.ts';

/** Requests at once on one connection, whatever the server would allow. */
const MAX_STREAMS = 100;

/** Limits and habits of upstream HTTP/2 connections. Times in milliseconds, sizes in bytes. */
export interface Http2ClientOptions {
  /** Field lines of one response; default 1,000. */
  readonly maxHeaders?: number;
  /** Bytes of one response's field list; default 65,536. */
  readonly maxHeaderListSize?: number;
  /** Window of one stream; default 1 MiB. */
  readonly windowSize?: number;
  /** Window of the connection; default 4 MiB. */
  readonly connectionWindowSize?: number;
  /** Interval of PINGs; 0 or nothing is never. */
  readonly keepaliveInterval?: number;
  /** Time for the answer to a PING; default 20 s. */
  readonly keepaliveTimeout?: number;
}

/** An upstream connection that speaks HTTP/2 (RFC 9113). */
export class Http2ClientConnection implements ClientConnection {
  readonly protocol = 'h2';
  onChange: (() => void) | null = null;
  /** Resolves when the server's SETTINGS have come, rejects if the connection ends before. */
  readonly ready: Promise<void>;
  readonly #session: ClientHttp2Session;
  readonly #timers = new Set<NodeJS.Timeout>();
  #peerMax = MAX_STREAMS;
  #open = 0;
  #usable = true;
  #error: Error | null = null;

  /** Takes over an established transport; the preface is sent at once. */
  constructor(transport: Transport, options: Http2ClientOptions = {}) {
    const duplex = transport.toDuplex();
    const session = connect('http://upstream.invalid', {
      createConnection: () => duplex,
      maxHeaderListPairs: options.maxHeaders ?? 1000,
      strictSingleValueFields: false,
      settings: {
        enablePush: false,
        initialWindowSize: options.windowSize ?? 1_048_576,
        maxHeaderListSize: options.maxHeaderListSize ?? 65_536,
      },
    } as SecureClientSessionOptions);
    this.#session = session;
    // The session takes the data from beneath the socket, but does not start a socket that has never been read.
    duplex.read(0);
    duplex.once('end', () => this.destroy(new Error('the server closed the connection')));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    promise.catch(() => {});
    session.on('remoteSettings', (settings) => {
      this.#peerMax = settings.maxConcurrentStreams ?? MAX_STREAMS;
      resolve();
      this.onChange?.();
    });
    session.once('connect', () => {
      if (!session.destroyed) session.setLocalWindowSize(options.connectionWindowSize ?? 4_194_304);
    });
    session.on('goaway', () => this.#leave());
    session.on('error', (error) => {
      this.#error ??= error;
    });
    session.on('close', () => {
      for (const timer of this.#timers) clearTimeout(timer);
      reject(this.#error ?? new Error('the connection was closed before the server answered'));
      this.#leave();
    });
    if (options.keepaliveInterval) this.#keepAlive(options.keepaliveInterval, options.keepaliveTimeout ?? 20_000);
  }

  get capacity(): number {
    return this.#usable ? Math.max(0, Math.min(this.#peerMax, MAX_STREAMS) - this.#open) : 0;
  }

  get active(): number {
    return this.#open;
  }

  get usable(): boolean {
    return this.#usable && !this.#session.closed && !this.#session.destroyed;
  }

  send(request: Request, handler: ResponseHandler, abort: Abort | null): void {
    const { body } = request;
    const options = { endStream: body === null && request.method !== 'CONNECT', waitForTrailers: isStream(body) };
    let stream: ClientHttp2Stream;
    try {
      stream = this.#session.request(requestFields(request), options);
    } catch (error) {
      handler.onError(error as Error, { clean: true, bodyUntouched: true, unprocessed: true });
      return;
    }
    this.#open++;
    new Http2Call(stream, request, handler, abort, this).start();
  }

  close(): void {
    this.#leave();
    this.#session.close();
  }

  destroy(error: Error): void {
    this.#error ??= error;
    this.#leave();
    if (!this.#session.destroyed) this.#session.destroy(error);
  }

  /** Why the connection broke, if it did. */
  get error(): Error | null {
    return this.#error;
  }

  onStreamClosed(): void {
    this.#open--;
    this.onChange?.();
  }

  #leave(): void {
    if (!this.#usable) return;
    this.#usable = false;
    this.onChange?.();
  }

  #keepAlive(interval: number, timeout: number): void {
    const session = this.#session;
    this.#timers.add(
      setInterval(() => {
        if (session.destroyed || session.connecting) return;
        const late = setTimeout(() => this.destroy(new Error(`no answer to a ping within ${timeout} ms`)), timeout);
        this.#timers.add(late);
        session.ping(() => {
          clearTimeout(late);
          this.#timers.delete(late);
        });
      }, interval).unref(),
    );
  }
}

function requestFields(request: Request): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = { ':method': request.method };
  if (request.authority !== '') fields[':authority'] = request.authority;
  if (request.method !== 'CONNECT') {
    fields[':scheme'] = request.scheme === '' ? 'http' : request.scheme;
    fields[':path'] = request.path;
  }
  writeFields(request.headers, fields);
  const { body } = request;
  const length = announcedLength(body);
  // A request without a body says so only where its method usually has one (RFC 9110 §8.6).
  const silent = body === null && request.method !== 'POST' && request.method !== 'PUT' && request.method !== 'PATCH';
  if (length !== undefined && !silent) fields['content-length'] = String(length);
  return fields;
}

/** One request on one stream of an upstream connection. */
class Http2Call {
  readonly #stream: ClientHttp2Stream;
  readonly #request: Request;
  readonly #handler: ResponseHandler;
  readonly #abort: Abort | null;
  readonly #connection: Http2ClientConnection;
  #writer: Http2BodyWriter | null = null;
  #body: Http2Body | null = null;
  #answered = false;
  #informed = false;
  #told = false;
  #reason: Error | null = null;
  /** The end of the response has come. */
  #whole = false;

  constructor(
    stream: ClientHttp2Stream,
    request: Request,
    handler: ResponseHandler,
    abort: Abort | null,
    connection: Http2ClientConnection,
  ) {
    this.#stream = stream;
    this.#request = request;
    this.#handler = handler;
    this.#abort = abort;
    this.#connection = connection;
  }

  start(): void {
    const stream = this.#stream;
    this.#watchEnd();
    stream.on('response', (_fields: unknown, flags: number, raw?: string[]) => this.#onResponse(raw ?? [], flags));
    stream.on('headers', (_fields: unknown, _flags: number, raw?: string[]) => this.#onInform(raw ?? []));
    stream.on('error', (error) => {
      this.#reason ??= error;
    });
    stream.on('aborted', () => this.#onBroken());
    stream.on('close', () => this.#onClose());
    const { body } = this.#request;
    if (isStream(body)) {
      this.#writer = new Http2BodyWriter(stream, body);
      this.#writer.start();
    } else if (body !== null) stream.end(body);
    this.#abort?.listen(this.#onAbort);
  }

  /**
   * Node ends the readable side for END_STREAM and for a reset without an error alike. What tells them apart is that only
   * the reset has closed the stream before.
   */
  #watchEnd(): void {
    const stream = this.#stream;
    const { push } = stream;
    stream.push = (chunk, encoding) => {
      if (chunk === null && !stream.closed) this.#whole = true;
      return push.call(stream, chunk, encoding);
    };
  }

  readonly #onAbort = (reason: Error): void => {
    this.#reason ??= reason;
    this.#cancel();
    this.#onBroken();
  };

  #cancel(): void {
    if (!this.#stream.destroyed) this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #onInform(raw: string[]): void {
    const { status, headers } = readFields(raw);
    this.#informed = true;
    if (!this.#told) this.#handler.onInform(status, headers);
  }

  #onResponse(raw: string[], flags: number): void {
    if (this.#told) return;
    this.#answered = true;
    const { status, headers } = readFields(raw);
    if (this.#request.method === 'CONNECT' && status >= 200 && status < 300) {
      this.#told = true;
      const transport = new DuplexTransport(this.#stream);
      this.#handler.onUpgrade(new Response(status, headers, null, 'HTTP/2.0'), transport);
      return;
    }
    const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    if (!ended) {
      const body = new Http2Body(this.#stream, contentLength(headers), null);
      body.onCancel = () => this.#cancel();
      body.isWhole = () => this.#whole;
      this.#body = body;
    } else this.#stream.resume();
    this.#told = true;
    this.#handler.onResponse(new Response(status, headers, this.#body, 'HTTP/2.0'));
  }

  /** The stream was reset, its connection broke, or the caller gave up. */
  #onBroken(): void {
    const error = this.#failure();
    const untouched = (this.#writer?.bytes ?? 0) === 0;
    this.#writer?.cancel(error);
    if (!this.#told) {
      this.#told = true;
      this.#handler.onError(error, {
        clean: !this.#answered && !this.#informed,
        bodyUntouched: untouched,
        unprocessed: this.#stream.rstCode === constants.NGHTTP2_REFUSED_STREAM,
      });
    } else this.#body?.fail(error);
  }

  #failure(): Error {
    return (
      this.#writer?.error ??
      this.#reason ??
      this.#connection.error ??
      new Http2StreamError(this.#stream.rstCode ?? constants.NGHTTP2_NO_ERROR)
    );
  }

  #onClose(): void {
    this.#abort?.unlisten(this.#onAbort);
    if (this.#body === null ? !this.#told : !this.#body.done) this.#onBroken();
    else this.#writer?.cancel(this.#failure());
    this.#connection.onStreamClosed();
  }
}
