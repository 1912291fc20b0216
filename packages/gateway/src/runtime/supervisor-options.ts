import type { Log } from '../pipeline/step.ts';
import type { Settings } from '../resources/settings.ts';
import type { WorkerIdentity } from './messages.ts';

/** What a supervisor is made of. Everything but the first two has a default. */
export interface SupervisorOptions {
  readonly settings: Settings;
  readonly log: Log;
  /** URL of the module that exports `createDataPlane`. Default: the gateway's own. */
  readonly dataPlane?: string;
  /** URLs of modules that every worker imports first. */
  readonly extensions?: readonly string[];
  /** The worker's entry; a bundle has another one. */
  readonly entry?: URL;
  /** Milliseconds before a worker is replaced that died as the `crashes`-th in a row, from 1. */
  readonly backoff?: (crashes: number) => number;
  /** Milliseconds that a worker may take for a step of a change before it is ended. Default 60,000. */
  readonly changeTimeout?: number;
  /** Memory of the lock on standard output, which all threads write to; made here unless given. */
  readonly outputLock?: SharedArrayBuffer;
  /** Told after a worker died or ended, when everything of it is gone. */
  readonly onWorkerGone?: (worker: WorkerIdentity) => void;
  /** Milliseconds from SIGTERM to SIGKILL for child processes. */
  readonly childGrace?: number;
  /** Milliseconds that workers get for a drain beyond the deadlines of the settings. Default 2,000. */
  readonly drainSlack?: number;
  /** Whether workers can listen on the same port; tried out where it is not said. */
  readonly sharePorts?: boolean;
}
