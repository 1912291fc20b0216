import type { Exchange } from '../pipeline/exchange.ts';
import type { Clock } from '../pipeline/step.ts';
import { type AccessFormat, compileAccessFormat, type LogFormat } from './access-log.ts';
import { AppLog, type LineSink } from './app-log.ts';
import type { LogLevels } from './levels.ts';
import { Metrics } from './metrics/metrics.ts';

export interface TelemetryOptions {
  readonly format: LogFormat;
  readonly levels: LogLevels;
  /** Where lines go; both logs share it. */
  readonly sink: LineSink;
  readonly clock: Pick<Clock, 'now' | 'epoch'>;
  /** Name of the thread in its own gauges: `supervisor`, or the number of the worker. */
  readonly thread: string;
}

/** What is read of an exchange when all is over. */
export type FinishedExchange = Pick<Exchange, 'record' | 'variables' | 'trace' | 'grpc'>;

/** The outlets of one thread. */
export class Telemetry {
  readonly log: AppLog;
  readonly metrics: Metrics;
  readonly #sink: LineSink;
  /** Null where access lines are off. */
  #access: AccessFormat | null = null;

  constructor(options: TelemetryOptions) {
    const { format, levels, sink } = options;
    this.#sink = sink;
    this.log = new AppLog(format, levels, sink, () => options.clock.epoch());
    this.metrics = new Metrics(options.thread);
    const compile = (): void => {
      // Access lines are of level info; finer levels add to them, coarser ones silence them. Metrics count either way.
      this.#access = levels.enabled('request', 'info')
        ? compileAccessFormat(format, { ids: levels.enabled('request', 'debug') })
        : null;
    };
    compile();
    levels.onChange(compile);
  }

  /** Counts and logs one request; called once, when its last byte is handed over or the client has left. */
  finish(exchange: FinishedExchange): void {
    const { record, trace } = exchange;
    this.metrics.observeRequest(record);
    if (trace !== null) trace.tracer?.finish(exchange, trace);
    if (this.#access !== null) this.#sink.write(this.#access(record));
  }
}
