import { join } from 'node:path';

/** The unix socket of a worker, inside the gateway's private folder. The epoch in it keeps a dead worker's name unused. */
export function workerSocket(directory: string, epoch: number): string {
  return join(directory, `worker-${epoch}.sock`);
}

/** The unix socket of a child process's standard input and output. */
export function childSocket(directory: string, id: number): string {
  return join(directory, `child-${id}.sock`);
}
