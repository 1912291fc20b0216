import { type Body, BodyTooLarge, Headers, isStream, Response } from '@agentgateway/http';
import { GatewayError } from '../../pipeline/errors.ts';
import { hold } from '../../pipeline/hold.ts';
import type { ResponseStep, Step } from '../../pipeline/step.ts';
import type { BufferSpec } from './spec.ts';

/** Bytes that are held where neither the policy nor the connection says otherwise. */
const defaultMaxBytes = 2 * 1024 * 1024;

/**
 * `buffer.request` (spec 02 §3.14): the upstream is not asked before the request's body is here. What is too long to be held is
 * refused with 413, or sent on as it comes. The policy's limit holds for later readers of the body as well.
 *
 * A body that breaks off is a mistake of the client's, not a matter of its length: 400.
 */
export function compileBufferRequest({ request: spec }: BufferSpec): Step | null {
  if (spec === undefined) return null;
  const { maxBytes, failureMode } = spec;
  const open = failureMode === 'failOpen';

  return (exchange) => {
    const { request, record } = exchange;
    if (request.headers.has('upgrade')) return undefined;
    if (maxBytes !== undefined) exchange.maxBufferSize = maxBytes;
    const limit = maxBytes ?? exchange.maxBufferSize ?? defaultMaxBytes;
    const { body } = request;
    const tooLarge = (rest: Body) => {
      if (isStream(rest)) rest.cancel(new BodyTooLarge(limit));
      record.reason = 'DirectResponse';
      return new Response(413, new Headers(), null);
    };
    if (body === null || (open && limit === 0)) return undefined;
    if (!isStream(body)) return body.length > limit && !open ? tooLarge(body) : undefined;
    if (!open && body.length !== undefined && body.length > limit) return tooLarge(body);
    return hold(body, limit, exchange.abort).then(
      (held) => {
        if (!held.whole && !open) return tooLarge(held.body);
        request.body = held.body;
        return undefined;
      },
      (error: Error) =>
        exchange.abort.reason === null
          ? new GatewayError('invalidRequest', { detail: 'the body broke off', logDetail: error.message, cause: error })
          : Promise.reject(exchange.abort.reason),
    );
  };
}

/** `buffer.response`: the client gets nothing before the response's body is here; what cannot be held, or broke, is a 502. */
export function compileBufferResponse({ response: spec }: BufferSpec): ResponseStep | null {
  if (spec === undefined) return null;
  const { maxBytes, failureMode } = spec;
  const open = failureMode === 'failOpen';

  return (exchange, response) => {
    const { body } = response;
    if (response.status === 101 || body === null) return undefined;
    const limit = maxBytes ?? exchange.maxBufferSize ?? defaultMaxBytes;
    if (open && limit === 0) return undefined;
    const unusable = (why: string) => {
      exchange.record.error = why;
      return new Response(502, new Headers(), null);
    };
    if (!isStream(body)) return body.length > limit && !open ? unusable(new BodyTooLarge(limit).message) : undefined;
    if (!open && body.length !== undefined && body.length > limit) return unusable(new BodyTooLarge(limit).message);
    return hold(body, limit, exchange.abort).then(
      (held) => {
        if (!held.whole && !open) {
          held.body.cancel(new BodyTooLarge(limit));
          response.body = null;
          return unusable(new BodyTooLarge(limit).message);
        }
        response.body = held.body;
        return undefined;
      },
      (error: Error) => {
        response.body = null;
        return unusable(error.message);
      },
    );
  };
}
