import type { ResourceDelta } from '../resources/model.ts';

/**
 * A worker's whole data plane. A change is prepared (compiled, new ports opened) and then either committed in one
 * assignment or rolled back, so that the supervisor can make it all or nothing over all workers.
 */
export interface DataPlane {
  /** @throws Error whose message says what is wrong; then nothing has changed. */
  prepare(delta: ResourceDelta): Promise<void>;
  commit(): void;
  rollback(): void;
  /** Stops serving: see spec 02 §3.1. Resolves when every connection is gone or the deadline cut them. */
  drain(): Promise<void>;
  /** Closes everything at once. */
  close(): Promise<void>;
}
