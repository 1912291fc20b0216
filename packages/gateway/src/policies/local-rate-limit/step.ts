import { Headers } from '@agentgateway/http';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { Ports, Step } from '../../pipeline/step.ts';
import { BUCKET_BYTES, Bucket } from './bucket.ts';
import type { LocalRateLimitSpec } from './spec.ts';

/**
 * `localRateLimit` (spec 03 §6.1): refuses a request with 429 unless every bucket grants it one token, and tells the
 * client of the bucket that has the fewest tokens left.
 *
 * In its better form (03 §12): where one bucket refuses, those before it get their token back, so that a long limit is not used
 * up by requests that a short one turns away.
 */
export function compileLocalRateLimit(limits: LocalRateLimitSpec, ports: Ports): Step {
  const buckets = limits.map((limit, i) => new Bucket(ports.sharedCell(`bucket/${i}`, BUCKET_BYTES), limit));
  const { clock } = ports;

  return (exchange: Exchange) => {
    const now = clock.monotonic();
    let tightest: Bucket | null = null;
    let fewest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < buckets.length; i++) {
      const bucket = buckets[i] as Bucket;
      const left = bucket.take(now);
      if (left < 0) {
        while (i > 0) (buckets[--i] as Bucket).giveBack();
        return refusal(bucket, now);
      }
      if (left >= fewest) continue;
      fewest = left;
      tightest = bucket;
    }
    if (tightest !== null) announce(exchange, tightest, fewest, now);
    return undefined;
  };
}

function refusal(bucket: Bucket, now: bigint): GatewayError {
  const headers: [name: string, value: string][] = limitHeaders(bucket, 0, now);
  const wait = bucket.secondsUntilToken(now);
  if (wait !== null) headers.push(['retry-after', String(wait)]);
  return new GatewayError('rateLimited', { headers });
}

/** The three go together: none is queued where another policy has queued one. */
function announce(exchange: Exchange, bucket: Bucket, left: number, now: bigint): void {
  exchange.responseHeaders ??= new Headers();
  const queued = exchange.responseHeaders;
  if (rateLimitFields.some((name) => queued.has(name))) return;
  for (const [name, value] of limitHeaders(bucket, left, now)) queued.append(name, value);
}

const rateLimitFields = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'] as const;

function limitHeaders(bucket: Bucket, left: number, now: bigint): [name: string, value: string][] {
  return [
    ['x-ratelimit-limit', String(bucket.maxTokens)],
    ['x-ratelimit-remaining', String(left)],
    ['x-ratelimit-reset', String(bucket.secondsUntilFill(now))],
  ];
}
