import { GatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';

/**
 * Ends the exchange's work when its request has taken so long, unless it is done before.
 *
 * @param requestTimeout Milliseconds since the request came; 0 is no limit.
 * @param work Gives up when `exchange.abort` says so.
 * @throws GatewayError `requestTimeout`, whatever the work broke with.
 */
export async function withinDeadline<T>(exchange: Exchange, requestTimeout: number, work: Promise<T>): Promise<T> {
  const deadline = startDeadline(exchange, requestTimeout);
  try {
    return await work;
  } catch (error) {
    // Whatever broke because the deadline passed broke for that reason.
    throw exchange.abort.reason instanceof GatewayError ? exchange.abort.reason : error;
  } finally {
    if (deadline !== null) clearTimeout(deadline);
  }
}

/** Aborts the exchange's work when its request has taken so many milliseconds; null is no limit. To be cleared by the caller. */
export function startDeadline(exchange: Exchange, requestTimeout: number): NodeJS.Timeout | null {
  if (requestTimeout === 0) return null;
  const left = requestTimeout - (exchange.clock.now() - exchange.record.startedAt);
  return setTimeout(() => exchange.abort.abort(new GatewayError('requestTimeout')), Math.max(0, left));
}
