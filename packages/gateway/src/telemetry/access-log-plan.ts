import type { AccessFormatOptions, LogFormat } from './access-log.ts';
import type { FinishedExchange } from './telemetry.ts';

/** What an `accessLog` policy came to. Its code is loaded only where there is one. */
export interface AccessLogPlan {
  /** Whether the request is written to standard output. */
  keeps(exchange: FinishedExchange): boolean;
  /** Compiles lines with keys of the policy's choice; null where it leaves them as they are. */
  readonly compile: ((format: LogFormat, options: AccessFormatOptions) => ProjectedFormat) | null;
  /** Hands the request to a collector, if its own filter wants it; null where there is none. */
  readonly export: ((exchange: FinishedExchange) => void) | null;
}

/** One line for one finished request, its newline included. */
export type ProjectedFormat = (exchange: FinishedExchange) => string;
