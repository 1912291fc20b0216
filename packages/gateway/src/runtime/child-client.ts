import { connect, type Socket } from 'node:net';
import type { ChildCommand, ChildExit, FromWorker, StartedChild } from './messages.ts';

/** A child process as its worker holds it. */
export interface Child {
  readonly pid: number;
  /**
   * Writes to the child's standard input and reads its standard output. Ending it ends the input; destroying it ends the
   * child.
   */
  readonly stdio: Socket;
  /** Resolves when the child has ended. */
  readonly exited: Promise<ChildExit>;
  /** Asks the child and all that it started to end: SIGTERM, then SIGKILL. */
  end(): void;
}

interface Waiting {
  readonly resolve: (started: { readonly child: StartedChild; readonly exited: Promise<ChildExit> }) => void;
  readonly reject: (error: Error) => void;
}

/** A worker's way to child processes. The supervisor starts and keeps them: see `child-book.ts`. */
export class ChildClient {
  readonly #post: (message: FromWorker) => void;
  readonly #waiting = new Map<number, Waiting>();
  readonly #running = new Map<number, (exit: ChildExit) => void>();
  #lastRequest = 0;

  constructor(post: (message: FromWorker) => void) {
    this.#post = post;
  }

  /** @throws Error if the child cannot be started or reached. */
  async start(command: ChildCommand): Promise<Child> {
    const request = ++this.#lastRequest;
    const { promise, resolve, reject } = Promise.withResolvers<Parameters<Waiting['resolve']>[0]>();
    this.#waiting.set(request, { resolve, reject });
    this.#post({ type: 'childStart', request, command });
    const { child, exited } = await promise;
    const end = () => this.#post({ type: 'childEnd', child: child.id });
    try {
      const stdio = await connected(child.stdio);
      // The supervisor's end of a half-open socket cannot tell a closed one from an ended input.
      stdio.once('close', end);
      return { pid: child.pid, stdio, exited, end };
    } catch (error) {
      end();
      throw error;
    }
  }

  /** Takes a message of the supervisor. */
  started(request: number, child: StartedChild): void {
    // Here and not where `start` goes on: the news of its exit may be the next message.
    const exit = Promise.withResolvers<ChildExit>();
    this.#running.set(child.id, exit.resolve);
    this.#waiting.get(request)?.resolve({ child, exited: exit.promise });
    this.#waiting.delete(request);
  }

  refused(request: number, message: string): void {
    this.#waiting.get(request)?.reject(new Error(message));
    this.#waiting.delete(request);
  }

  exited(child: number, exit: ChildExit): void {
    this.#running.get(child)?.(exit);
    this.#running.delete(child);
  }
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}
