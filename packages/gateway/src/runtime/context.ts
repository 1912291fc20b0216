import type { DataPlane } from '../listen/data-plane.ts';
import type { Log } from '../pipeline/step.ts';
import type { Settings } from '../resources/settings.ts';
import type { CellClient } from './cells.ts';
import type { ChildClient } from './child-client.ts';
import type { Forwarder } from './forward.ts';
import type { AcceptMode, WorkerIdentity } from './messages.ts';
import type { SessionCodec } from './sessions.ts';

/** What a worker's data plane is given of the runtime. */
export interface WorkerContext {
  readonly worker: WorkerIdentity;
  readonly settings: Settings;
  /** How to open a bind's port. Binds arrive with their real port: the supervisor has resolved port 0. */
  readonly accept: AcceptMode;
  /** The application log; written by the supervisor. */
  readonly log: Log;
  readonly cells: Pick<CellClient, 'scope'>;
  /** Memory of the lock on standard output, which all threads write to. */
  readonly outputLock: SharedArrayBuffer;
  readonly sessions: SessionCodec;
  /** To the worker that owns a session, and from the others to this one. */
  readonly forward: Forwarder;
  readonly children: ChildClient;
  readonly telemetry: TelemetryPorts;
  /**
   * Registers what answers `Supervisor.ask(topic)` in this worker. The answer must be cloneable.
   *
   * @throws Error if the topic has an answer already.
   */
  answer(topic: string, handler: (payload: unknown) => unknown): void;
}

interface TelemetryPorts {
  /** Registers what tells this worker's metrics at a scrape; the result must be cloneable. */
  onMetricsRequest(handler: () => unknown): void;
  /** Called with the level in force, at once and whenever it changes. */
  onLogLevel(listener: (level: string) => void): void;
}

/** What the module named by `WorkerData.dataPlane` exports. */
export interface DataPlaneModule {
  createDataPlane(context: WorkerContext): DataPlane | Promise<DataPlane>;
}
