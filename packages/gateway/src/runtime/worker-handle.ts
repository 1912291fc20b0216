import { type MessagePort, Worker } from 'node:worker_threads';
import type { FromWorker, ToWorker, WorkerData, WorkerIdentity } from './messages.ts';

/** How a worker answered: it did it, it could not, or it is not there any more. */
export type Outcome =
  | { readonly is: 'done'; readonly value: unknown }
  | { readonly is: 'failed'; readonly message: string }
  | { readonly is: 'gone'; readonly reason: string };

/** What is left to the supervisor of what a worker says. */
export interface WorkerEvents {
  /** Messages that are no answers. */
  onMessage(worker: WorkerHandle, message: FromWorker): void;
  /** The thread has ended, whatever the reason. Everything that waited for it has been answered `gone`. */
  onGone(worker: WorkerHandle, reason: string): void;
}

type Request = Extract<ToWorker, { readonly id: number }>;
type Unnumbered<T> = T extends Request ? Omit<T, 'id'> : never;

/** One worker thread as the supervisor sees it. */
export class WorkerHandle {
  readonly identity: WorkerIdentity;
  /** It has the state of the store, and serves it. */
  serving = false;
  /** `performance.now()` of its start. */
  readonly startedAt = performance.now();
  readonly #thread: Worker;
  readonly #waiting = new Map<number, (outcome: Outcome) => void>();
  readonly #started = Promise.withResolvers<Outcome>();
  #lastId = 0;
  /** Set when the thread has ended. */
  #gone: Outcome | null = null;
  #reason: string | null = null;

  constructor(entry: URL, data: WorkerData, events: WorkerEvents) {
    this.identity = data.worker;
    const transfer: MessagePort[] = [data.cells.port];
    this.#thread = new Worker(entry, { name: `worker-${data.worker.index}`, workerData: data, transferList: transfer });
    this.#thread.on('message', (message: FromWorker) => {
      if (message.type === 'started') this.#started.resolve({ is: 'done', value: null });
      else if (message.type === 'done') this.#settle(message.id, { is: 'done', value: message.value });
      else if (message.type === 'failed') this.#settle(message.id, { is: 'failed', message: message.message });
      else events.onMessage(this, message);
    });
    this.#thread.on('messageerror', (error) => this.terminate(`message cannot be read: ${error.message}`));
    this.#thread.on('error', (error: unknown) => {
      this.#reason ??= error instanceof Error ? (error.stack ?? error.message) : String(error);
    });
    this.#thread.on('exit', (code) => {
      const reason = this.#reason ?? `exit code ${code}`;
      this.#gone = { is: 'gone', reason };
      this.#started.resolve(this.#gone);
      for (const settle of this.#waiting.values()) settle(this.#gone);
      this.#waiting.clear();
      events.onGone(this, reason);
    });
  }

  get alive(): boolean {
    return this.#gone === null;
  }

  /** Its modules are loaded and its data plane is made, or it died on the way. */
  get started(): Promise<Outcome> {
    return this.#started.promise;
  }

  /** Never rejects: a worker that is gone, or goes, answers `gone`. */
  request(message: Unnumbered<Request>): Promise<Outcome> {
    if (this.#gone !== null) return Promise.resolve(this.#gone);
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.post({ ...message, id } as Request);
    });
  }

  /** A request that others wait for: a worker that takes longer than `timeout` milliseconds is ended. */
  async requireWithin(timeout: number, message: Unnumbered<Request>): Promise<Outcome> {
    const timer = setTimeout(() => void this.terminate(`no end of "${message.type}" within ${timeout} ms`), timeout);
    const outcome = await this.request(message);
    clearTimeout(timer);
    return outcome;
  }

  post(message: ToWorker): void {
    if (this.#gone === null) this.#thread.postMessage(message);
  }

  /** Ends the thread where it stands. `reason` is what `onGone` tells, unless it died of something else first. */
  terminate(reason: string): Promise<unknown> {
    this.#reason ??= reason;
    return this.#gone === null ? this.#thread.terminate() : Promise.resolve();
  }

  #settle(id: number, outcome: Outcome): void {
    const settle = this.#waiting.get(id);
    this.#waiting.delete(id);
    settle?.(outcome);
  }
}
