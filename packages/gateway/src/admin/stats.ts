import { contentTypes, expose, negotiate } from '../telemetry/metrics/exposition.ts';
import { mergeSnapshots, type Snapshot } from '../telemetry/metrics/snapshot.ts';
import { type ManagementHandler, respond, targetOf } from './server.ts';

/** Serves the metrics of all threads on `/metrics` and `/stats/prometheus`, whatever the method (spec 10 §6.1). */
export function statsHandler(collectMetrics: () => Promise<readonly Snapshot[]>): ManagementHandler {
  return async (request, response) => {
    const { path } = targetOf(request);
    if (path !== '/metrics' && path !== '/stats/prometheus') return respond(response, 404, '');
    const format = negotiate(request.headers.accept);
    const body = expose(mergeSnapshots(await collectMetrics()), format);
    respond(response, 200, body, { 'content-type': contentTypes[format], vary: 'accept' });
  };
}
