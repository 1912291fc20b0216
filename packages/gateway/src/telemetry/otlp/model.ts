/** What an attribute may hold: whole numbers are told as integers, all others as doubles. */
export type AttributeValue = string | number | bigint | boolean | DoubleValue;

/** A number that is a double although it is whole. */
export interface DoubleValue {
  readonly double: number;
}

/** One attribute of a span, a log record or a resource. */
export type Attribute = readonly [key: string, value: AttributeValue];

/** A span that is over. Ids are hexadecimal; times are milliseconds since the epoch, fractions included. */
export interface SpanData {
  readonly traceId: string;
  readonly spanId: string;
  /** Null for the root of a trace. */
  readonly parentSpanId: string | null;
  /** The parent is another process's span. */
  readonly parentRemote: boolean;
  /** Flags of the trace context (W3C Trace Context §3.2.2.5). */
  readonly flags: number;
  readonly name: string;
  readonly kind: 'server' | 'client';
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attributes: readonly Attribute[];
  /** Status is ERROR with this text; null leaves it unset. */
  readonly error: string | null;
}

/** A record of the access log, of level info. */
export interface LogData {
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Null where the request belongs to no trace. */
  readonly traceId: string | null;
  readonly spanId: string | null;
  readonly flags: number;
  readonly attributes: readonly Attribute[];
}
