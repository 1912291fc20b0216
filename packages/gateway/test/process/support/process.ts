import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../support/ports.ts';
import { Lines } from './lines.ts';

/** What a user starts. */
export const BIN = fileURLToPath(new URL('../../../../../bin/agentgateway', import.meta.url));

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProcessOptions {
  /** Command line; `-f FILE` on the configuration unless given. */
  readonly args?: readonly string[];
  /** Over the test's own environment; undefined removes. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Written to its standard input, which is empty otherwise. */
  readonly stdin?: string;
  /** Its working directory; the temporary directory unless given. */
  readonly cwd?: string;
  /** What is started, {@link BIN} unless given. */
  readonly command?: string;
}

/** A temporary directory, four free ports for data and one for each management server, and whatever is written there. */
export class Site implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'agentgateway-process-'));
  readonly ports: readonly number[];

  private constructor(ports: readonly number[]) {
    this.ports = ports;
  }

  static async create(): Promise<Site> {
    const ports = new Set<number>();
    while (ports.size < 7) ports.add(await freePort());
    return new Site([...ports]);
  }

  get admin(): number {
    return this.ports[4] as number;
  }

  get stats(): number {
    return this.ports[5] as number;
  }

  get readiness(): number {
    return this.ports[6] as number;
  }

  /** Addresses of the management servers, as variables of the environment. */
  get env(): Record<string, string> {
    return {
      ADMIN_ADDR: `127.0.0.1:${this.admin}`,
      STATS_ADDR: `127.0.0.1:${this.stats}`,
      READINESS_ADDR: `127.0.0.1:${this.readiness}`,
    };
  }

  /** Fills in the ports: `PORT`, `PORT2`, … `PORT4`. */
  fill(text: string): string {
    return text.replace(/\bPORT([2-4]?)\b/g, (_, number: string) => String(this.ports[Number(number || 1) - 1]));
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Writes a file in place; gives its path. */
  write(name: string, text: string): string {
    writeFileSync(this.path(name), this.fill(text));
    return this.path(name);
  }

  /** Writes a file as editors do: beside it, and renamed over it. */
  rename(name: string, text: string): void {
    writeFileSync(this.path(`.${name}.new`), this.fill(text));
    renameSync(this.path(`.${name}.new`), this.path(name));
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A gateway as its users run it: a process of its own, started by `bin/agentgateway`. */
export class GatewayProcess implements AsyncDisposable {
  readonly site: Site;
  readonly child: ChildProcess;
  readonly stdout: Lines;
  readonly stderr: Lines;
  readonly exited: Promise<Exit>;
  readonly #ready: Promise<boolean>;

  constructor(site: Site, options: ProcessOptions) {
    this.site = site;
    const env: NodeJS.ProcessEnv = { ...process.env, ...site.env, READY_FD: '3', ...options.env };
    // What the test runner says to its own Node is not meant for the gateway's.
    if (options.env?.NODE_OPTIONS === undefined) delete env.NODE_OPTIONS;
    for (const name of Object.keys(env)) if (env[name] === undefined || name.startsWith('VITEST')) delete env[name];
    this.child = spawn(options.command ?? BIN, options.args ?? ['-f', site.path('gateway.yaml')], {
      cwd: options.cwd ?? site.directory,
      env,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    });
    this.child.stdin?.on('error', () => {});
    this.child.stdin?.end(options.stdin ?? '');
    this.stdout = new Lines(this.child.stdout as Readable);
    this.stderr = new Lines(this.child.stderr as Readable);
    // `close` comes after everything that it wrote has been read.
    this.exited = once(this.child, 'close').then(([code, signal]) => ({ code, signal }));
    const fd = this.child.stdio[3] as Readable;
    fd.resume();
    this.#ready = once(fd, 'close').then(() => this.child.exitCode === null && this.child.signalCode === null);
  }

  /**
   * Resolves when the gateway has closed the descriptor that `READY_FD` names.
   *
   * @throws Error with what it printed, if it ended instead.
   */
  async ready(): Promise<this> {
    const exited = this.exited.then(() => false);
    // The descriptor closes at the end of the process too: then the listening line is missing.
    if ((await Promise.race([this.#ready, exited])) && this.child.exitCode === null) {
      const line = await Promise.race([this.stdout.next('listening').catch(() => null), exited]);
      if (line) return this;
    }
    await this.exited;
    throw new Error(`the gateway ended:\n${this.stderr.text}\n${this.stdout.text}`);
  }

  /** Its first data port. */
  url(path = '/', port = this.site.ports[0]): string {
    return `http://127.0.0.1:${port}${path}`;
  }

  /** Status and body of a request on a connection of its own. */
  async get(path = '/', port = this.site.ports[0]): Promise<readonly [number, string]> {
    const answer = await fetch(this.url(path, port), { headers: { connection: 'close' } });
    return [answer.status, await answer.text()];
  }

  /** One sample of the metrics; undefined if it is not there. */
  async metric(name: string): Promise<number | undefined> {
    const [, text] = await this.get('/metrics', this.site.stats);
    const line = text.split('\n').find((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
    return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
  }

  /** Changes the configuration and waits for what the gateway says of it: null if it is in force, or why it is not. */
  async reload(change: () => void): Promise<string | null> {
    this.stdout.skip();
    change();
    const line = await this.stdout.next(/loaded config|Failed to reload config/);
    return line.includes('Failed') ? line : null;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Ends it and tells how it ended. */
  async stop(): Promise<Exit> {
    this.signal('SIGTERM');
    return this.exited;
  }

  /** Ends it as a user in a hurry does, so that nothing of it is left; by force only if that is of no use. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGTERM');
    this.signal('SIGINT');
    const force = setTimeout(() => this.signal('SIGKILL'), 10_000);
    await this.exited;
    clearTimeout(force);
    this.site[Symbol.dispose]();
  }
}

/** Starts the gateway on a configuration, JSON lines unless the environment says otherwise; not ready yet. */
export async function launch(config: string, options: ProcessOptions = {}): Promise<GatewayProcess> {
  const site = await Site.create();
  site.write('gateway.yaml', config);
  return new GatewayProcess(site, { ...options, env: { LOG_FORMAT: 'json', ...options.env } });
}

/** As {@link launch}, and ready. */
export async function start(config: string, options: ProcessOptions = {}): Promise<GatewayProcess> {
  return (await launch(config, options)).ready();
}

/** Runs a command line to its end. */
export async function run(site: Site, args: readonly string[], options: ProcessOptions = {}) {
  const child = new GatewayProcess(site, { ...options, args });
  const exit = await child.exited;
  return { ...exit, stdout: child.stdout.text, stderr: child.stderr.text };
}
