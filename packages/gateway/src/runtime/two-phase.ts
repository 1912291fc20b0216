import type { ResourceDelta } from '../resources/model.ts';
import type { Outcome, WorkerHandle } from './worker-handle.ts';

/** A worker and what it has to be told. */
export interface Participant {
  readonly worker: WorkerHandle;
  readonly delta: ResourceDelta;
}

/**
 * Carries a change to all workers or to none: everybody prepares, and only if nobody objects everybody commits. A worker
 * that dies on the way does not count, unless all do.
 *
 * @param timeout Milliseconds that each step may take in a worker before that one is ended.
 * @returns null, or why the change was refused: then every worker that lives has what it had.
 */
export async function carryToAll(participants: readonly Participant[], timeout: number): Promise<string | null> {
  const outcomes = await Promise.all(participants.map(({ worker, delta }) => prepare(worker, delta, timeout)));
  const objections = new Set<string>();
  for (const outcome of outcomes) if (outcome.is === 'failed') objections.add(outcome.message);
  if (objections.size === 0 && outcomes.some((outcome) => outcome.is === 'done')) {
    await Promise.all(participants.map(({ worker }) => commit(worker, timeout)));
    return null;
  }
  const prepared = participants.filter((_, i) => outcomes[i]?.is === 'done');
  await Promise.all(prepared.map(({ worker }) => rollback(worker, timeout)));
  return objections.size > 0 ? [...objections].join('; ') : 'every worker died preparing it';
}

/** Brings one worker to a state that the others have already; tells why it could not. */
export async function bringTo({ worker, delta }: Participant, timeout: number): Promise<void> {
  const outcome = await prepare(worker, delta, timeout);
  if (outcome.is === 'done') await commit(worker, timeout);
  if (outcome.is === 'failed') await worker.terminate(`the current state cannot be served: ${outcome.message}`);
}

function prepare(worker: WorkerHandle, delta: ResourceDelta, timeout: number): Promise<Outcome> {
  return worker.requireWithin(timeout, { type: 'prepare', delta });
}

async function commit(worker: WorkerHandle, timeout: number): Promise<void> {
  const outcome = await worker.requireWithin(timeout, { type: 'commit' });
  if (outcome.is === 'done') worker.serving = true;
  // It said that it could, and could not: nobody knows what it serves now.
  if (outcome.is === 'failed') await worker.terminate(`a prepared change could not be committed: ${outcome.message}`);
}

async function rollback(worker: WorkerHandle, timeout: number): Promise<void> {
  const outcome = await worker.requireWithin(timeout, { type: 'rollback' });
  if (outcome.is === 'failed') await worker.terminate(`a change could not be rolled back: ${outcome.message}`);
}
