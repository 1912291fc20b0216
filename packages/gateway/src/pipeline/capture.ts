import zlib from 'node:zlib';
import {
  type Body,
  type BodyStream,
  type ContentCoding,
  contentEncoding,
  type Headers,
  isStream,
  PassingBody,
  type Response,
} from '@agentgateway/http';
import { GatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { hold } from './hold.ts';

/** Bytes of a body that expressions may read where the file does not say otherwise (spec 04 §7). */
const defaultLimit = 2 * 1024 * 1024;

/** What expressions see of a body. */
export interface CapturedBody {
  /** All of it, or its beginning; decoded, if the message has a content coding. */
  readonly bytes: Buffer;
  /** False where the body is longer than what was captured, broke off, or cannot be decoded. */
  readonly whole: boolean;
}

/**
 * Holds the request's body until it is whole or longer than may be captured, and puts it back: nothing is lost to whoever reads it
 * next, and a long one is not refused here. Once per request.
 */
export function captureRequest(exchange: Exchange): undefined | Promise<undefined | GatewayError> {
  const { request, requestCapture, abort, upgrade } = exchange;
  if (requestCapture !== null || upgrade !== null || isDialogue(exchange)) return undefined;
  const held = peek(request.body, request.headers, limitOf(exchange), abort);
  if (!(held instanceof Promise)) {
    exchange.requestCapture = held;
    return undefined;
  }
  return held.then(
    ({ body, captured }) => {
      request.body = body;
      exchange.requestCapture = captured;
      return undefined;
    },
    (error: Error) => {
      if (abort.reason !== null) throw abort.reason;
      return new GatewayError('invalidRequest', {
        detail: 'the body broke off',
        logDetail: error.message,
        cause: error,
      });
    },
  );
}

/**
 * The same for a response. A stream of events is not held back, as its client waits for each of them: no expression of a policy sees
 * its body.
 */
export function captureResponse(exchange: Exchange, response: Response): undefined | Promise<undefined | GatewayError> {
  if (exchange.responseCapture !== null || response.status === 101) return undefined;
  if (isEventStream(response.headers) || isDialogue(exchange)) return undefined;
  const held = peek(response.body, response.headers, limitOf(exchange), exchange.abort);
  if (!(held instanceof Promise)) {
    exchange.responseCapture = held;
    return undefined;
  }
  return held.then(
    ({ body, captured }) => {
      response.body = body;
      exchange.responseCapture = captured;
      return undefined;
    },
    (error: Error) => {
      if (exchange.abort.reason !== null) throw exchange.abort.reason;
      response.body = null;
      return new GatewayError('upstreamCallFailed', {
        detail: 'the response was cut off',
        logDetail: error.message,
        cause: error,
      });
    },
  );
}

/** Notes the request's body while it is sent, for those who read it when all is over: nothing waits for it. */
export function recordRequest(exchange: Exchange): void {
  const { request, requestCapture, upgrade } = exchange;
  if (requestCapture !== null || upgrade !== null) return;
  const { body, captured } = recording(request.body, request.headers, limitOf(exchange));
  request.body = body;
  exchange.requestCapture = captured;
}

/** The same for a response. */
export function recordResponse(exchange: Exchange, response: Response): void {
  if (exchange.responseCapture !== null || response.status === 101) return;
  const { body, captured } = recording(response.body, response.headers, limitOf(exchange));
  response.body = body;
  exchange.responseCapture = captured;
}

/** A gRPC call of a policy's own: messages go back and forth, and neither side ends before the other has answered. */
function isDialogue({ callout, grpc }: Exchange): boolean {
  return callout !== null && grpc;
}

function limitOf({ maxBufferSize }: Exchange): number {
  return maxBufferSize ?? defaultLimit;
}

function isEventStream(headers: Headers): boolean {
  return headers.get('content-type')?.toLowerCase().startsWith('text/event-stream') ?? false;
}

function peek(
  body: Body,
  headers: Headers,
  limit: number,
  abort: Exchange['abort'],
): CapturedBody | Promise<{ readonly body: Body; readonly captured: CapturedBody }> {
  const coding = contentEncoding(headers);
  if (!isStream(body)) return ofBytes(body, coding, limit);
  return hold(body, limit, abort).then((held) => ({
    body: held.body,
    captured: new Content(held.bytes.subarray(0, limit), held.whole, coding, limit),
  }));
}

function ofBytes(body: Buffer | null, coding: Coding, limit: number): CapturedBody {
  const bytes = body ?? Buffer.alloc(0);
  return new Content(bytes.subarray(0, limit), bytes.length <= limit, coding, limit);
}

function recording(
  body: Body,
  headers: Headers,
  limit: number,
): { readonly body: Body; readonly captured: CapturedBody } {
  const coding = contentEncoding(headers);
  if (!isStream(body)) return { body, captured: ofBytes(body, coding, limit) };
  const recorder = new Recorder(body, coding, limit);
  return { body: recorder, captured: recorder };
}

type Coding = ContentCoding | 'unsupported' | null;

/** Bytes as they were sent; what they say is found out when somebody reads it. */
class Content implements CapturedBody {
  readonly #sent: Buffer;
  readonly #complete: boolean;
  readonly #coding: Coding;
  readonly #limit: number;
  #decoded: CapturedBody | null = null;

  constructor(sent: Buffer, complete: boolean, coding: Coding, limit: number) {
    this.#sent = sent;
    this.#complete = complete;
    this.#coding = coding;
    this.#limit = limit;
  }

  get bytes(): Buffer {
    return this.#content().bytes;
  }

  get whole(): boolean {
    return this.#content().whole;
  }

  #content(): CapturedBody {
    this.#decoded ??= this.#read();
    return this.#decoded;
  }

  #read(): CapturedBody {
    const coding = this.#coding;
    if (coding === null) return { bytes: this.#sent, whole: this.#complete };
    // What cannot be read is no content; as bytes of another format it would only mislead.
    if (coding === 'unsupported') return { bytes: Buffer.alloc(0), whole: false };
    return decode(this.#sent, coding, this.#complete, this.#limit);
  }
}

/**
 * Decodes what was captured, in this turn of the loop: at most `limit` bytes are shown. Of content that is longer, or that is not all
 * here, the beginning is decoded.
 *
 * The part grows until enough comes out, and no part may come out much longer than that: content that was made to explode costs little
 * more than other content does.
 */
function decode(sent: Buffer, coding: ContentCoding, complete: boolean, limit: number): CapturedBody {
  if (sent.length === 0) return { bytes: sent, whole: complete };
  if (complete) {
    const bytes = attempt(() => decoders[coding](sent, { maxOutputLength: limit }));
    if (bytes !== null) return { bytes, whole: true };
  }
  const maxOutputLength = limit * 2 + largestBlock;
  const part = (length: number) =>
    attempt(() => decoders[coding](sent.subarray(0, length), { maxOutputLength, finishFlush: partial[coding] }));
  let length = Math.min(firstPart, sent.length);
  let found = part(length);
  while (found === null && length > 1) {
    length = Math.floor(length / 2);
    found = part(length);
  }
  while (found !== null && found.length < limit && length < sent.length) {
    length = Math.min(length * 2, sent.length);
    const more = part(length);
    if (more === null) break;
    found = more;
  }
  return { bytes: (found ?? Buffer.alloc(0)).subarray(0, limit), whole: false };
}

/** Bytes that a coding may give at once: a block of zstd. */
const largestBlock = 128 * 1024;

/** Bytes of content to begin with where not all of it is decoded. */
const firstPart = 1024;

/** Null where the content is damaged, or comes out too long. */
function attempt(work: () => Buffer): Buffer | null {
  try {
    return work();
  } catch {
    return null;
  }
}

interface DecodeOptions {
  readonly maxOutputLength: number;
  readonly finishFlush?: number;
}

const decoders: Readonly<Record<ContentCoding, (bytes: Buffer, options: DecodeOptions) => Buffer>> = {
  gzip: (bytes, options) => zlib.gunzipSync(bytes, options),
  deflate: (bytes, options) => zlib.inflateSync(bytes, options),
  br: (bytes, options) => zlib.brotliDecompressSync(bytes, options),
  zstd: (bytes, options) => zlib.zstdDecompressSync(bytes, options),
};

/** How to end where the content has not: what is there counts. */
const partial: Readonly<Record<ContentCoding, number>> = {
  gzip: zlib.constants.Z_SYNC_FLUSH,
  deflate: zlib.constants.Z_SYNC_FLUSH,
  br: zlib.constants.BROTLI_OPERATION_FLUSH,
  zstd: zlib.constants.ZSTD_e_flush,
};

/** A body on its way, whose beginning is noted. */
class Recorder extends PassingBody implements CapturedBody {
  readonly #coding: Coding;
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #size = 0;
  #ended = false;
  #content: Content | null = null;

  constructor(source: BodyStream, coding: Coding, limit: number) {
    super(source);
    this.#coding = coding;
    this.#limit = limit;
  }

  get bytes(): Buffer {
    return this.#captured().bytes;
  }

  get whole(): boolean {
    return this.#captured().whole;
  }

  override onData(chunk: Buffer): void {
    const room = this.#limit - this.#size;
    // The chunk is only lent.
    if (room > 0) this.#chunks.push(Buffer.from(chunk.subarray(0, room)));
    this.#size += chunk.length;
    this.#content = null;
    super.onData(chunk);
  }

  override onEnd(): void {
    this.#ended = true;
    this.#content = null;
    super.onEnd();
  }

  #captured(): Content {
    this.#content ??= new Content(
      Buffer.concat(this.#chunks),
      this.#ended && this.#size <= this.#limit,
      this.#coding,
      this.#limit,
    );
    return this.#content;
  }
}
