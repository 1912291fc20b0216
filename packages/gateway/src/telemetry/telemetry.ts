import type { Exchange } from '../pipeline/exchange.ts';
import type { Clock } from '../pipeline/step.ts';
import { type AccessFormat, compileAccessFormat, type LogFormat } from './access-log.ts';
import type { AccessLogPlan, ProjectedFormat } from './access-log-plan.ts';
import { AppLog, type LineSink } from './app-log.ts';
import type { LogLevels } from './levels.ts';
import type { ReadLabels } from './metrics/labels.ts';
import { Metrics } from './metrics/metrics.ts';
import type { MetricOptions } from './metrics/options.ts';

export interface TelemetryOptions {
  readonly format: LogFormat;
  readonly levels: LogLevels;
  /** Where lines go; both logs share it. */
  readonly sink: LineSink;
  readonly clock: Pick<Clock, 'now' | 'epoch'>;
  /** Absent is as it is without a configuration. */
  readonly metrics?: MetricOptions;
  /** Name of the thread in its own gauges: `supervisor`, or the number of the worker. */
  readonly thread: string;
}

/** What is read of an exchange when all is over. */
export type FinishedExchange = Pick<Exchange, 'record' | 'variables' | 'grpc' | 'trace' | 'accessLog'>;

/** How lines are written while levels stay as they are. */
interface Lines {
  readonly standard: AccessFormat;
  readonly ids: boolean;
  /** Of those policies that choose keys. */
  readonly projected: WeakMap<AccessLogPlan, ProjectedFormat>;
}

/** The outlets of one thread. */
export class Telemetry {
  readonly log: AppLog;
  readonly metrics: Metrics;
  readonly #format: LogFormat;
  readonly #sink: LineSink;
  #labels: ReadLabels | null = null;
  /** Null where access lines are off. */
  #lines: Lines | null = null;

  constructor(options: TelemetryOptions) {
    const { format, levels, sink } = options;
    this.#format = format;
    this.#sink = sink;
    this.log = new AppLog(format, levels, sink, () => options.clock.epoch());
    this.metrics = new Metrics(options.thread, options.metrics);
    const compile = (): void => {
      // Access lines are of level info; finer levels add to them, coarser ones silence them. Metrics count either way.
      const ids = levels.enabled('request', 'debug');
      this.#lines = levels.enabled('request', 'info')
        ? { standard: compileAccessFormat(format, { ids }), ids, projected: new WeakMap() }
        : null;
    };
    compile();
    levels.onChange(compile);
  }

  /** Says how the labels are read that the configuration adds to metrics of requests. */
  useLabels(read: ReadLabels): void {
    this.#labels = read;
  }

  /** Counts and logs one request; called once, when its last byte is handed over or the client has left. */
  finish(exchange: FinishedExchange): void {
    const { record, trace, accessLog } = exchange;
    if (this.#labels === null) this.metrics.observeRequest(record);
    else this.metrics.observeRequest(record, this.#labels(exchange));
    if (trace !== null) trace.tracer?.finish(exchange, trace);
    accessLog?.export?.(exchange);
    const lines = this.#lines;
    if (lines === null) return;
    if (accessLog === null) this.#sink.write(lines.standard(record));
    else if (accessLog.keeps(exchange)) this.#sink.write(this.#line(lines, accessLog, exchange));
  }

  #line({ standard, ids, projected }: Lines, plan: AccessLogPlan, exchange: FinishedExchange): string {
    if (plan.compile === null) return standard(exchange.record);
    let format = projected.get(plan);
    if (format === undefined) {
      format = plan.compile(this.#format, { ids });
      projected.set(plan, format);
    }
    return format(exchange);
  }
}
