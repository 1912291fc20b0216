import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { DataPlane } from '../../packages/gateway/src/listen/data-plane.ts';
import { createDataPlane as createGatewayPlane } from '../../packages/gateway/src/listen/worker-data-plane.ts';
import type { WorkerContext } from '../../packages/gateway/src/runtime/context.ts';

/** What is left in a worker when its garbage is gone. */
export interface WorkerState {
  /** Bytes. */
  readonly heap: number;
  readonly external: number;
  /** Sockets, timers and the like that are open, by kind. */
  readonly handles: Readonly<Record<string, number>>;
  /** Access lines so far. */
  readonly lines: number;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** The gateway's own data plane; its access log is counted, and it tells the state of its thread. */
export function createDataPlane(context: WorkerContext): DataPlane {
  let lines = 0;
  context.answer('state', (): WorkerState => {
    collectGarbage();
    const handles: Record<string, number> = {};
    for (const kind of process.getActiveResourcesInfo()) handles[kind] = (handles[kind] ?? 0) + 1;
    const { heapUsed, external } = process.memoryUsage();
    return { heap: heapUsed, external, handles, lines };
  });
  return createGatewayPlane(context, {
    sink: {
      write: () => {
        lines++;
      },
    },
  });
}
