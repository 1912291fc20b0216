import {
  BodyTooLarge,
  type ContentCoding,
  collect,
  contentEncoding,
  decodeBody,
  type Headers,
  isStream,
  type Request,
  type Response,
} from '@agentgateway/http';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';

/** What coding agents send, images included, with room to spare. */
const defaultLimit = 32 * 1024 * 1024;

/** Bytes that may be held of a request or an answer. */
export function bufferLimit(exchange: Exchange): number {
  return exchange.maxBufferSize ?? defaultLimit;
}

/**
 * Takes a request's body into memory and leaves it in the request as it was received; gives it decoded.
 *
 * @throws GatewayError
 */
export function readRequestBody(request: Request, limit: number): Buffer | Promise<Buffer> {
  const { body, headers } = request;
  if (Buffer.isBuffer(body) && body.length <= limit && !headers.has('content-encoding')) return body;
  return collectRequest(request, limit);
}

async function collectRequest(request: Request, limit: number): Promise<Buffer> {
  const coding = contentEncoding(request.headers);
  if (coding === 'unsupported') {
    throw new GatewayError('llmUnsupportedEncoding', { detail: unsupported(request.headers) });
  }
  try {
    const bytes = await collect(request.body, limit);
    request.body = bytes;
    return coding === null ? bytes : await collect(decodeBody(bytes, coding, limit), limit);
  } catch (cause) {
    if (cause instanceof BodyTooLarge) {
      throw new GatewayError('llmRequestTooLarge', { detail: 'request was too large', cause });
    }
    throw new GatewayError('llmRequestInvalid', { detail: 'the body cannot be read', logDetail: textOf(cause), cause });
  }
}

/**
 * Takes an answer's body into memory and leaves it in the response as it was received; gives it decoded.
 *
 * @throws GatewayError
 */
export async function readResponseBody(response: Response, limit: number): Promise<Buffer> {
  const coding = codingOf(response);
  let bytes: Buffer;
  try {
    bytes = Buffer.isBuffer(response.body) ? response.body : await collect(response.body, limit);
  } catch (cause) {
    if (cause instanceof BodyTooLarge) throw tooLarge(cause);
    const detail = 'the response was cut off';
    throw new GatewayError('upstreamCallFailed', { detail, logDetail: textOf(cause), cause });
  }
  response.body = bytes;
  if (coding === null) return bytes;
  try {
    return await collect(decodeBody(bytes, coding, limit), limit);
  } catch (cause) {
    if (cause instanceof BodyTooLarge) throw tooLarge(cause);
    const detail = 'failed to decode response';
    throw new GatewayError('llmResponseInvalid', { detail, logDetail: textOf(cause), cause });
  }
}

/**
 * An answer's coding.
 *
 * @throws GatewayError if nobody here can read it; the answer is given up.
 */
export function codingOf(response: Response): ContentCoding | null {
  const coding = contentEncoding(response.headers);
  if (coding !== 'unsupported') return coding;
  const error = new GatewayError('llmResponseInvalid', { detail: unsupported(response.headers) });
  if (isStream(response.body)) response.body.cancel(error);
  throw error;
}

function tooLarge(cause: BodyTooLarge): GatewayError {
  return new GatewayError('llmResponseInvalid', { detail: 'response was too large', cause });
}

function unsupported(headers: Headers): string {
  return `unsupported content encoding: ${headers.getAll('content-encoding').join(', ')}`;
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
