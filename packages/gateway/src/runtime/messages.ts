import type { MessagePort } from 'node:worker_threads';
import type { ResourceDelta } from '../resources/model.ts';
import type { Settings } from '../resources/settings.ts';

/** What a worker is started with. Everything is copied, except the port and the shared word, which belong to both sides. */
export interface WorkerData {
  readonly worker: WorkerIdentity;
  readonly settings: Settings;
  /** Modules imported for their effect before the data plane is made. */
  readonly extensions: readonly string[];
  /** URL of the module that exports `createDataPlane`. */
  readonly dataPlane: string;
  readonly accept: AcceptMode;
  /** AES-256-GCM key of session tokens, 32 bytes, the same in all workers. */
  readonly sessionKey: Uint8Array;
  /** Folder of the private sockets; only this user may enter it. */
  readonly socketDirectory: string;
  readonly logLevel: string;
  /** Folder of the compile cache, if the main thread uses one. */
  readonly compileCache: string | null;
  /** Memory of the lock on standard output: see `telemetry/line-lock.ts`. */
  readonly outputLock: SharedArrayBuffer;
  /** For cells that a worker must have at once: see `cells.ts`. */
  readonly cells: CellChannel;
}

/** Who a worker is, within the gateway and against those before it. */
export interface WorkerIdentity {
  /** Place among the workers, from 0; the one that replaces a dead worker has its index. */
  readonly index: number;
  /** Counts workers of this process from 1: never used twice, so it tells a worker from its dead predecessor. */
  readonly epoch: number;
  /** Of this run of the gateway: 16 random hexadecimal digits. */
  readonly instance: string;
}

/**
 * How a worker opens the ports of its binds: together with the others (`reusePort`), as the only one (where the platform
 * cannot share a port, worker 0), or not at all (the others there).
 */
export type AcceptMode = 'shared' | 'alone' | 'never';

/** The synchronous way to the supervisor. */
export interface CellChannel {
  readonly port: MessagePort;
  /** One 32-bit word: the id of the request that was answered last. */
  readonly signal: SharedArrayBuffer;
}

/** From the supervisor to a worker. Answers carry the `id` of what they answer. */
export type ToWorker =
  | { readonly type: 'prepare'; readonly id: number; readonly delta: ResourceDelta }
  | { readonly type: 'commit'; readonly id: number }
  | { readonly type: 'rollback'; readonly id: number }
  | { readonly type: 'drain'; readonly id: number }
  | { readonly type: 'close'; readonly id: number }
  | { readonly type: 'ask'; readonly id: number; readonly topic: string; readonly payload: unknown }
  | { readonly type: 'logLevel'; readonly level: string }
  | { readonly type: 'childStarted'; readonly request: number; readonly child: StartedChild }
  | { readonly type: 'childRefused'; readonly request: number; readonly message: string }
  | { readonly type: 'childExited'; readonly child: number; readonly exit: ChildExit };

/** From a worker to the supervisor. */
export type FromWorker =
  | { readonly type: 'started' }
  | { readonly type: 'done'; readonly id: number; readonly value: unknown }
  | { readonly type: 'failed'; readonly id: number; readonly message: string }
  | {
      readonly type: 'log';
      readonly level: LogLevel;
      readonly scope: string;
      readonly message: string;
      readonly fields: LogFields;
    }
  | { readonly type: 'childStart'; readonly request: number; readonly command: ChildCommand }
  | { readonly type: 'childEnd'; readonly child: number };

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
export type LogFields = Readonly<Record<string, unknown>> | undefined;

/** A cell that a worker wants; the answer is the memory itself. */
export interface CellRequest {
  readonly id: number;
  /** Ids of the resources that it belongs to: gone with any of them. */
  readonly owners: readonly string[];
  /** Hash of the specification that it serves. */
  readonly spec: string;
  readonly name: string;
  readonly bytes: number;
  /** The first word names the worker that holds it, and is cleared when that one dies. */
  readonly lock: boolean;
}

export type CellAnswer = { readonly id: number } & (
  | { readonly cell: SharedArrayBuffer }
  | { readonly refused: string }
);

/** A child process as a worker asks for it. */
export interface ChildCommand {
  /** Looked up in `PATH` where it has no slash. Never a shell. */
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the gateway's own environment, or all there is where `clearEnv` holds. */
  readonly env: Readonly<Record<string, string>>;
  readonly clearEnv: boolean;
  readonly cwd?: string;
}

export interface StartedChild {
  readonly id: number;
  readonly pid: number;
  /** Unix socket of the child's standard input and output, for one connection. */
  readonly stdio: string;
}

/** How a child ended: one of the two is set. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: string | null;
}
