import { closeSync } from 'node:fs';
import type { Log } from '../pipeline/step.ts';

/** What a shutdown goes through, in order. */
export interface ShutdownSteps {
  /** Serves what is there to its end, up to the deadlines. */
  drain(): Promise<void>;
  /** Writes out what is still held (logs, stores); its failure is logged and does not stop the end. */
  flush(): Promise<void>;
}

/** Where signals come from: the process, or a test. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: () => void): unknown;
  off(signal: NodeJS.Signals, listener: () => void): unknown;
}

/**
 * The end of the gateway (spec 10 §9.3): SIGTERM, SIGINT or `quit()` drain it; a second SIGINT ends it on the spot.
 *
 * It never ends the process itself, except through `exitNow`: when `done` has resolved, the caller sets the exit code and
 * nothing keeps the process alive.
 */
export class Shutdown {
  readonly #steps: ShutdownSteps;
  readonly #log: Log;
  readonly #signals: SignalSource;
  readonly #exitNow: (code: number) => void;
  readonly #done = Promise.withResolvers<number>();
  readonly #onTerm = () => this.quit('SIGTERM');
  readonly #onInt = () => (this.#begun ? this.#exitNow(0) : this.quit('SIGINT'));
  #begun = false;

  constructor(
    steps: ShutdownSteps,
    log: Log,
    signals: SignalSource = process,
    exitNow: (code: number) => void = (code) => process.exit(code),
  ) {
    this.#steps = steps;
    this.#log = log;
    this.#signals = signals;
    this.#exitNow = exitNow;
    signals.on('SIGTERM', this.#onTerm);
    signals.on('SIGINT', this.#onInt);
  }

  /** Resolves with the exit code when everything is over: 0, or 1 if a step failed. */
  get done(): Promise<number> {
    return this.#done.promise;
  }

  /** The end has begun. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Begins the end; later calls do nothing. @param cause What asked for it, for the log. */
  quit(cause: string): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#log.info('runtime', `shutting down: ${cause}`);
    void this.#run().then(this.#done.resolve);
  }

  async #run(): Promise<number> {
    let code = 0;
    for (const step of ['drain', 'flush'] as const) {
      try {
        await this.#steps[step]();
      } catch (error) {
        this.#log.error('runtime', `${step} failed: ${(error as Error).message}`);
        code = 1;
      }
    }
    // Until here, so that a second SIGINT still cuts a drain short.
    this.dispose();
    return code;
  }

  /** Lets go of the signals: for a gateway that never began to serve. */
  dispose(): void {
    this.#signals.off('SIGTERM', this.#onTerm);
    this.#signals.off('SIGINT', this.#onInt);
  }
}

/**
 * Tells whoever started the gateway that it is ready: closes the file descriptor that `READY_FD` names (spec 01 §1.3). The
 * variable is taken out of the environment, so that no child process is told the number of a descriptor that is not its.
 *
 * @throws Error if the variable is set and names no open descriptor.
 */
export function announceReady(env: NodeJS.ProcessEnv): void {
  const text = env.READY_FD;
  if (text === undefined) return;
  delete env.READY_FD;
  if (!/^[0-9]{1,9}$/.test(text)) throw new Error(`READY_FD: "${text}" is not a file descriptor`);
  try {
    closeSync(Number(text));
  } catch (error) {
    throw new Error(`READY_FD: ${text} is not open`, { cause: error });
  }
}
