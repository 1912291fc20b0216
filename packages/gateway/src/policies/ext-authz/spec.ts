import type { BackendReference, Expression } from '../../resources/model.ts';

/** `extAuthz` as a resource: a service that decides on requests (spec 03 §5.2). */
export interface ExtAuthzSpec {
  readonly service: BackendReference;
  readonly protocol: { readonly grpc: GrpcCheckSpec } | { readonly http: HttpCheckSpec };
  /** What becomes of a request that the service did not decide on. */
  readonly failureMode: FailureMode;
  /** Names in lower case, pseudo names among them; empty is what the protocol shows by default. */
  readonly includeRequestHeaders: readonly string[];
  readonly includeRequestBody?: IncludeBodySpec;
  readonly cache?: CacheSpec;
}

/** `denyWithStatus` is a status from 200 on. */
export type FailureMode = 'allow' | 'deny' | { readonly denyWithStatus: number };

/** `envoy.service.auth.v3.Authorization`. */
export interface GrpcCheckSpec {
  /** `context_extensions` as they are. */
  readonly context: Readonly<Record<string, string>>;
  /** `metadata_context`: an expression for a map, by the name of a filter. Absent is the verified token. */
  readonly metadata?: Readonly<Record<string, Expression>>;
}

/** A request like the client's own, to which the status of the answer says yes or no. */
export interface HttpCheckSpec {
  readonly path?: Expression;
  /** Where a client is sent that the service answers 401 or 403. */
  readonly redirect?: Expression;
  readonly body?: Expression;
  /** Names in lower case: fields of the answer that the upstream gets. */
  readonly includeResponseHeaders: readonly string[];
  /** By name in lower case, pseudo names among them. */
  readonly addRequestHeaders: Readonly<Record<string, Expression>>;
  /** What `extauthz` becomes, by key; `response` is the service's answer. */
  readonly metadata: Readonly<Record<string, Expression>>;
}

export interface IncludeBodySpec {
  /** Bytes. */
  readonly maxRequestBytes: number;
  /** True: of a longer body the beginning is shown; false: it is refused. */
  readonly allowPartialMessage: boolean;
  /** gRPC: as bytes, not as text. */
  readonly packAsBytes: boolean;
}

export interface CacheSpec {
  /** Their values together are what a decision is remembered for. */
  readonly key: readonly Expression[];
  /** A duration, the moment of the end, or that in seconds since the epoch; evaluated once a decision is made. */
  readonly ttl: Expression;
  /** Decisions kept at most, per worker. */
  readonly maxEntries: number;
}
