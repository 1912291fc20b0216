import { Agent, request } from 'node:http';

export interface LoadOptions {
  /** False: each request on a connection of its own. */
  readonly keepAlive?: boolean;
  /** True: a connection that is reset is counted, and not bad. */
  readonly resets?: boolean;
}

/** Constant load: keep-alive clients that each ask again as soon as they have an answer. Every answer is judged. */
export class Load implements AsyncDisposable {
  /** Good answers so far. */
  good = 0;
  /** Connections that were reset, where that is allowed. */
  resets = 0;
  /** What was not a good answer. */
  readonly bad: string[] = [];
  /** Good answers by their body. */
  readonly bodies = new Map<string, number>();
  readonly #agent: Agent;
  readonly #url: string;
  readonly #resets: boolean;
  readonly #isGood: (status: number, body: string) => boolean;
  readonly #clients: Promise<void>[];
  #waiting: { readonly good: number; readonly resolve: () => void }[] = [];
  #stopped = false;

  constructor(
    url: string,
    clients: number,
    isGood: (status: number, body: string) => boolean,
    { keepAlive = true, resets = false }: LoadOptions = {},
  ) {
    this.#url = url;
    this.#isGood = isGood;
    this.#resets = resets;
    this.#agent = new Agent({ keepAlive, maxSockets: clients });
    this.#clients = Array.from({ length: clients }, () => this.#run());
  }

  /** Resolves when `count` more good answers have come; or one that was not. */
  more(count: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ good: this.good + count, resolve }));
  }

  /** No new requests; resolves when the last answer is there. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#clients);
    this.#agent.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(): Promise<void> {
    while (!this.#stopped && this.bad.length < 20) {
      try {
        const [status, body] = await this.#ask();
        if (this.#isGood(status, body)) {
          this.good++;
          this.bodies.set(body, (this.bodies.get(body) ?? 0) + 1);
        } else this.bad.push(`${status} ${body}`);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (this.#resets && code === 'ECONNRESET') this.resets++;
        else this.bad.push(message);
      }
      this.#waiting = this.#waiting.filter(({ good, resolve }) => {
        if (this.good < good && this.bad.length === 0) return true;
        resolve();
        return false;
      });
    }
    for (const { resolve } of this.#waiting) resolve();
  }

  #ask(): Promise<readonly [number, string]> {
    return new Promise((resolve, reject) => {
      const call = request(this.#url, { agent: this.#agent }, (answer) => {
        let body = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => {
          body += chunk;
        });
        answer.on('end', () => resolve([answer.statusCode ?? 0, body]));
        answer.on('error', reject);
      });
      call.on('error', reject);
      call.end();
    });
  }
}
