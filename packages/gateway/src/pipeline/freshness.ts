import type { Headers } from '@agentgateway/http';

const SHORTEST = 60_000;
const DEFAULT = 15 * 60_000;
/** Nothing is trusted longer than this without a look, whatever its server says. */
const LONGEST = 24 * 60 * 60_000;

/**
 * Milliseconds that a fetched document may be used before it is fetched again (spec 03 §3.5): `max-age` unless it is not to be cached,
 * else `Expires`, else 15 minutes; from a minute to a day.
 *
 * @param now Milliseconds since the epoch.
 */
export function timeToLive(headers: Headers, now: number): number {
  const age = maxAge(headers.getAll('cache-control').join(','));
  const expires = headers.get('expires');
  let milliseconds = DEFAULT;
  if (age !== null) milliseconds = age * 1000;
  else if (expires !== undefined) milliseconds = untilExpiry(expires, headers.get('date'), now);
  return Math.min(Math.max(milliseconds, SHORTEST), LONGEST);
}

/** Seconds, or null where they are not said or do not count. */
function maxAge(cacheControl: string): number | null {
  let seconds: number | null = null;
  for (const directive of cacheControl.toLowerCase().split(',')) {
    const [name = '', value = ''] = directive.split('=', 2).map((part) => part.trim());
    if (name === 'no-cache' || name === 'no-store') return null;
    const digits = value.replace(/^"(.*)"$/, '$1');
    if (name === 'max-age' && /^\d{1,15}$/.test(digits)) seconds ??= Number(digits);
  }
  return seconds;
}

/** By the clock of the server where it tells its own. A date that cannot be read is in the past (RFC 9111 §5.3). */
function untilExpiry(expires: string, date: string | undefined, now: number): number {
  const end = Date.parse(expires);
  const start = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(end) ? 0 : end - (Number.isNaN(start) ? now : start);
}
