import type { Snapshot } from '../../src/telemetry/metrics/snapshot.ts';
import { expose } from '../../src/telemetry/metrics/text-format.ts';

/** The sum of all series of a metric, by its name on the wire, that carry these labels; 0 if there is none. */
export function count(snapshot: Snapshot, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  let sum = 0;
  for (const line of expose(snapshot, 'openmetrics').split('\n')) {
    if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue;
    if (wanted.every((label) => line.includes(label))) sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sum;
}
