import { BodyTooLarge, collect, type Request, type Response } from '@agentgateway/http';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { decode, encodingOf, UnknownEncoding } from './encoding.ts';

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
  try {
    const encoding = encodingOf(request.headers);
    const bytes = await collect(request.body, limit);
    request.body = bytes;
    return encoding === null ? bytes : await decode(bytes, encoding, limit);
  } catch (cause) {
    if (cause instanceof BodyTooLarge) {
      throw new GatewayError('llmRequestTooLarge', { detail: 'request was too large', cause });
    }
    if (cause instanceof UnknownEncoding) {
      throw new GatewayError('llmUnsupportedEncoding', { detail: cause.message, cause });
    }
    const logDetail = cause instanceof Error ? cause.message : String(cause);
    throw new GatewayError('llmRequestInvalid', { detail: 'the body cannot be read', logDetail, cause });
  }
}

/**
 * Takes an answer's body into memory and leaves it in the response as it was received; gives it decoded.
 *
 * @throws GatewayError
 */
export async function readResponseBody(response: Response, limit: number): Promise<Buffer> {
  let bytes: Buffer;
  try {
    bytes = Buffer.isBuffer(response.body) ? response.body : await collect(response.body, limit);
  } catch (cause) {
    if (cause instanceof BodyTooLarge) {
      throw new GatewayError('llmResponseInvalid', { detail: 'response was too large', cause });
    }
    const logDetail = cause instanceof Error ? cause.message : String(cause);
    throw new GatewayError('upstreamCallFailed', { detail: 'the response was cut off', logDetail, cause });
  }
  response.body = bytes;
  try {
    const encoding = encodingOf(response.headers);
    return encoding === null ? bytes : await decode(bytes, encoding, limit);
  } catch (cause) {
    const detail = cause instanceof UnknownEncoding ? cause.message : 'failed to decode response';
    throw new GatewayError('llmResponseInvalid', { detail, cause });
  }
}
