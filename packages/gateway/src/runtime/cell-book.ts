import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { resourceId } from '../resources/delta.ts';
import type { ResourceDelta } from '../resources/model.ts';
import { CellLock } from './cells.ts';
import type { CellAnswer, CellChannel, CellRequest } from './messages.ts';

interface Cell {
  readonly owners: readonly string[];
  readonly memory: SharedArrayBuffer;
  readonly lock: boolean;
  /** Number of the last change in which somebody asked for it. */
  askedIn: number;
  /** Number of the change that made it. */
  readonly madeIn: number;
}

/** The most that one cell may take, in bytes. */
const maxCellBytes = 16 * 1024 * 1024;

/**
 * The supervisor's book of shared memory: what cells there are, and whose.
 *
 * Freeing a cell means forgetting it: a worker that still has an old plan may finish with it.
 */
export class CellBook {
  readonly #cells = new Map<string, Cell>();
  /** Cells by the resource that owns them. */
  readonly #owned = new Map<string, Set<string>>();
  #change = 0;

  get size(): number {
    return this.#cells.size;
  }

  /** Opens the synchronous way for one worker. Closing the returned port ends it. */
  connect(): { readonly channel: CellChannel; readonly close: () => void } {
    const { port1, port2 } = new MessageChannel();
    const signal = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const word = new Int32Array(signal);
    port1.on('message', (request: CellRequest) => {
      this.#answer(port1, request);
      Atomics.store(word, 0, request.id);
      Atomics.notify(word, 0);
    });
    port1.unref();
    return { channel: { port: port2, signal }, close: () => port1.close() };
  }

  /** A change begins: what is asked for from now on is asked for in it. */
  begin(): void {
    this.#change += 1;
  }

  /** The change stands in all workers: what changed resources do not use any more is freed. */
  commit(delta: ResourceDelta): void {
    for (const resource of delta.upserts) this.#free(resourceId(resource), false);
    for (const removal of delta.removals) this.#free(resourceId(removal), true);
  }

  /** The change was given up: what only it asked for is freed. */
  rollback(): void {
    for (const [id, cell] of this.#cells) if (cell.madeIn === this.#change) this.#forget(id, cell);
    // What a later change finds must not look as if it had been asked for by the one that failed.
    this.#change += 1;
  }

  /** Frees the locks that a dead worker held; gives their number. */
  releaseLocks(dead: number): number {
    let released = 0;
    for (const cell of this.#cells.values()) {
      if (cell.lock && CellLock.releaseFor(cell.memory, dead)) released += 1;
    }
    return released;
  }

  #answer(port: MessagePort, request: CellRequest): void {
    let answer: CellAnswer;
    try {
      answer = { id: request.id, cell: this.#find(request) };
    } catch (error) {
      answer = { id: request.id, refused: (error as Error).message };
    }
    port.postMessage(answer);
  }

  #find({ owners, spec, name, bytes, lock }: CellRequest): SharedArrayBuffer {
    const id = JSON.stringify([owners, spec, name]);
    const known = this.#cells.get(id);
    if (known !== undefined) {
      if (known.memory.byteLength !== bytes || known.lock !== lock) {
        throw new Error(`cell "${name}" of ${owners.join(', ')} has ${known.memory.byteLength} bytes, not ${bytes}`);
      }
      known.askedIn = this.#change;
      return known.memory;
    }
    if (owners.length === 0) throw new Error(`cell "${name}" belongs to no resource`);
    if (!Number.isInteger(bytes) || bytes < 1 || bytes > maxCellBytes) {
      throw new Error(`cell "${name}" of ${owners.join(', ')} cannot have ${bytes} bytes`);
    }
    const cell = { owners, memory: new SharedArrayBuffer(bytes), lock, askedIn: this.#change, madeIn: this.#change };
    this.#cells.set(id, cell);
    for (const owner of owners) {
      const owned = this.#owned.get(owner);
      if (owned === undefined) this.#owned.set(owner, new Set([id]));
      else owned.add(id);
    }
    return cell.memory;
  }

  #free(owner: string, gone: boolean): void {
    for (const id of this.#owned.get(owner) ?? []) {
      const cell = this.#cells.get(id);
      if (cell !== undefined && (gone || cell.askedIn !== this.#change)) this.#forget(id, cell);
    }
  }

  #forget(id: string, cell: Cell): void {
    this.#cells.delete(id);
    for (const owner of cell.owners) {
      const owned = this.#owned.get(owner);
      owned?.delete(id);
      if (owned?.size === 0) this.#owned.delete(owner);
    }
  }
}
