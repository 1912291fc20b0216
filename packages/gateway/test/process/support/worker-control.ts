import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { Lines } from './lines.ts';

/**
 * Holds the worker threads of a real gateway process from outside: a module that is loaded into every one of its threads
 * connects here, tells which worker it is, and does what it is told.
 */
export class WorkerControl implements AsyncDisposable {
  readonly #server = createServer((socket) => this.#onWorker(socket));
  readonly #path: string;
  readonly #held: boolean;
  readonly #workers: { readonly index: number; readonly socket: Socket }[] = [];
  #waiting: (() => void)[] = [];

  private constructor(directory: string, held: boolean) {
    this.#path = join(directory, 'control.sock');
    this.#held = held;
  }

  /** @param held Workers wait with their start until `release`. */
  static async open(directory: string, held = false): Promise<WorkerControl> {
    const control = new WorkerControl(directory, held);
    control.#server.listen(control.#path);
    await once(control.#server, 'listening');
    return control;
  }

  /** For the gateway's environment. */
  get env(): Record<string, string> {
    return {
      NODE_OPTIONS: `--import ${new URL('./controlled-worker.ts', import.meta.url).href}`,
      WORKER_CONTROL: this.#path,
      WORKER_HELD: this.#held ? '1' : '',
    };
  }

  /** Resolves when so many workers have come, dead ones counted. */
  async workers(count: number): Promise<void> {
    while (this.#workers.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Lets every worker that waits go on. */
  release(): void {
    for (const { socket } of this.#workers) socket.write('go\n');
  }

  /** Makes the worker throw outside of any request. */
  crash(index: number): void {
    this.#workers.findLast((worker) => worker.index === index)?.socket.write('crash\n');
  }

  #onWorker(socket: Socket): void {
    socket.on('error', () => {});
    void new Lines(socket).next('worker').then((line) => {
      this.#workers.push({ index: Number(line.split(' ')[1]), socket });
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const resolve of waiting) resolve();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.#workers) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
