import type { ConnectionInfo, ServerOptions } from '@agentgateway/http';
import type { CompiledBackend } from '../backends/backend.ts';
import type { Mirror } from '../pipeline/mirror.ts';
import type { PhaseNeeds } from '../pipeline/needs.ts';
import type { PlacedResponseStep, Step } from '../pipeline/step.ts';
import type { Tracer } from '../pipeline/trace.ts';
import type { Keepalives } from '../policies/frontend-tcp/spec.ts';
import type { RetryPlan } from '../policies/retry/plan.ts';
import type { TimeoutPlan } from '../policies/timeout/plan.ts';
import type { Backend, Bind, Listener, Route } from '../resources/model.ts';
import type { RouteTable } from '../resources/routing/index.ts';
import type { AccessLogPlan } from '../telemetry/access-log-plan.ts';

/**
 * Plans are what resources become when they are compiled: everything that can be decided before a request comes is decided
 * here. They are immutable and shared by all requests; a change makes new ones and leaves those that nothing changed.
 */
export interface BindPlan {
  readonly bind: Bind;
  readonly listeners: readonly ListenerPlan[];
  /** Those of `listeners` that speak HTTP without TLS. */
  readonly plaintext: readonly ListenerPlan[];
  /** Those that terminate TLS. */
  readonly secure: readonly ListenerPlan[];
  readonly server: ServerOptions;
  /** Bytes that may be held of a body; null where the file does not say. */
  readonly maxBufferSize: number | null;
  /** TCP keepalive of downstream sockets; null leaves the system's. */
  readonly keepalives: Keepalives | null;
  /** Of the tracing policy; null where there is none. */
  readonly tracing: Tracer | null;
  /** What a connection has to pass before anything of it is read, in this order. */
  readonly networkChecks: readonly NetworkCheck[];
  /** What is said about access lines of its requests; null is nothing: all of them, with the default keys. */
  readonly accessLog: AccessLogPlan | null;
  /** What logs and traces of its requests read of bodies, when all is over. */
  readonly logNeeds: PhaseNeeds;
}

/** Says whether a connection may come in; one that throws refuses. */
export type NetworkCheck = (connection: ConnectionInfo) => boolean | Promise<boolean>;

export interface ListenerPlan {
  readonly listener: Listener;
  /** `<namespace>/<name>` of the gateway, for the record. */
  readonly gateway: string;
  /** Copied from the resource, for choosing among listeners. */
  readonly hostname: string;
  /** Gateway phase. */
  readonly steps: readonly Step[];
  readonly responseSteps: readonly PlacedResponseStep[];
  readonly needs: PhaseNeeds;
  readonly routes: RouteTable;
  /** By key of the route. */
  readonly plans: ReadonlyMap<string, RoutePlan>;
}

export interface RoutePlan {
  readonly route: Route;
  /** `<namespace>/<name>`, for the record. */
  readonly name: string;
  readonly steps: readonly Step[];
  readonly responseSteps: readonly PlacedResponseStep[];
  readonly needs: PhaseNeeds;
  readonly timeout: TimeoutPlan;
  /** Null: no second try. */
  readonly retry: RetryPlan | null;
  /** Gets copies of requests; null where nothing does. */
  readonly mirror: Mirror | null;
  /** Chooses a backend reference by weight: its index, or -1. */
  readonly choose: (random: number) => number;
  readonly backends: readonly BackendPlan[];
}

export interface BackendPlan {
  /** Null for a reference that leads nowhere. */
  readonly backend: Backend | null;
  readonly compiled: CompiledBackend | null;
}

/** Everything that a worker serves with, swapped in one assignment. */
export interface Snapshot {
  readonly binds: ReadonlyMap<string, BindPlan>;
}
