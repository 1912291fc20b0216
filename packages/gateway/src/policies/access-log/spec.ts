import type { Expression } from '../../resources/model.ts';
import type { OtlpTarget } from '../tracing/spec.ts';

/** Which keys of a finished request are written, and which are added to them (spec 10 §3.3). */
export interface AccessFieldsSpec {
  /** Names with what is written under them, in the order of the file. */
  readonly add: readonly (readonly [name: string, value: Expression])[];
  readonly remove: readonly string[];
}

/** `frontendPolicies.accessLog` as a resource (spec 10 §2.2). */
export interface AccessLogSpec extends AccessFieldsSpec {
  /** Absent is every request. */
  readonly filter?: Expression;
  readonly otlp?: AccessLogOtlpSpec;
}

/** A collector that gets records of requests; what is absent is as for the lines. */
export interface AccessLogOtlpSpec extends OtlpTarget {
  readonly filter?: Expression;
  readonly fields?: AccessFieldsSpec;
}
