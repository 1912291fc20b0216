import { Worker } from 'node:worker_threads';
import type { Question } from './thread.ts';

/** Passwords that may wait to be checked; a flood of guesses must not become a flood of memory. */
const maxWaiting = 1_000;

/** How long the thread stays without work, in milliseconds. */
const idleTimeout = 10_000;

/** More passwords wait to be checked than anybody should wait for. */
export class TooManyWaiting extends Error {
  override readonly name = 'TooManyWaiting';
}

/** Beside this file; in the bundle, where this file has become part of a chunk, beside the entries. */
function threadEntry(): URL {
  if (import.meta.url.endsWith('.ts')) return new URL('./thread.ts', import.meta.url);
  return new URL(`${import.meta.url.includes('/chunks/') ? '..' : '.'}/password-thread.mjs`, import.meta.url);
}

/**
 * Computes slow password hashes on a thread of its own, so that a worker serves on meanwhile. The thread starts with the first
 * question, ends when there was none for a while, and keeps no process alive.
 */
export class SlowHashes implements Disposable {
  #thread: Worker | null = null;
  #idle: NodeJS.Timeout | null = null;
  #lastId = 0;
  readonly #waiting = new Map<number, PromiseWithResolvers<boolean>>();

  /**
   * @throws TooManyWaiting
   * @throws what ended the thread.
   */
  verify(password: string, hash: string): Promise<boolean> {
    if (this.#waiting.size >= maxWaiting)
      return Promise.reject(new TooManyWaiting('too many passwords are being checked'));
    this.#thread ??= this.#start();
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<boolean>();
    this.#waiting.set(id, answer);
    this.#thread.ref();
    this.#thread.postMessage({ id, password, hash } satisfies Question);
    return answer.promise;
  }

  /** True while there is a thread. */
  get running(): boolean {
    return this.#thread !== null;
  }

  [Symbol.dispose](): void {
    this.#end(new Error('nobody waits for it'));
  }

  #start(): Worker {
    const thread = new Worker(threadEntry());
    thread.on('message', ([id, right]: [number, boolean]) => this.#answer(id, right));
    const failed = (error: Error) => {
      if (this.#thread === thread) this.#end(error);
    };
    thread.on('error', failed);
    thread.on('exit', () => failed(new Error('the thread ended')));
    return thread;
  }

  #answer(id: number, right: boolean): void {
    this.#waiting.get(id)?.resolve(right);
    this.#waiting.delete(id);
    if (this.#waiting.size > 0) return;
    this.#thread?.unref();
    this.#idle = setTimeout(() => this.#end(new Error('nothing to do')), idleTimeout);
    this.#idle.unref();
  }

  #end(reason: Error): void {
    const thread = this.#thread;
    this.#thread = null;
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    void thread?.terminate();
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }
}
