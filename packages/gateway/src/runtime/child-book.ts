import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Log } from '../pipeline/step.ts';
import type { ChildCommand, ChildExit, StartedChild } from './messages.ts';
import { childSocket } from './private-sockets.ts';

/** How long a process group may take to end after SIGTERM, in milliseconds. */
const defaultGrace = 5_000;
/** How often a group without its leader is looked at: nobody tells when grandchildren end. Milliseconds. */
const sweepInterval = 20;
/** Longer lines of standard error are logged in pieces. Characters. */
const maxLine = 8_192;

type OnExit = (id: number, exit: ChildExit) => void;

interface Child {
  readonly id: number;
  readonly owner: number;
  readonly pid: number;
  readonly process: ChildProcess;
  readonly server: Server;
  /** Sends SIGKILL; set once the group was asked to end. */
  killTimer: NodeJS.Timeout | null;
  sweepTimer: NodeJS.Timeout | null;
  exited: boolean;
}

/**
 * The supervisor's book of child processes. Each is the leader of a process group of its own, and it is the group that
 * ends: SIGTERM, then SIGKILL; with its worker, with the gateway, and when its own leader ends.
 *
 * A worker reaches its child's standard input and output through a unix socket, so that pressure in either direction
 * travels as through a pipe. Standard error goes to the log.
 */
export class ChildBook {
  readonly #directory: string;
  readonly #log: Log;
  readonly #grace: number;
  readonly #children = new Map<number, Child>();
  readonly #onProcessExit = () => this.#killAll();
  #lastId = 0;
  #starting = 0;
  #closed: { resolve: () => void; promise: Promise<void> } | null = null;

  /** @param grace Milliseconds from SIGTERM to SIGKILL. */
  constructor(directory: string, log: Log, grace = defaultGrace) {
    this.#directory = directory;
    this.#log = log;
    this.#grace = grace;
    process.on('exit', this.#onProcessExit);
  }

  /** Process groups that are not known to be gone. */
  get size(): number {
    return this.#children.size;
  }

  /**
   * Starts a child for a worker.
   *
   * @param owner Epoch of the worker.
   * @throws Error if it cannot be started.
   */
  async start(owner: number, command: ChildCommand, onExit: OnExit): Promise<StartedChild> {
    if (this.#closed !== null) throw new Error('the gateway is shutting down');
    this.#starting += 1;
    try {
      return await this.#start(owner, command, onExit);
    } finally {
      this.#starting -= 1;
      this.#finishClosing();
    }
  }

  async #start(owner: number, command: ChildCommand, onExit: OnExit): Promise<StartedChild> {
    const id = ++this.#lastId;
    const stdio = childSocket(this.#directory, id);
    const server = createServer({ allowHalfOpen: true });
    await listening(server, stdio);
    let started: ChildProcess;
    try {
      started = await spawned(command);
    } catch (error) {
      server.close();
      throw new Error(`cannot start ${command.command}: ${(error as Error).message}`, { cause: error });
    }
    const child: Child = {
      id,
      owner,
      pid: started.pid as number,
      process: started,
      server,
      killTimer: null,
      sweepTimer: null,
      exited: false,
    };
    this.#children.set(id, child);
    server.once('connection', (socket) => this.#connect(child, socket));
    // A child that left its input is told apart by its exit, not by a broken pipe.
    started.stdin?.on('error', () => {});
    logLines(started.stderr as Readable, (line) =>
      this.#log.info('child', line, { command: command.command, pid: child.pid }),
    );
    const ended = (code: number | null, signal: string | null) => {
      this.#leaderExited(child);
      onExit(id, { code, signal });
    };
    if (started.exitCode !== null || started.signalCode !== null) ended(started.exitCode, started.signalCode);
    else started.once('exit', ended);
    // Whoever closed the book while the child was being started did not see it.
    if (this.#closed !== null) {
      this.end(id);
      throw new Error('the gateway is shutting down');
    }
    return { id, pid: child.pid, stdio };
  }

  /** Asks a child's group to end; SIGKILL follows after the grace. Unknown ones have ended already. */
  end(id: number): void {
    const child = this.#children.get(id);
    if (child === undefined || child.killTimer !== null) return;
    child.killTimer = setTimeout(() => {
      signalGroup(child.pid, 'SIGKILL');
      if (child.exited) this.#gone(child);
    }, this.#grace);
    signalGroup(child.pid, 'SIGTERM');
  }

  /** Ends the children of a worker that is gone. */
  endOwned(owner: number): void {
    for (const child of this.#children.values()) if (child.owner === owner) this.end(child.id);
  }

  /** Ends everything; resolves when no group is left. */
  close(): Promise<void> {
    if (this.#closed === null) {
      const { resolve, promise } = Promise.withResolvers<void>();
      this.#closed = { resolve, promise };
      for (const id of this.#children.keys()) this.end(id);
      this.#finishClosing();
    }
    return this.#closed.promise;
  }

  #connect(child: Child, socket: Socket): void {
    child.server.close();
    const { stdin, stdout } = child.process;
    if (stdin === null || stdout === null) return;
    socket.on('error', () => {});
    socket.pipe(stdin);
    stdout.pipe(socket);
    // Neither direction is open any more: nobody can use it.
    socket.once('close', () => this.end(child.id));
  }

  #leaderExited(child: Child): void {
    child.exited = true;
    this.end(child.id);
    const look = () => {
      if (!signalGroup(child.pid, 0)) this.#gone(child);
    };
    look();
    if (this.#children.has(child.id)) child.sweepTimer = setInterval(look, sweepInterval);
  }

  #gone(child: Child): void {
    if (child.killTimer !== null) clearTimeout(child.killTimer);
    if (child.sweepTimer !== null) clearInterval(child.sweepTimer);
    this.#children.delete(child.id);
    if (this.#closed !== null) {
      child.server.close();
      child.process.stdout?.destroy();
    }
    this.#finishClosing();
  }

  #finishClosing(): void {
    if (this.#closed === null || this.#children.size > 0 || this.#starting > 0) return;
    process.off('exit', this.#onProcessExit);
    this.#closed.resolve();
  }

  /** The gateway itself dies: no time for a grace. */
  #killAll(): void {
    for (const child of this.#children.values()) signalGroup(child.pid, 'SIGKILL');
  }
}

/** False if there is no such group any more. */
function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch {
    return false;
  }
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** What a child may know of the gateway's own environment. */
function ownEnv(): NodeJS.ProcessEnv {
  const { READY_FD: _, ...env } = process.env;
  return env;
}

/**
 * Covers the descriptor of the readiness hand-off while it is open: a child that inherited it would keep it open after we
 * closed it, and whoever waits for us would wait for ever.
 */
function readyFdMask(readyFd: string | undefined): 'ignore'[] {
  const fd = Number(readyFd);
  return fd > 2 && fd < 256 ? Array(fd - 2).fill('ignore') : [];
}

function spawned({ command, args, env, clearEnv, cwd }: ChildCommand): Promise<ChildProcess> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], {
      env: clearEnv ? env : { ...ownEnv(), ...env },
      stdio: ['pipe', 'pipe', 'pipe', ...readyFdMask(process.env.READY_FD)],
      detached: true,
      ...(cwd === undefined ? {} : { cwd }),
    });
    child.once('error', reject);
    child.once('spawn', () => {
      child.off('error', reject);
      child.on('error', () => {});
      resolve(child);
    });
  });
}

/** Calls `log` for each line, in pieces where one is very long. */
function logLines(stream: Readable, log: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('error', () => {});
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') log(line);
    for (; rest.length > maxLine; rest = rest.slice(maxLine)) log(rest.slice(0, maxLine));
  });
  stream.on('end', () => {
    if (rest !== '') log(rest);
  });
}
