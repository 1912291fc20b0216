import {
  type Clock,
  createServerContext,
  Dns,
  type HostResolver,
  type ServerContext,
  type ServerTlsOptions,
  systemClock,
  UpstreamPool,
} from '@agentgateway/http';
import { DrainDeadline } from '../pipeline/errors.ts';
import { joinNeeds, noNeeds } from '../pipeline/needs.ts';
import { Pipeline } from '../pipeline/serve.ts';
import type { Log } from '../pipeline/step.ts';
import { type Compilation, type ExpressionPort, PlanCompiler, type ProcessPorts } from '../plans/compile.ts';
import type { ListenerPlan } from '../plans/plan.ts';
import { RemoteDocuments } from '../plans/remote-documents.ts';
import type { Bind, Listener, ListenerTls, ResourceDelta, ResourceId } from '../resources/model.ts';
import { ResourceState } from '../resources/state.ts';
import type { WorkerContext } from '../runtime/context.ts';
import type { LineSink } from '../telemetry/app-log.ts';
import { LogLevels } from '../telemetry/levels.ts';
import { LineWriter } from '../telemetry/line-writer.ts';
import { compileLabels, metricOptions } from '../telemetry/metrics/labels.ts';
import { Exporters } from '../telemetry/otlp/exporters.ts';
import { Telemetry } from '../telemetry/telemetry.ts';
import { HttpUpstreams } from '../upstream/http-upstreams.ts';
import { BindServer } from './bind-server.ts';
import type { DataPlane } from './data-plane.ts';

const clock = {
  now: () => performance.now(),
  epoch: () => Date.now(),
  monotonic: () => process.hrtime.bigint(),
};

/** Milliseconds in which traces and logs are handed over at the end; less than the supervisor waits for a worker to close. */
const flushDeadline = 3_000;

/** What a data plane may be given in place of the process's own. */
export interface DataPlaneOptions {
  /** Where lines of both logs go; absent is standard output. */
  readonly sink?: LineSink & Partial<Disposable>;
  /** How names of upstreams are resolved; absent is as the settings say. */
  readonly resolver?: HostResolver;
  /** What times fetches in the background; absent is the system's clock. */
  readonly timers?: Clock;
}

interface Staged {
  readonly state: ResourceState;
  readonly compilation: Compilation;
  readonly opened: readonly BindServer[];
}

/** The data plane of one worker: its open ports, its plans, its upstream connections, its telemetry. */
class WorkerDataPlane implements DataPlane {
  readonly #context: WorkerContext;
  readonly #telemetry: Telemetry;
  readonly #sink: LineSink & Partial<Disposable>;
  readonly #pool: UpstreamPool;
  readonly #dns: HostResolver;
  readonly #pipeline: Pipeline;
  readonly #compiler: PlanCompiler;
  readonly #documents: RemoteDocuments;
  readonly #exporters: Exporters;
  readonly #contexts = new WeakMap<Listener, ServerContext>();
  readonly #servers = new Map<string, BindServer>();
  /** Servers of binds that are gone, until their connections are. */
  readonly #leaving = new Set<BindServer>();
  #expressions: Promise<ExpressionPort> | null = null;
  #labelled = false;
  /** What labels of metrics read of bodies. */
  #labelNeeds = noNeeds;
  #state = ResourceState.empty;
  #staged: Staged | null = null;

  constructor(context: WorkerContext, { sink, resolver, timers }: DataPlaneOptions) {
    const { settings } = context;
    this.#context = context;
    const levels = new LogLevels(settings.logging.level);
    this.#sink = sink ?? new LineWriter({ fd: 1, lock: context.outputLock, id: context.worker.epoch + 1 });
    this.#telemetry = new Telemetry({
      format: settings.logging.format,
      levels,
      sink: this.#sink,
      clock,
      metrics: metricOptions(settings.metrics),
      thread: String(context.worker.index),
    });
    context.telemetry.onMetricsRequest(() => this.#telemetry.metrics.snapshot());
    context.telemetry.onLogLevel((level) => levels.set(level));
    this.#dns = resolver ?? new Dns({ family: settings.dnsLookupFamily });
    this.#pool = new UpstreamPool({
      resolver: this.#dns,
      onConnect: (milliseconds, transport) => this.#telemetry.metrics.upstreamConnect(transport, milliseconds),
    });
    this.#pipeline = new Pipeline({
      clock,
      random: Math.random,
      telemetry: this.#telemetry,
      worker: { index: context.worker.index, of: settings.workerThreads },
      sensitiveHeaders: new Set(['authorization', 'proxy-authorization', ...settings.sensitiveHeaders]),
      environment: settings.environment,
    });
    this.#exporters = new Exporters(settings.otlp);
    this.#documents = new RemoteDocuments({ timers: timers ?? systemClock, epoch: clock.epoch, log: this.#soleLog() });
    context.answer('missing', () => this.#documents.missing);
    this.#compiler = new PlanCompiler({
      exporters: this.#exporters,
      ports: (owner, spec) => this.#ports(owner, spec),
      upstream: new HttpUpstreams(this.#pool, settings.backend, this.#telemetry),
      clock,
      log: context.log,
      documents: this.#documents,
      expressions: () => this.#loadExpressions(),
      logNeeds: () => this.#labelNeeds,
    });
  }

  /** Makes the labels that the configuration adds to metrics; once, before anything is served. */
  async #compileLabels(): Promise<void> {
    const { fields } = this.#context.settings.metrics;
    if (fields.length === 0 || this.#labelled) return;
    const { read, needs } = compileLabels(fields, await this.#loadExpressions());
    this.#labelNeeds = needs.reduce(joinNeeds, noNeeds);
    this.#telemetry.useLabels(read);
    this.#labelled = true;
  }

  #loadExpressions(): Promise<ExpressionPort> {
    this.#expressions ??= this.#importExpressions();
    return this.#expressions;
  }

  async #importExpressions(): Promise<ExpressionPort> {
    const { settings, worker, log } = this.#context;
    const language = await import('../pipeline/expressions.ts');
    // Every worker compiles the same: one of them tells what is strange.
    const expressions = new language.Expressions(settings.customFunctions, worker.index === 0 ? log : null);
    return {
      expression: (expression) => expressions.compile(expression),
      needsOf: language.needsOf,
      values: language.expressionValues,
      connectionVariables: language.connectionVariables,
    };
  }

  /** Every worker fetches the same documents: one of them tells of an outage, the others where somebody looks closely. */
  #soleLog(): Log {
    const { worker, log } = this.#context;
    if (worker.index === 0) return log;
    const debug: Log['debug'] = (scope, message, fields) => log.debug(scope, message, fields);
    return { error: debug, warn: debug, info: debug, debug };
  }

  #ports(owner: ResourceId, spec: unknown): ProcessPorts {
    return {
      clock,
      random: Math.random,
      pool: this.#pool,
      sharedCell: (name, bytes) => this.#context.cells.scope([owner], spec).cell(name, bytes),
      log: this.#context.log,
      sessions: this.#context.sessions,
      forward: this.#context.forward,
    };
  }

  async prepare(delta: ResourceDelta): Promise<void> {
    await this.#compileLabels();
    const state = this.#state.apply(delta);
    const compilation = await this.#compiler.compile(state);
    for (const plan of compilation.snapshot.binds.values())
      for (const listener of plan.secure) this.#tlsContext(listener);
    const opened: BindServer[] = [];
    try {
      for (const bind of state.binds.values()) {
        if (this.#unchanged(bind)) continue;
        const server = this.#newServer(bind);
        opened.push(server);
        const mode = this.#context.accept;
        if (mode !== 'never') await server.open(bind, mode);
      }
    } catch (error) {
      this.#compiler.abandon(compilation);
      await Promise.all(opened.map((server) => server.stopAccepting()));
      throw error;
    }
    this.#staged = { state, compilation, opened };
  }

  commit(): void {
    const staged = this.#staged;
    if (staged === null) return;
    this.#staged = null;
    const before = this.#state;
    this.#state = staged.state;
    this.#compiler.adopt(staged.compilation);
    this.#pipeline.use(staged.compilation.snapshot);
    for (const [key, server] of this.#servers) {
      const bind = staged.state.binds.get(key);
      if (bind !== undefined && sameSocket(bind, before.binds.get(key))) continue;
      this.#servers.delete(key);
      this.#retire(server);
    }
    for (const server of staged.opened) {
      this.#servers.set(server.key, server);
      server.serve();
    }
    for (const [key, listener] of before.listeners) {
      if (listener.tls === null || staged.state.listeners.get(key) === listener) continue;
      this.#servers.get(listener.bind)?.drainListener(key);
    }
  }

  rollback(): void {
    const staged = this.#staged;
    this.#staged = null;
    if (staged !== null) this.#compiler.abandon(staged.compilation);
    for (const server of staged?.opened ?? []) void server.stopAccepting();
  }

  async drain(): Promise<void> {
    const { minTerminationDeadline, terminationDeadline } = this.#context.settings;
    const servers = () => [...this.#servers.values(), ...this.#leaving];
    await wait(minTerminationDeadline);
    const gone = Promise.all(servers().map((server) => server.drain()));
    await Promise.all(servers().map((server) => server.stopAccepting()));
    const deadline = new AbortController();
    await Promise.race([gone, wait(terminationDeadline, deadline.signal)]);
    deadline.abort();
    for (const server of servers()) server.destroy(new DrainDeadline());
    await gone;
    // Upstream connections stay until the end: another worker's clients may still be served through this one.
  }

  async close(): Promise<void> {
    const servers = [...this.#servers.values(), ...this.#leaving];
    await Promise.all(servers.map((server) => server.stopAccepting()));
    for (const server of servers) server.destroy(new Error('the gateway is closing'));
    // Nothing is served any more, and the way to the receivers is still there.
    await this.#exporters.close(flushDeadline);
    this.#end();
  }

  #end(): void {
    this.#compiler.close();
    this.#pool.destroy();
    this.#dns.close();
    this.#sink[Symbol.dispose]?.();
  }

  #retire(server: BindServer): void {
    this.#leaving.add(server);
    void server
      .stopAccepting()
      .then(() => server.drain())
      .then(() => this.#leaving.delete(server));
  }

  #unchanged(bind: Bind): boolean {
    return this.#servers.has(bind.key) && sameSocket(bind, this.#state.binds.get(bind.key));
  }

  #newServer(bind: Bind): BindServer {
    return new BindServer(bind, {
      pipeline: this.#pipeline,
      telemetry: this.#telemetry,
      tlsContext: (listener) => this.#tlsContext(listener),
    });
  }

  #tlsContext({ listener }: ListenerPlan): ServerContext {
    let context = this.#contexts.get(listener);
    if (context === undefined) {
      const { tls } = listener;
      if (tls === null) throw new Error(`listener ${listener.key} has no certificate`);
      context = createServerContext(serverTls(tls));
      this.#contexts.set(listener, context);
    }
    return context;
  }
}

/** What a listener says, in the words of the engine. Field by field: a client authority that got lost would admit everybody. */
function serverTls({ cert, key, root, cipherSuites, minVersion, maxVersion, keyExchangeGroups }: ListenerTls) {
  return {
    cert,
    key: key.$secret,
    ...(root === undefined ? {} : { ca: root }),
    ...(cipherSuites === undefined ? {} : { cipherSuites }),
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(maxVersion === undefined ? {} : { maxVersion }),
    ...(keyExchangeGroups === undefined ? {} : { groups: keyExchangeGroups }),
  } satisfies ServerTlsOptions;
}

/** A bind keeps its socket as long as the address stays. */
function sameSocket(bind: Bind, before: Bind | undefined): boolean {
  return before !== undefined && before.host === bind.host && before.port === bind.port;
}

function wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
  if (milliseconds <= 0) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Called by the worker's entry. */
export function createDataPlane(context: WorkerContext, options: DataPlaneOptions = {}): DataPlane {
  return new WorkerDataPlane(context, options);
}
