import { randomBytes } from 'node:crypto';
import { rm as removeFile, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { getCompileCacheDir } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Log } from '../pipeline/step.ts';
import { applyDelta, emptyDelta, isEmpty } from '../resources/delta.ts';
import type { Resource, ResourceDelta } from '../resources/model.ts';
import { ResourceStore } from '../resources/store.ts';
import { LINE_LOCK_BYTES } from '../telemetry/line-lock.ts';
import { type BoundPort, BoundPorts, canSharePorts } from './bound-ports.ts';
import { CellBook } from './cell-book.ts';
import { ChangeQueue, type SourceChange } from './change-queue.ts';
import { ChildBook } from './child-book.ts';
import type { ChildCommand, FromWorker, WorkerIdentity } from './messages.ts';
import { workerSocket } from './private-sockets.ts';
import { sessionKeyBytes } from './sessions.ts';
import type { SupervisorOptions } from './supervisor-options.ts';
import { bringTo, carryToAll } from './two-phase.ts';
import { type WorkerEvents, WorkerHandle } from './worker-handle.ts';

/** A change that some worker, or the machine, cannot carry. Nothing has changed. */
export class ChangeRefused extends Error {
  override readonly name = 'ChangeRefused';
}

export interface WorkerAnswer {
  readonly worker: WorkerIdentity;
  readonly value: unknown;
}

/** One place among the workers: the thread in it changes when it dies. */
interface Slot {
  readonly index: number;
  worker: WorkerHandle | null;
  closeCells: () => void;
  /** Deaths in a row, none of which came after a long life. */
  crashes: number;
  retry: NodeJS.Timeout | null;
}

/** A worker that served this long has not died of how it was started. Milliseconds. */
const longLife = 60_000;
/** How long a worker may take to answer or to close. Milliseconds. */
const answerTimeout = 5_000;

/**
 * The main thread's part: owns the store, starts the workers, carries every change to all of them or to none, and keeps
 * what must outlive a worker (shared cells, ports, child processes).
 */
export class Supervisor {
  readonly store = new ResourceStore();
  /** Of this run: part of session tokens. */
  readonly instance = randomBytes(8).toString('hex');
  readonly #options: SupervisorOptions;
  readonly #log: Log;
  readonly #slots: Slot[];
  readonly #cells = new CellBook();
  readonly #ports = new BoundPorts();
  readonly #queue = new ChangeQueue<void>((source, change) => this.#change(source, change));
  readonly #ready = Promise.withResolvers<void>();
  readonly #events: WorkerEvents = {
    onMessage: (worker, message) => this.#onMessage(worker, message),
    onGone: (worker, reason) => this.#onGone(worker, reason),
  };
  /** For an end that nobody planned: the folder must not stay. */
  readonly #onProcessExit = () => rmSync(this.#directory, { recursive: true, force: true });
  readonly #sessionKey: Uint8Array;
  readonly #changeTimeout: number;
  readonly #outputLock: SharedArrayBuffer;
  #children: ChildBook | null = null;
  #directory = '';
  #sharedPorts = false;
  #lastEpoch = 0;
  /** There is a state that workers serve. */
  #configured = false;
  #logLevel: string;
  #phase: 'new' | 'running' | 'draining' | 'closed' = 'new';
  #drained: Promise<void> | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#logLevel = options.settings.logging.level;
    this.#changeTimeout = options.changeTimeout ?? 60_000;
    this.#outputLock = options.outputLock ?? new SharedArrayBuffer(LINE_LOCK_BYTES);
    this.#sessionKey = sessionKeyBytes(options.settings.sessionKey?.$secret);
    this.#slots = Array.from({ length: options.settings.workerThreads }, (_, index) => ({
      index,
      worker: null,
      closeCells: () => {},
      crashes: 0,
      retry: null,
    }));
  }

  /** Resolves when every worker serves the first state. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Where each bind listens, by its key; port 0 is settled. */
  get ports(): ReadonlyMap<string, BoundPort> {
    return this.#ports.all;
  }

  /** Folder of the private sockets; empty before the start. */
  get socketDirectory(): string {
    return this.#directory;
  }

  /** Shared cells in use. */
  get cellCount(): number {
    return this.#cells.size;
  }

  /**
   * Starts the workers; they serve nothing until the first change.
   *
   * @throws Error if one of them cannot start; then nothing is left of any.
   */
  async start(): Promise<void> {
    if (this.#phase !== 'new') throw new Error('the supervisor was started already');
    this.#phase = 'running';
    if (this.#options.settings.sessionKey === undefined) {
      this.#log.info(
        'session',
        'session.key is not set: session ids are sealed with a random key and end with this process',
      );
    }
    // mkdtemp makes it for this user alone (0700): who can reach the sockets inside is the gateway itself.
    this.#directory = await mkdtemp(join(tmpdir(), 'agentgateway-'));
    process.on('exit', this.#onProcessExit);
    this.#children = new ChildBook(this.#directory, this.#log, this.#options.childGrace);
    this.#sharedPorts = this.#options.sharePorts ?? (await canSharePorts());
    if (!this.#sharedPorts && this.#slots.length > 1) {
      this.#log.warn(
        'runtime',
        'this platform cannot share a port between workers: one of them accepts all connections',
      );
    }
    const outcomes = await Promise.all(this.#slots.map((slot) => this.#spawn(slot).started));
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.is !== 'gone') continue;
      await this.close();
      throw new Error(`worker ${index} cannot start: ${outcome.reason}`);
    }
  }

  /**
   * Makes `resources` all that `source` has to say, in every worker or in none. One change runs at a time; changes of a
   * source that wait become one.
   *
   * @throws ChangeRefused, DuplicateResource
   */
  replace(source: string, resources: readonly Resource[]): Promise<void> {
    return this.#queue.change(source, { type: 'replace', resources });
  }

  /** Like {@link Supervisor.replace}, for single resources. */
  apply(source: string, delta: ResourceDelta): Promise<void> {
    return this.#queue.change(source, { type: 'apply', delta });
  }

  /** Asks every worker, or one; those that fail, die or take too long are left out. */
  async ask(topic: string, payload: unknown = null, index?: number): Promise<WorkerAnswer[]> {
    const workers = this.#living().filter((worker) => index === undefined || worker.identity.index === index);
    const answers = await Promise.all(
      workers.map(async (worker) => {
        const outcome = await within(answerTimeout, worker.request({ type: 'ask', topic, payload }));
        if (outcome?.is === 'done') return { worker: worker.identity, value: outcome.value };
        const why = outcome === null ? 'no answer in time' : outcome.is === 'failed' ? outcome.message : 'it died';
        this.#log.warn('runtime', `worker ${worker.identity.index} did not answer "${topic}": ${why}`);
        return null;
      }),
    );
    return answers.filter((answer) => answer !== null);
  }

  /** What each worker's `onMetricsRequest` tells. */
  metrics(): Promise<WorkerAnswer[]> {
    return this.ask('metrics');
  }

  setLogLevel(level: string): void {
    this.#logLevel = level;
    for (const worker of this.#living()) worker.post({ type: 'logLevel', level });
  }

  /** Ends a worker as if it had crashed. @throws Error if there is none at this index. */
  async kill(index: number, reason: string): Promise<void> {
    const worker = this.#slots[index]?.worker;
    if (!worker?.alive) throw new Error(`no worker ${index}`);
    await worker.terminate(reason);
  }

  /**
   * Serves what is there to its end, up to the deadlines of the settings (spec 02 §3.1), then closes. Workers that do not
   * keep the deadline are ended.
   */
  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  /** Closes everything at once; resolves when nothing is left. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #change(source: string, change: SourceChange): Promise<void> {
    if (this.#phase !== 'running') throw new ChangeRefused('the gateway is shutting down');
    const staged =
      change.type === 'replace' ? this.store.replace(source, change.resources) : this.store.apply(source, change.delta);
    const everyoneServes = this.#slots.every((slot) => slot.worker?.serving);
    if (isEmpty(staged.delta) && everyoneServes) return;
    await this.#carry(staged.delta);
    this.store.commit(staged);
  }

  /** Two phases: everybody prepares; only if nobody objects, everybody commits. */
  async #carry(delta: ResourceDelta): Promise<void> {
    this.#cells.begin();
    try {
      const wire = await this.#ports.stage(delta);
      const workers = await this.#participants();
      const state: ResourceDelta = { upserts: this.#stateAfter(wire), removals: [] };
      const participants = workers.map((worker) => ({ worker, delta: worker.serving ? wire : state }));
      const refusal = await carryToAll(participants, this.#changeTimeout);
      if (refusal !== null) throw new ChangeRefused(refusal);
    } catch (error) {
      this.#ports.rollback();
      this.#cells.rollback();
      throw error instanceof ChangeRefused ? error : new ChangeRefused((error as Error).message, { cause: error });
    }
    this.#ports.commit(delta);
    this.#cells.commit(delta);
    this.#configured = true;
    this.#announceReady();
  }

  /** Living workers; if all are dead, one is started at once: a change may be the cure of what kills them. */
  async #participants(): Promise<WorkerHandle[]> {
    const living = this.#living();
    const slot = this.#slots[0];
    if (living.length > 0 || slot === undefined) return living;
    const worker = this.#spawn(slot);
    const outcome = await worker.started;
    if (outcome.is === 'gone') throw new ChangeRefused(`no worker can be started: ${outcome.reason}`);
    return [worker];
  }

  #stateAfter(wire: ResourceDelta): Resource[] {
    return applyDelta(this.store.snapshot(), wire).map((resource) => this.#ports.resolve(resource));
  }

  #announceReady(): void {
    if (this.#slots.every((slot) => slot.worker?.serving)) this.#ready.resolve();
  }

  #living(): WorkerHandle[] {
    return this.#slots.map((slot) => slot.worker).filter((worker) => worker?.alive === true) as WorkerHandle[];
  }

  #spawn(slot: Slot): WorkerHandle {
    if (slot.retry !== null) clearTimeout(slot.retry);
    slot.retry = null;
    this.#lastEpoch += 1;
    const cells = this.#cells.connect();
    slot.closeCells = cells.close;
    const data = {
      worker: { index: slot.index, epoch: this.#lastEpoch, instance: this.instance },
      settings: this.#options.settings,
      extensions: this.#options.extensions ?? [],
      dataPlane: this.#options.dataPlane ?? new URL('../listen/worker-data-plane.ts', import.meta.url).href,
      accept: this.#sharedPorts ? 'shared' : slot.index === 0 ? 'alone' : 'never',
      sessionKey: this.#sessionKey,
      socketDirectory: this.#directory,
      outputLock: this.#outputLock,
      logLevel: this.#logLevel,
      compileCache: compileCacheFolder(),
      cells: cells.channel,
    } as const;
    slot.worker = new WorkerHandle(this.#options.entry ?? new URL('./worker.mjs', import.meta.url), data, this.#events);
    return slot.worker;
  }

  #onMessage(worker: WorkerHandle, message: FromWorker): void {
    switch (message.type) {
      case 'log':
        this.#log[message.level](message.scope, message.message, { ...message.fields, worker: worker.identity.index });
        break;
      case 'childStart':
        void this.#startChild(worker, message.request, message.command);
        break;
      case 'childEnd':
        this.#children?.end(message.child);
        break;
    }
  }

  async #startChild(worker: WorkerHandle, request: number, command: ChildCommand): Promise<void> {
    const children = this.#children as ChildBook;
    try {
      const child = await children.start(worker.identity.epoch, command, (id, exit) =>
        worker.post({ type: 'childExited', child: id, exit }),
      );
      if (worker.alive) worker.post({ type: 'childStarted', request, child });
      else children.end(child.id);
    } catch (error) {
      worker.post({ type: 'childRefused', request, message: (error as Error).message });
    }
  }

  #onGone(worker: WorkerHandle, reason: string): void {
    const slot = this.#slots[worker.identity.index] as Slot;
    worker.serving = false;
    slot.closeCells();
    removeFile(workerSocket(this.#directory, worker.identity.epoch), { force: true }, () => {});
    const locks = this.#cells.releaseLocks(worker.identity.epoch);
    this.#children?.endOwned(worker.identity.epoch);
    this.#options.onWorkerGone?.(worker.identity);
    if (this.#phase === 'closed') return;
    const released = locks > 0 ? { releasedLocks: locks } : {};
    this.#log.error('runtime', `worker ${slot.index} died: ${reason}`, { worker: slot.index, ...released });
    if (this.#phase !== 'running') return;
    slot.crashes = performance.now() - worker.startedAt > longLife ? 1 : slot.crashes + 1;
    this.#scheduleReplacement(slot);
  }

  #scheduleReplacement(slot: Slot): void {
    const wait = (this.#options.backoff ?? defaultBackoff)(slot.crashes);
    slot.retry = setTimeout(() => {
      this.#queue
        .exclusive(() => this.#replaceWorker(slot))
        .catch((error: Error) => {
          this.#log.error('runtime', `worker ${slot.index} cannot be started: ${error.message}`, {
            worker: slot.index,
          });
          slot.crashes += 1;
          this.#scheduleReplacement(slot);
        });
    }, wait);
  }

  /** Brings a new worker to the state of the others. Not a change: it asks for nothing that they do not have. */
  async #replaceWorker(slot: Slot): Promise<void> {
    if (this.#phase !== 'running' || slot.worker?.alive) return;
    const worker = this.#spawn(slot);
    if ((await worker.started).is !== 'done' || !this.#configured) return;
    await bringTo({ worker, delta: { upserts: this.#stateAfter(emptyDelta), removals: [] } }, this.#changeTimeout);
    this.#announceReady();
    if (worker.serving) this.#log.info('runtime', `worker ${slot.index} was replaced`, { worker: slot.index });
  }

  async #drain(): Promise<void> {
    if (this.#phase !== 'running') return this.close();
    this.#phase = 'draining';
    this.#log.info('runtime', 'drain started');
    this.#stopRetries();
    const { minTerminationDeadline: min, terminationDeadline: max } = this.#options.settings;
    const deadline = setTimeout(
      () => {
        for (const worker of this.#living()) void worker.terminate('the drain took too long');
      },
      min + max + (this.#options.drainSlack ?? 2_000),
    );
    // A change that is on its way ends first: the workers must agree on what they drain.
    await this.#queue.exclusive(() => Promise.all(this.#living().map((worker) => worker.request({ type: 'drain' }))));
    clearTimeout(deadline);
    await this.close();
  }

  async #close(): Promise<void> {
    this.#phase = 'closed';
    this.#stopRetries();
    await Promise.all(
      this.#living().map(async (worker) => {
        await within(answerTimeout, worker.request({ type: 'close' }));
        await worker.terminate('closed');
      }),
    );
    await this.#queue.idle;
    // A worker that was being started when we closed.
    await Promise.all(this.#living().map((worker) => worker.terminate('closed')));
    await this.#children?.close();
    if (this.#directory !== '') await rm(this.#directory, { recursive: true, force: true });
    process.off('exit', this.#onProcessExit);
  }

  #stopRetries(): void {
    for (const slot of this.#slots) {
      if (slot.retry !== null) clearTimeout(slot.retry);
      slot.retry = null;
    }
  }
}

/** Node appends a folder of its own version to the one that it was told. */
function compileCacheFolder(): string | null {
  const folder = getCompileCacheDir();
  return folder === undefined ? null : dirname(folder);
}

/** At once the first time, then 100 ms doubling to 10 s. */
function defaultBackoff(crashes: number): number {
  return crashes <= 1 ? 0 : Math.min(10_000, 100 * 2 ** (crashes - 2));
}

/** What the promise gives, or null after `milliseconds`. */
async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T | null> {
  const late = Promise.withResolvers<null>();
  const timer = setTimeout(() => late.resolve(null), milliseconds);
  const result = await Promise.race([promise, late.promise]);
  clearTimeout(timer);
  return result;
}
