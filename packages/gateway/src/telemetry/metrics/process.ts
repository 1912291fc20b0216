import { readdirSync } from 'node:fs';
import type { Metrics } from './metrics.ts';

/** Puts what the process as a whole uses into the metrics; of the supervisor only, before its snapshot. */
export function observeProcess(metrics: Metrics, version: string): void {
  const { user, system } = process.cpuUsage();
  metrics.set('build', [version], 1);
  metrics.set('processCpu', [], (user + system) / 1e6);
  metrics.set('processMemory', [], process.memoryUsage.rss());
  metrics.set('processStart', [], startedAt);
  const descriptors = openDescriptors();
  if (descriptors !== null) metrics.set('processOpenFds', [], descriptors);
}

const startedAt = Math.round(Date.now() - process.uptime() * 1000) / 1000;

function openDescriptors(): number | null {
  try {
    // One of them is the directory being read.
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return null;
  }
}
