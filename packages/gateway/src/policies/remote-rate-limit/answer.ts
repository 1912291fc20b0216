import { Headers, Response } from '@agentgateway/http';
import { type HeaderValue, type RateLimitResponse, RateLimitResponse_Code } from '@agentgateway/protos';
import type { Exchange } from '../../pipeline/exchange.ts';
import { applyHeaderOption } from '../../pipeline/header-mutation.ts';

const limitFields = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'] as const;

/** Fields of which policies may queue several: they stand beside each other. */
const listValued: ReadonlySet<string> = new Set(['set-cookie', 'vary', 'www-authenticate']);

/** Lets the upstream see what the service says of the request: its fields take the place of those that are there. */
export function addToRequest(exchange: Exchange, headers: readonly HeaderValue[]): void {
  const seen = new Set<string>();
  for (const header of headers) {
    const name = header.key.toLowerCase();
    applyHeaderOption(exchange.request, { header, append: seen.has(name) });
    seen.add(name);
  }
}

/** Fields for the client: those of the service, and what the tightest limit says unless the service says it itself. */
export function clientHeaders({ responseHeadersToAdd, statuses, overallCode }: RateLimitResponse): Headers {
  const response = new Response(200, new Headers(), null);
  for (const header of responseHeadersToAdd) {
    if (!header.key.startsWith(':')) applyHeaderOption(response, { header, append: true });
  }
  const { headers } = response;
  const tightest = tightestOf(statuses);
  if (tightest?.currentLimit === undefined || hasLimit(headers)) return headers;
  const seconds = tightest.durationUntilReset?.seconds ?? 0n;
  const reset = seconds > 0n ? seconds : 0n;
  headers.append('x-ratelimit-limit', String(tightest.currentLimit.requestsPerUnit));
  headers.append('x-ratelimit-remaining', String(tightest.limitRemaining));
  headers.append('x-ratelimit-reset', String(reset));
  const known = tightest.durationUntilReset !== undefined;
  if (overallCode === RateLimitResponse_Code.OVER_LIMIT && known && !headers.has('retry-after')) {
    headers.append('retry-after', String(reset > 0n ? reset : 1n));
  }
  return headers;
}

/** Queues fields for whatever answer is sent. Those of another limit's count go together or not at all. */
export function queue(exchange: Exchange, headers: Headers): void {
  if (headers.length === 0) return;
  replaceQueued(exchange, headers);
  exchange.responseHeaders ??= new Headers();
  for (const [name, value] of headers) exchange.responseHeaders.append(name, value);
}

/** Takes back what other policies have queued of these fields. */
export function replaceQueued({ responseHeaders }: Exchange, headers: Headers): void {
  if (responseHeaders === null) return;
  for (const [name] of headers) if (!listValued.has(name)) responseHeaders.delete(name);
  if (hasLimit(headers)) for (const name of limitFields) responseHeaders.delete(name);
}

function hasLimit(headers: Headers): boolean {
  return limitFields.some((name) => headers.has(name));
}

type Status = RateLimitResponse['statuses'][number];

/** Of the limits that the service tells, the one of which the least remains. */
function tightestOf(statuses: readonly Status[]): Status | undefined {
  let tightest: Status | undefined;
  for (const status of statuses) {
    if (status.currentLimit === undefined) continue;
    if (tightest === undefined || status.limitRemaining < tightest.limitRemaining) tightest = status;
  }
  return tightest;
}
