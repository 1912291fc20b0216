import { type ManagementHandler, respond, targetOf } from './server.ts';

/**
 * Serves `/healthz/ready` (200 when nothing is pending, otherwise 500 with what is) and `/healthz/live` (200 as long as the
 * main thread answers) (spec 10 §9.2). What some requests have to do without, while all others are served, is told behind `ready`.
 *
 * @param missing What is not there, a line each.
 */
export function readinessHandler(
  pending: () => readonly string[],
  missing: () => Promise<readonly string[]> = async () => [],
): ManagementHandler {
  return async (request, response) => {
    const { path } = targetOf(request);
    if (path !== '/healthz/ready' && path !== '/healthz/live') return respond(response, 404, '');
    if (request.method !== 'GET') return respond(response, 405, '', { allow: 'GET' });
    if (path === '/healthz/live') return respond(response, 200, 'live\n');
    const names = [...pending()].sort();
    if (names.length > 0) return respond(response, 500, `not ready, pending: ${names.join(', ')}\n`);
    const lines = (await missing()).map((line) => `missing: ${line}\n`);
    return respond(response, 200, `ready\n${lines.join('')}`);
  };
}
