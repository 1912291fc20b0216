import type { Log } from '../pipeline/step.ts';
import type { FromWorker, LogFields, LogLevel } from './messages.ts';

/** A worker's application log: lines travel to the supervisor, which decides on them and writes them. */
export class WorkerLog implements Log {
  /** In force: debug lines are not even sent where it names neither `debug` nor `trace`. */
  level: string;
  readonly #post: (message: FromWorker) => void;

  constructor(level: string, post: (message: FromWorker) => void) {
    this.level = level;
    this.#post = post;
  }

  error(scope: string, message: string, fields?: LogFields): void {
    this.#send('error', scope, message, fields);
  }

  warn(scope: string, message: string, fields?: LogFields): void {
    this.#send('warn', scope, message, fields);
  }

  info(scope: string, message: string, fields?: LogFields): void {
    this.#send('info', scope, message, fields);
  }

  debug(scope: string, message: string, fields?: LogFields): void {
    if (this.level.includes('debug') || this.level.includes('trace')) this.#send('debug', scope, message, fields);
  }

  #send(level: LogLevel, scope: string, message: string, fields: LogFields): void {
    try {
      this.#post({ type: 'log', level, scope, message, fields });
    } catch {
      // A field that cannot be cloned must not cost the line.
      const texts = Object.fromEntries(Object.entries(fields ?? {}).map(([name, value]) => [name, String(value)]));
      this.#post({ type: 'log', level, scope, message, fields: texts });
    }
  }
}
