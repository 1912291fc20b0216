import { negotiate } from '../telemetry/metrics/exposition.ts';
import { mergeSnapshots, type Snapshot } from '../telemetry/metrics/snapshot.ts';
import { expose } from '../telemetry/metrics/text-format.ts';
import { type ManagementHandler, respond, targetOf } from './server.ts';

/** Serves the metrics of all threads on `/metrics` and `/stats/prometheus`, whatever the method (spec 10 §6.1). */
export function statsHandler(collectMetrics: () => Promise<readonly Snapshot[]>): ManagementHandler {
  return async (request, response) => {
    const { path } = targetOf(request);
    if (path !== '/metrics' && path !== '/stats/prometheus') return respond(response, 404, '');
    const { format, contentType } = negotiate(request.headers.accept);
    const snapshot = mergeSnapshots(await collectMetrics());
    const body =
      format === 'protobuf'
        ? (await import('../telemetry/metrics/protobuf.ts')).exposeProtobuf(snapshot)
        : expose(snapshot, format);
    respond(response, 200, body, { 'content-type': contentType, vary: 'accept' });
  };
}
