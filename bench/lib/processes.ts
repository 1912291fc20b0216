import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The project's root folder. */
export const root: string = new URL('../..', import.meta.url).pathname;

/** Node of the project, for whatever is started here. */
export const node: string = process.execPath;

/** A process under measurement. */
export interface Running {
  readonly child: ChildProcess;
  /** Resident memory of the process, bytes. */
  memory(): number;
  /** Processor time that it has used so far, all threads, user and system, seconds. */
  cpu(): number;
  stop(): Promise<void>;
}

const folder = mkdtempSync(join(tmpdir(), 'agentgateway-bench-'));
const running = new Set<Running>();

/** A file in the run's own temporary folder. */
export function scratch(name: string): string {
  return join(folder, name);
}

/** Ends everything and removes the temporary folder. */
export async function cleanUp(): Promise<void> {
  await Promise.all([...running].map((process) => process.stop()));
  rmSync(folder, { recursive: true, force: true });
}

/** Starts a command on one core and waits until its port answers. Output goes to a file of the run. */
export async function start(
  core: number,
  command: readonly string[],
  port: number | null,
  options: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string; readonly output?: string } = {},
): Promise<Running> {
  const out = openSync(options.output ?? scratch('output.log'), 'a');
  const child = spawn('taskset', ['-c', String(core), ...command], {
    cwd: options.cwd ?? root,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', out, out],
  });
  const process_: Running = {
    child,
    memory: () => residentMemory(child.pid as number),
    cpu: () => processorTime(child.pid as number),
    async stop() {
      running.delete(process_);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await exited;
      clearTimeout(timer);
    },
  };
  running.add(process_);
  if (port !== null) await answering(port, child);
  return process_;
}

/** Waits until something accepts connections on the port. */
async function answering(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`exited with ${child.exitCode}; see the run's output`);
    const socket = net.connect(port, '127.0.0.1');
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (connected) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function residentMemory(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) * 1024;
}

function processorTime(pid: number): number {
  // Behind the name, which may hold anything, user and system time are fields 12 and 13, in hundredths of a second.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** @throws Error naming what to install. */
export function demand(...commands: readonly string[]): void {
  const missing = commands.filter(
    (command) =>
      !(process.env.PATH ?? '')
        .split(':')
        .concat('/usr/sbin')
        .some((path) => existsSync(join(path, command))),
  );
  if (missing.length > 0)
    throw new Error(`the benchmark needs ${missing.join(', ')}: apt-get install ${missing.join(' ')}`);
}
