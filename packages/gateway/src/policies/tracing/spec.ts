import type { BackendReference, Expression } from '../../resources/model.ts';

/** `tracing` as a resource (spec 10 §2.3). */
export interface TracingSpec extends OtlpTarget {
  /** For requests whose caller began no trace; absent is never. */
  readonly randomSampling?: Sampling;
  /** For those whose caller did; absent is always. */
  readonly clientSampling?: Sampling;
  /** Spans are exported only where it holds at the end of the request. */
  readonly filter?: Expression;
  /** Added to the span of the server; `span.name` is its name. */
  readonly attributes: readonly (readonly [name: string, value: Expression])[];
  /** Attributes that the span has not. */
  readonly remove: readonly string[];
  /** Attributes of the resource, evaluated once, for no request. */
  readonly resources: readonly (readonly [name: string, value: Expression])[];
}

/** How likely a request is traced, from 0 to 1, or what says it. */
export type Sampling = number | Expression;

/** A receiver of OTLP. */
export interface OtlpTarget {
  readonly receiver: BackendReference;
  readonly protocol: 'grpc' | 'http';
  /** Of requests by HTTP. */
  readonly path: string;
}
