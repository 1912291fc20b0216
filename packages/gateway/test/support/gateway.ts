import type { Clock, HostResolver } from '@agentgateway/http';
import { compileRegex } from '@agentgateway/regex';
import { formatErrors, loadConfig } from '../../src/config/index.ts';
import type { DataPlane } from '../../src/listen/data-plane.ts';
import { createDataPlane } from '../../src/listen/worker-data-plane.ts';
import type { Resource, ResourceDelta } from '../../src/resources/model.ts';
import type { Settings } from '../../src/resources/settings.ts';
import { ResourceStore } from '../../src/resources/store.ts';
import type { WorkerContext } from '../../src/runtime/context.ts';
import { SessionCodec, sessionKeyBytes } from '../../src/runtime/sessions.ts';
import type { Snapshot } from '../../src/telemetry/metrics/snapshot.ts';
import { freePort } from './ports.ts';

/** One line of the JSON access log. */
export type AccessLine = Readonly<Record<string, string | number>>;

export interface GatewayOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Directory of relative paths in the configuration. */
  readonly directory?: string;
  /** In place of DNS. */
  readonly resolver?: HostResolver;
  /** In place of the system's, for fetches in the background. */
  readonly timers?: Clock;
  /** Of the access log; default `json`. Lines of text are in {@link TestGateway.texts} only. */
  readonly format?: 'json' | 'text';
}

/**
 * A whole data plane in the test's own thread, on a configuration as a user writes it. `PORT` in the text becomes a free
 * port; more of them are `PORT2`, `PORT3`, …
 */
export class TestGateway implements AsyncDisposable {
  readonly ports: readonly number[];
  readonly #options: GatewayOptions;
  readonly #store = new ResourceStore();
  readonly #dataPlane: DataPlane;
  readonly #lines: AccessLine[] = [];
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  #metrics: () => Snapshot = () => {
    throw new Error('no metrics');
  };
  /** Application log, level and message. */
  readonly log: string[] = [];
  /** What was written to the sink, as it was. */
  readonly texts: string[] = [];

  private constructor(ports: readonly number[], settings: Settings, options: GatewayOptions) {
    this.ports = ports;
    this.#options = options;
    const note = (level: string) => (scope: string, message: string, fields?: object) => {
      this.log.push(`${level} ${scope} ${message} ${JSON.stringify(fields ?? {})}`);
    };
    const cells = new Map<string, SharedArrayBuffer>();
    const identity = { index: 0, epoch: 1, instance: '0123456789abcdef' };
    const context = {
      worker: identity,
      settings,
      accept: 'alone',
      log: { error: note('error'), warn: note('warn'), info: note('info'), debug: note('debug') },
      outputLock: new SharedArrayBuffer(8),
      cells: {
        scope: (owners: readonly { kind: string; key: string }[], spec: unknown) => ({
          cell: (name: string, bytes: number) => {
            const key = JSON.stringify([owners.map(({ kind, key: own }) => [kind, own]), spec, name]);
            const known = cells.get(key) ?? new SharedArrayBuffer(bytes);
            cells.set(key, known);
            return known;
          },
        }),
      },
      sessions: new SessionCodec(sessionKeyBytes(undefined), identity),
      telemetry: {
        onMetricsRequest: (handler: () => unknown) => {
          this.#metrics = handler as () => Snapshot;
        },
        onLogLevel: () => {},
      },
      answer: () => {},
    } as unknown as WorkerContext;
    this.#dataPlane = createDataPlane(context, {
      sink: { write: (line) => this.#onLine(line) },
      ...(options.resolver === undefined ? {} : { resolver: options.resolver }),
      ...(options.timers === undefined ? {} : { timers: options.timers }),
    });
  }

  static async start(text: string, options: GatewayOptions = {}): Promise<TestGateway> {
    const ports = await Promise.all(Array.from({ length: 4 }, () => freePort()));
    const config = await read(text, ports, options);
    const settings = { ...config.settings, logging: { ...config.settings.logging, format: options.format ?? 'json' } };
    const gateway = new TestGateway(ports, settings, options);
    await gateway.#replace(config.resources);
    return gateway;
  }

  /** The first port. */
  get port(): number {
    return this.ports[0] as number;
  }

  url(path = '/'): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** Puts another configuration in force. @throws Error with the messages that a user would read. */
  async reload(text: string): Promise<void> {
    await this.#replace((await read(text, this.ports, this.#options)).resources);
  }

  /** Access lines so far. */
  get lines(): readonly AccessLine[] {
    return this.#lines;
  }

  /** Resolves when so many access lines were written in all; gives the last of them. */
  async line(count = 1): Promise<AccessLine> {
    if (this.#lines.length < count) {
      await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
    }
    return this.#lines[count - 1] as AccessLine;
  }

  metrics(): Snapshot {
    return this.#metrics();
  }

  drain(): Promise<void> {
    return this.#dataPlane.drain();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dataPlane.close();
  }

  async #replace(resources: readonly Resource[]): Promise<void> {
    const staged = this.#store.replace('file', resources);
    const delta: ResourceDelta = staged.delta;
    await this.#dataPlane.prepare(delta);
    this.#dataPlane.commit();
    this.#store.commit(staged);
  }

  #onLine(line: string): void {
    this.texts.push(line);
    if (this.#options.format === 'text') return;
    this.#lines.push(JSON.parse(line));
    this.#waiting = this.#waiting.filter(({ count, resolve }) => {
      if (this.#lines.length < count) return true;
      resolve();
      return false;
    });
  }
}

/** Starts a gateway on a configuration: see {@link TestGateway}. */
export function gateway(text: string, options: GatewayOptions = {}): Promise<TestGateway> {
  return TestGateway.start(text, options);
}

async function read(text: string, ports: readonly number[], options: GatewayOptions) {
  const filled = ports.reduceRight(
    (result, port, i) => result.replaceAll(new RegExp(`\\bPORT${i === 0 ? '' : i + 1}\\b`, 'g'), String(port)),
    text,
  );
  const loaded = await loadConfig({
    text: filled,
    file: 'test.yaml',
    env: options.env ?? {},
    compileRegex,
    ...(options.directory === undefined ? {} : { directory: options.directory }),
  });
  if (!loaded.ok) throw new Error(formatErrors(loaded.errors));
  return loaded;
}
