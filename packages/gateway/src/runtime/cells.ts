import { createHash } from 'node:crypto';
import { receiveMessageOnPort } from 'node:worker_threads';
import { resourceId } from '../resources/delta.ts';
import type { ResourceId } from '../resources/model.ts';
import type { CellAnswer, CellChannel, CellRequest } from './messages.ts';

/** How long a worker waits for a cell before it takes the supervisor for dead, in milliseconds. */
const cellTimeout = 30_000;

/**
 * A worker's way to shared memory.
 *
 * A plan is compiled in one go and must have its cells at once. So the worker posts its wish and sleeps on a shared word
 * until the supervisor, whose loop never waits for a worker without yielding, has posted the memory: about a tenth of a
 * millisecond, the first time that a worker asks for a cell. That beats working out beforehand what a plan will need,
 * which would be a second compiler.
 *
 * What is asked while a change is prepared belongs to it: cells of a changed resource that nobody asked for again are
 * freed when it is committed. So a plan must take its cells when it is compiled, never later.
 */
export class CellClient {
  readonly #channel: CellChannel;
  readonly #signal: Int32Array;
  readonly #self: number;
  readonly #hashes = new WeakMap<object, string>();
  #lastId = 0;

  /** @param self Epoch of the worker: what its locks are held by. */
  constructor(channel: CellChannel, self: number) {
    this.#channel = channel;
    this.#signal = new Int32Array(channel.signal);
    this.#self = self;
    channel.port.unref();
  }

  /**
   * The cells of one specification.
   *
   * @param owners The resources without any of which there is no such cell: the one that holds the specification, and the
   * one that it is compiled for where each is to have its own.
   * @param spec Plain data. The same data finds the same memory, in every worker and after every reload.
   */
  scope(owners: readonly ResourceId[], spec: unknown): CellScope {
    return new CellScope(this, owners.map(resourceId).sort(), this.#hash(spec), this.#self);
  }

  /** @throws Error if the supervisor refuses or does not answer. */
  request(wish: Omit<CellRequest, 'id'>): SharedArrayBuffer {
    this.#lastId += 1;
    const id = this.#lastId;
    this.#channel.port.postMessage({ ...wish, id } satisfies CellRequest);
    for (;;) {
      const answered = Atomics.load(this.#signal, 0);
      if (answered === id) break;
      if (Atomics.wait(this.#signal, 0, answered, cellTimeout) === 'timed-out') {
        throw new Error('no shared memory: no answer');
      }
    }
    const answer = this.#answerTo(id);
    if ('refused' in answer) throw new Error(`no shared memory: ${answer.refused}`);
    return answer.cell;
  }

  /** Answers that came too late for whoever asked are passed over. */
  #answerTo(id: number): CellAnswer {
    for (;;) {
      const answer = receiveMessageOnPort(this.#channel.port)?.message as CellAnswer | undefined;
      if (answer === undefined) throw new Error('no shared memory: the answer is lost');
      if (answer.id === id) return answer;
    }
  }

  #hash(spec: unknown): string {
    if (typeof spec !== 'object' || spec === null) return hashSpec(spec);
    let hash = this.#hashes.get(spec);
    if (hash === undefined) {
      hash = hashSpec(spec);
      this.#hashes.set(spec, hash);
    }
    return hash;
  }
}

/** The cells that one specification of one resource may have, by name. */
export class CellScope {
  readonly #client: CellClient;
  readonly #owners: readonly string[];
  readonly #spec: string;
  readonly #self: number;

  constructor(client: CellClient, owners: readonly string[], spec: string, self: number) {
    this.#client = client;
    this.#owners = owners;
    this.#spec = spec;
    this.#self = self;
  }

  /** Zeroed when new. @throws Error if the name stands for another size already. */
  cell(name: string, bytes: number): SharedArrayBuffer {
    return this.#client.request({ owners: this.#owners, spec: this.#spec, name, bytes, lock: false });
  }

  lock(name: string): CellLock {
    const memory = this.#client.request({ owners: this.#owners, spec: this.#spec, name, bytes: lockBytes, lock: true });
    return new CellLock(memory, this.#self);
  }
}

const lockBytes = 8;
const HOLDER = 0;
const ABANDONED = 1;

/**
 * A lock over workers, for what a single atomic operation cannot do. Held for a few instructions and never over an
 * `await`. A worker that dies with it does not keep it.
 */
export class CellLock {
  readonly #words: Int32Array;
  readonly #self: number;

  constructor(memory: SharedArrayBuffer, self: number) {
    this.#words = new Int32Array(memory);
    this.#self = self;
  }

  tryAcquire(): boolean {
    return Atomics.compareExchange(this.#words, HOLDER, 0, this.#self) === 0;
  }

  /**
   * Waits on the spot until the lock is free.
   *
   * @throws Error if this worker holds it already.
   */
  acquire(): void {
    for (;;) {
      const holder = Atomics.compareExchange(this.#words, HOLDER, 0, this.#self);
      if (holder === 0) return;
      if (holder === this.#self) throw new Error('lock is held by this worker already');
      Atomics.wait(this.#words, HOLDER, holder);
    }
  }

  /** @throws Error if this worker does not hold it. */
  release(): void {
    if (Atomics.compareExchange(this.#words, HOLDER, this.#self, 0) !== this.#self) {
      throw new Error('lock is not held by this worker');
    }
    Atomics.notify(this.#words, HOLDER, 1);
  }

  /** True once if a holder has died: what the lock guards may be half written. Asked by whoever holds it. */
  takeAbandoned(): boolean {
    return Atomics.exchange(this.#words, ABANDONED, 0) === 1;
  }

  /** Frees the lock in the name of a dead worker; true if that one held it. */
  static releaseFor(memory: SharedArrayBuffer, dead: number): boolean {
    const words = new Int32Array(memory);
    if (Atomics.load(words, HOLDER) !== dead) return false;
    Atomics.store(words, ABANDONED, 1);
    Atomics.store(words, HOLDER, 0);
    Atomics.notify(words, HOLDER);
    return true;
  }
}

/** SHA-256 of the data as canonical JSON: fields sorted, `undefined` ones left out. */
export function hashSpec(spec: unknown): string {
  return createHash('sha256').update(canonical(spec)).digest('base64url');
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(',')}}`;
}
