import { Abort } from '@agentgateway/http';
import type { Log } from '../../pipeline/step.ts';
import type { BatchSettings } from '../../resources/settings.ts';

/** What became of one try to hand over a batch. */
export type ExportOutcome =
  /** Taken, though maybe not all of it. */
  | { readonly ok: true; readonly rejected: number; readonly message: string }
  /** `retryAfter` is milliseconds that the receiver asks for; null where it did not say. */
  | { readonly ok: false; readonly retry: boolean; readonly retryAfter: number | null; readonly message: string };

/** Hands one batch over, once. Never throws; ends early when aborted. */
export type SendBatch<T> = (batch: readonly T[], abort: Abort) => Promise<ExportOutcome>;

export interface BatchExporterOptions<T> {
  /** What is exported, for messages: `spans`, `log records`. */
  readonly what: string;
  /** Where to, for messages. */
  readonly to: string;
  readonly settings: BatchSettings;
  readonly send: SendBatch<T>;
  readonly log: Log;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Exporters that hold something: their policy may be gone, and what they hold is not to be lost. */
  readonly pending: Set<PendingExporter>;
}

/** What is closed at the end of the worker. */
export interface PendingExporter {
  close(within: number): Promise<void>;
}

/** Tries of one batch, the first included. */
const maxTries = 5;

/** Milliseconds before the second try, and at most before a later one. */
const firstPause = 1_000;
const longestPause = 5_000;

/**
 * Collects items and hands them over in batches (spec 10 §5.7): when a batch is full, and else after the scheduled delay. One batch is
 * on its way at a time; behind a slow receiver the queue fills, and then its oldest items are lost. Nothing here ever waits for
 * the receiver or fails for it: an outage is told once, and so is its end.
 */
export class BatchExporter<T> {
  readonly #options: BatchExporterOptions<T>;
  #queue: T[] = [];
  #timer: NodeJS.Timeout | null = null;
  #exporting: Promise<void> | null = null;
  /** Sends what there is without waiting for full batches. */
  #flushing = false;
  #closed = false;
  /** The exporter ends: nothing is waited for any more. */
  readonly #hurry = new Abort();
  readonly #abort = new Abort();
  /** Lost since the outage began; null while all is well. */
  #outage: { lost: number } | null = null;
  #dropped = 0;

  constructor(options: BatchExporterOptions<T>) {
    this.#options = options;
  }

  /** How many items were lost in all. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes an item; synchronous, and never throws. */
  add(item: T): void {
    const { maxQueueSize, maxExportBatchSize, scheduleDelay } = this.#options.settings;
    if (this.#closed) {
      this.#lose(1, 'the exporter is closed');
      return;
    }
    if (this.#queue.length >= maxQueueSize) {
      this.#queue.shift();
      this.#lose(1, 'the queue is full');
    }
    this.#queue.push(item);
    if (this.#exporting !== null) return;
    this.#options.pending.add(this);
    if (this.#queue.length >= maxExportBatchSize) this.#start();
    else this.#timer ??= setTimeout(() => this.#start(), scheduleDelay).unref();
  }

  /** Hands over everything that was taken before; resolves when that succeeded or was given up. */
  async flush(): Promise<void> {
    while (this.#exporting !== null || this.#queue.length > 0) {
      this.#flushing = true;
      this.#start();
      await this.#exporting;
    }
  }

  /** Flushes within so many milliseconds, then gives up; takes nothing any more. */
  async close(within: number): Promise<void> {
    this.#closed = true;
    this.#hurry.abort(new Error('the exporter is closing'));
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      this.#abort.abort(new Error('the exporter is closing'));
      late.resolve();
    }, within);
    await Promise.race([this.flush(), late.promise]);
    clearTimeout(timer);
    this.#options.pending.delete(this);
  }

  #start(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#exporting ??= this.#run().finally(() => {
      this.#exporting = null;
      this.#flushing = false;
      if (this.#queue.length === 0) this.#options.pending.delete(this);
      else if (!this.#closed)
        this.#timer ??= setTimeout(() => this.#start(), this.#options.settings.scheduleDelay).unref();
    });
  }

  async #run(): Promise<void> {
    const { maxExportBatchSize } = this.#options.settings;
    do {
      const batch = this.#queue.splice(0, maxExportBatchSize);
      await this.#export(batch);
    } while (this.#queue.length >= maxExportBatchSize || (this.#flushing && this.#queue.length > 0));
  }

  /** Tries a batch as often as the receiver and the time for it allow (OTLP, failures). */
  async #export(batch: readonly T[]): Promise<void> {
    const { settings, send, random } = this.#options;
    const abort = new Abort();
    const giveUp = (reason: Error) => abort.abort(reason);
    const timer = setTimeout(() => giveUp(new Error('no answer in time')), settings.exportTimeout).unref();
    this.#abort.listen(giveUp);
    try {
      let pause = firstPause;
      /** Then this try is the last. */
      let hurried = this.#hurry.reason !== null;
      for (let number = 1; ; number++) {
        const outcome = await send(batch, abort);
        if (outcome.ok) {
          this.#delivered(outcome.rejected, outcome.message);
          return;
        }
        const again = outcome.retry && number < maxTries && abort.reason === null && !hurried;
        // Some chance, so that gateways that failed together do not come back together.
        const wait = outcome.retryAfter ?? pause * (0.8 + 0.4 * random());
        const worthWaiting = again && wait <= settings.exportTimeout;
        if (worthWaiting) hurried = await this.#pause(wait, abort);
        if (!worthWaiting || abort.reason !== null) {
          this.#lose(batch.length, outcome.message);
          return;
        }
        pause = Math.min(pause * 1.5, longestPause);
      }
    } catch (error) {
      this.#lose(batch.length, error instanceof Error ? error.message : String(error));
    } finally {
      clearTimeout(timer);
      this.#abort.unlisten(giveUp);
    }
  }

  /** Waits; less if the batch is given up, or if the exporter ends: true if it does. */
  #pause(milliseconds: number, abort: Abort): Promise<boolean> {
    const hurry = this.#hurry;
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        abort.unlisten(done);
        hurry.unlisten(done);
        resolve(hurry.reason !== null);
      };
      const timer = setTimeout(done, milliseconds);
      abort.listen(done);
      hurry.listen(done);
    });
  }

  #delivered(rejected: number, message: string): void {
    if (rejected > 0) this.#lose(rejected, message === '' ? 'the receiver refused them' : message);
    if (rejected > 0 || this.#outage === null) return;
    const { what, to, log } = this.#options;
    log.info('otlp', `${what} are exported again`, { to, lost: this.#outage.lost });
    this.#outage = null;
  }

  /** The first loss of an outage is told; the number of all of them when it ends. */
  #lose(count: number, reason: string): void {
    this.#dropped += count;
    if (this.#outage === null) {
      const { what, to, log } = this.#options;
      this.#outage = { lost: 0 };
      log.warn('otlp', `${what} are not exported`, { to, error: reason });
    }
    this.#outage.lost += count;
  }
}
