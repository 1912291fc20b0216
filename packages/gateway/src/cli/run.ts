import { isDeepStrictEqual } from 'node:util';
import { compileRegex } from '@agentgateway/regex';
import { adminHandler } from '../admin/admin.ts';
import { readinessHandler } from '../admin/readiness.ts';
import { type ManagementHandler, type ManagementServer, startManagementServer } from '../admin/server.ts';
import { statsHandler } from '../admin/stats.ts';
import { versionInfo } from '../admin/version.ts';
import { formatError, formatErrors, loadConfig, readSource, type WatchedFile, watchFiles } from '../config/index.ts';
import type { ConfigSource } from '../config/sources.ts';
import type { Settings } from '../resources/settings.ts';
import { listenProblem } from '../runtime/bound-ports.ts';
import { announceReady, Shutdown } from '../runtime/shutdown.ts';
import { Supervisor } from '../runtime/supervisor.ts';
import { LogLevels } from '../telemetry/levels.ts';
import { LINE_LOCK_BYTES, releaseDeadWriter } from '../telemetry/line-lock.ts';
import { LineWriter } from '../telemetry/line-writer.ts';
import { metricOptions } from '../telemetry/metrics/labels.ts';
import { observeProcess } from '../telemetry/metrics/process.ts';
import { retireSnapshot, type Snapshot } from '../telemetry/metrics/snapshot.ts';
import { Telemetry } from '../telemetry/telemetry.ts';
import { buildInfo } from './version.ts';

/** Name of the store's source that the file feeds. */
const FILE = 'file';

/** Runs the gateway until it is asked to end; resolves with the exit code. */
export async function run(source: ConfigSource): Promise<number> {
  const first = await load(source);
  if ('message' in first) {
    process.stderr.write(`${first.message}\n`);
    return 1;
  }
  const gateway = new Gateway(first.settings, source);
  try {
    await gateway.start(first);
  } catch (error) {
    // What was cut short by a signal has not failed.
    if (gateway.ending) return gateway.done;
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    await gateway.close();
    return 1;
  }
  return gateway.done;
}

interface Loaded {
  readonly settings: Settings;
  readonly resources: Parameters<Supervisor['replace']>[1];
  readonly files: readonly WatchedFile[];
  /** One a line. */
  readonly warnings: readonly string[];
}

interface Failed {
  readonly message: string;
  readonly files: readonly WatchedFile[];
}

async function load(source: ConfigSource): Promise<Loaded | Failed> {
  const read = readSource(source);
  if (!read.ok) return { message: read.message, files: read.watched };
  const loaded = await loadConfig({ text: read.text, file: read.file, env: process.env, compileRegex });
  const files = [...read.watched, ...loaded.files];
  if (!loaded.ok) return { message: formatErrors(loaded.errors), files };
  const { settings, resources } = loaded;
  return { settings, resources, files, warnings: loaded.warnings.map(formatError) };
}

/** The process: supervisor, management servers, the watch on the configuration, and the end of it all. */
class Gateway {
  readonly #source: ConfigSource;
  readonly #settings: Settings;
  readonly #levels: LogLevels;
  readonly #writer: LineWriter;
  readonly #telemetry: Telemetry;
  readonly #supervisor: Supervisor;
  readonly #shutdown: Shutdown;
  readonly #outputLock = new SharedArrayBuffer(LINE_LOCK_BYTES);
  readonly #servers: ManagementServer[] = [];
  /** Last snapshots of living workers by their epoch, and the sum of those that died. */
  readonly #lastSnapshots = new Map<number, Snapshot>();
  #retired: Snapshot | null = null;
  /** Resolves when the start is over, well or not. */
  readonly #started = Promise.withResolvers<void>();
  #watch: ReturnType<typeof watchFiles> | null = null;
  #ready = false;
  #reload: 'idle' | 'running' | 'again' = 'idle';

  constructor(settings: Settings, source: ConfigSource) {
    this.#source = source;
    this.#settings = settings;
    this.#levels = new LogLevels(settings.logging.level);
    this.#writer = new LineWriter({ fd: 1, lock: this.#outputLock, id: 1 });
    this.#telemetry = new Telemetry({
      format: settings.logging.format,
      levels: this.#levels,
      sink: this.#writer,
      clock: { now: () => performance.now(), epoch: () => Date.now() },
      metrics: metricOptions(settings.metrics),
      thread: 'supervisor',
    });
    this.#supervisor = new Supervisor({
      settings,
      log: this.#telemetry.log,
      outputLock: this.#outputLock,
      onWorkerGone: (worker) => this.#onWorkerGone(worker.epoch),
      ...entries(),
    });
    this.#shutdown = new Shutdown(
      { drain: () => this.#drain(), flush: async () => this.#writer[Symbol.dispose]() },
      this.#telemetry.log,
    );
  }

  get done(): Promise<number> {
    return this.#shutdown.done;
  }

  /** It was asked to end. */
  get ending(): boolean {
    return this.#shutdown.begun;
  }

  /** @throws Error if a port cannot be had, a worker cannot start, or the gateway was asked to end meanwhile. */
  async start(first: Loaded): Promise<void> {
    try {
      await this.#start(first);
    } finally {
      this.#started.resolve();
    }
  }

  async #start(first: Loaded): Promise<void> {
    const { log, metrics } = this.#telemetry;
    const { settings } = first;
    const build = buildInfo();
    log.info('app', `version: ${build.version}`, { runtime: build.runtime_version });
    metrics.configSynchronized(true);
    for (const warning of first.warnings) log.warn('config', warning);
    this.#levels.onChange(() => this.#supervisor.setLogLevel(this.#levels.current));
    const version = versionInfo(build.version, build.git_revision, build.build_profile);
    const pending = () => (this.#ready ? [] : ['agentgateway', 'state manager']);
    const servers = [
      this.#serve(
        'readiness',
        settings.readinessAddr,
        readinessHandler(pending, () => this.#missing()),
        true,
      ),
      this.#serve(
        'stats',
        settings.statsAddr,
        statsHandler(() => this.#collect()),
      ),
      this.#serve(
        'admin',
        settings.adminAddr,
        adminHandler({
          settings,
          version,
          levels: this.#levels,
          resources: () => this.#supervisor.store.snapshot(),
          shutdown: () => this.#shutdown.quit('quitquitquit'),
        }),
      ),
    ];
    const started = await Promise.allSettled([...servers, this.#supervisor.start()]);
    const failures = started.filter((outcome) => outcome.status === 'rejected');
    if (failures.length > 0) throw new Error(failures.map(({ reason }) => (reason as Error).message).join('\n'));
    await this.#supervisor.replace(FILE, first.resources);
    await this.#supervisor.ready;
    this.#ready = true;
    for (const [bind, { host, port }] of this.#supervisor.ports) log.info('app', 'listening', { bind, host, port });
    if (this.#source.type === 'file') {
      log.info('app', `Watching config file: ${this.#source.path}`);
    }
    this.#watch = watchFiles(first.files, () => void this.#reloadAll());
    announceReady(process.env);
  }

  async #serve(
    component: 'admin' | 'stats' | 'readiness',
    address: Settings['adminAddr'],
    handler: ManagementHandler,
    proxyProtocol = false,
  ): Promise<void> {
    const { log } = this.#telemetry;
    try {
      this.#servers.push(await startManagementServer({ component, address, handler, log, proxyProtocol }));
    } catch (error) {
      throw new Error(`config.${component}Addr: ${listenProblem(error)}`, { cause: error });
    }
  }

  /** Reloads once more if something changed while a reload was under way: the last one tells how things stand. */
  async #reloadAll(): Promise<void> {
    if (this.#reload !== 'idle') {
      this.#reload = 'again';
      return;
    }
    do {
      this.#reload = 'running';
      await this.#reloadOnce();
    } while ((this.#reload as string) === 'again');
    this.#reload = 'idle';
  }

  /** Takes a changed configuration over, whole or not at all: what is wrong is logged, and the old one goes on. */
  async #reloadOnce(): Promise<void> {
    const { log, metrics } = this.#telemetry;
    log.info('config', 'resource changed, reloading');
    const next = await load(this.#source);
    let failure: string | null = null;
    if ('message' in next) failure = next.message;
    else {
      try {
        await this.#supervisor.replace(FILE, next.resources);
      } catch (error) {
        failure = error instanceof Error ? error.message : String(error);
      }
    }
    metrics.configSynchronized(failure === null);
    if (failure === null) {
      if ('settings' in next && !isDeepStrictEqual(next.settings, this.#settings)) {
        log.warn('config', 'the config section is not what this process was started with: it is read at a start only');
      }
      if ('warnings' in next) for (const warning of next.warnings) log.warn('config', warning);
      this.#watch?.replace(next.files);
      log.info('config', 'loaded config');
    } else {
      this.#watch?.add(next.files);
      log.error('config', `Failed to reload config: ${failure}`);
    }
  }

  /** What the workers could not fetch so far: each fetches for itself, and one is enough to tell. */
  async #missing(): Promise<readonly string[]> {
    const answers = await this.#supervisor.ask('missing');
    return [...new Set(answers.flatMap(({ value }) => value as readonly string[]))].sort();
  }

  /** Everything that was counted: by this thread, by living workers, and by those that are gone. */
  async #collect(): Promise<Snapshot[]> {
    observeProcess(this.#telemetry.metrics, buildInfo().version);
    const answers = await this.#supervisor.metrics();
    for (const { worker, value } of answers) this.#lastSnapshots.set(worker.epoch, value as Snapshot);
    const snapshots = [this.#telemetry.metrics.snapshot(), ...this.#lastSnapshots.values()];
    return this.#retired === null ? snapshots : [...snapshots, this.#retired];
  }

  #onWorkerGone(epoch: number): void {
    releaseDeadWriter(this.#outputLock, epoch + 1);
    const last = this.#lastSnapshots.get(epoch);
    if (last === undefined) return;
    this.#lastSnapshots.delete(epoch);
    this.#retired = retireSnapshot(this.#retired, last);
  }

  async #drain(): Promise<void> {
    this.#watch?.close();
    await this.#supervisor.drain();
    await this.#started.promise;
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  /** After a start that failed. */
  async close(): Promise<void> {
    this.#watch?.close();
    await this.#supervisor.close();
    for (const server of this.#servers) server.cut();
    await Promise.all(this.#servers.map((server) => server.close()));
    this.#writer[Symbol.dispose]();
  }
}

/** The entries of the threads, where they are not beside their sources: a bundle has its own. */
function entries(): { entry?: URL; dataPlane?: string } {
  if (!import.meta.url.endsWith('.mjs')) return {};
  return {
    entry: new URL('worker.mjs', bundleFolder()),
    dataPlane: new URL('data-plane.mjs', bundleFolder()).href,
  };
}

/** Shared chunks of a bundle lie one folder below its entries. */
function bundleFolder(): URL {
  return new URL(import.meta.url.includes('/chunks/') ? '..' : '.', import.meta.url);
}
