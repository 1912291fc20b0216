import { Headers, Request, Response } from '@agentgateway/http';
import type { ImmediateResponse } from '@agentgateway/protos';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { applyHeaderOption, removeRequestHeader, removeResponseHeader } from '../../pipeline/header-mutation.ts';
import type { HeaderMutation } from './machine.ts';
import { bytesOf } from './messages.ts';

/** Tells of what could not be done; names of fields, never values. */
export type Warn = (message: string, fields: Readonly<Record<string, unknown>>) => void;

/**
 * Changes the head of the request (spec 03 §3.4, §5.3): removals first. Who sets the authority has decided on it: it is not replaced by the
 * upstream's host name later.
 */
export function mutateRequest(exchange: Exchange, mutation: HeaderMutation, warn: Warn): void {
  const { request } = exchange;
  const { scheme, authority, path } = request;
  mutate(request, mutation, warn);
  if (mutation.setHeaders.some(({ header }) => namesAuthority(header?.key))) exchange.autoHost = false;
  if (request.scheme === scheme && request.authority === authority && request.path === path) return;
  exchange.original ??= { scheme, authority, path };
}

/** Changes the head of a response, or trailers in the guise of one. */
export function mutateResponse(response: Response, mutation: HeaderMutation, warn: Warn): void {
  mutate(response, mutation, warn);
}

/** Changes trailers: fields only. */
export function mutateTrailers(trailers: Headers, mutation: HeaderMutation, warn: Warn): void {
  const setHeaders = mutation.setHeaders.filter(({ header }) => {
    const pseudo = header?.key.startsWith(':') === true;
    if (pseudo) warn('a trailer cannot be set', { header: header?.key });
    return !pseudo;
  });
  mutate(new Response(200, trailers, null), { setHeaders, removeHeaders: mutation.removeHeaders }, warn);
}

/** The response that the processor gives in the upstream's place (spec 03 §5.3): without a status it is a 200. */
export function immediateResponse(immediate: ImmediateResponse, warn: Warn): Response | GatewayError {
  const status = immediate.status?.code || 200;
  if (status < 200 || status > 599) {
    const detail = `the processor's immediate response has status ${status}`;
    return new GatewayError('extProcFailed', { detail });
  }
  const response = new Response(status, new Headers(), immediate.body.length === 0 ? null : bytesOf(immediate.body));
  if (immediate.headers !== undefined) mutate(response, immediate.headers, warn);
  return response;
}

function mutate(message: Request | Response, { setHeaders, removeHeaders }: HeaderMutation, warn: Warn): void {
  for (const name of removeHeaders) {
    if (message instanceof Request) removeRequestHeader(message, name);
    else removeResponseHeader(message, name);
  }
  for (const option of setHeaders) {
    if (!applyHeaderOption(message, option)) warn('a header cannot be set', { header: option.header?.key });
  }
}

function namesAuthority(name: string | undefined): boolean {
  const lower = name?.toLowerCase();
  return lower === 'host' || lower === ':authority';
}
