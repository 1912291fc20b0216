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

  /**
   * Counts, traces and logs one request, in the order of spec 10 §5.1; called once, when its last byte is handed over or the client
   * has left. Never throws: what goes wrong with one outlet is told and does not keep the others from theirs.
   */
  finish(exchange: FinishedExchange): void {
    const { record, trace, accessLog } = exchange;
    if (this.#labels === null) this.metrics.observeRequest(record);
    else this.#outlet('metrics', this.#observeLabelled, exchange);
    if (trace !== null && trace.tracer !== null) this.#outlet('trace', this.#trace, exchange);
    if (accessLog === null) {
      if (this.#lines !== null) this.#sink.write(this.#lines.standard(record));
      return;
    }
    if (accessLog.export !== null) this.#outlet('otlp', accessLog.export, exchange);
    if (this.#lines !== null) this.#outlet('request', this.#write, exchange);
  }

  #outlet(scope: string, take: (exchange: FinishedExchange) => void, exchange: FinishedExchange): void {
    try {
      take(exchange);
    } catch (error) {
      const { requestId } = exchange.record;
      this.log.error(scope, 'a finished request was not told', { 'request.id': requestId, error: String(error) });
    }
  }

  readonly #observeLabelled = (exchange: FinishedExchange): void => {
    this.metrics.observeRequest(exchange.record, this.#labels?.(exchange));
  };

  readonly #trace = (exchange: FinishedExchange): void => {
    const { trace } = exchange;
    if (trace !== null) trace.tracer?.finish(exchange, trace);
  };

  readonly #write = (exchange: FinishedExchange): void => {
    const { accessLog } = exchange;
    if (this.#lines === null || accessLog === null || !accessLog.keeps(exchange)) return;
    this.#sink.write(this.#line(this.#lines, accessLog, exchange));
  };

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
