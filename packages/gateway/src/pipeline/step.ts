import type { Activation, Program, Value } from '@agentgateway/cel';
import type { ConnectionInfo, Response, UpstreamPool } from '@agentgateway/http';
import type { BackendReference, Expression } from '../resources/model.ts';
import type { RemoteSource } from '../resources/remote-source.ts';
import type { Forwarder } from '../runtime/forward.ts';
import type { SessionCodec } from '../runtime/sessions.ts';
import type { Callout } from './callout.ts';
import type { GatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { PhaseNeeds } from './needs.ts';
import type { DocumentReader, RemoteDocument } from './remote-document.ts';

/** What a step decides: nothing (go on), an answer, or a failure. Failures may be thrown as well. */
export type StepResult = undefined | Response | GatewayError;

/**
 * One policy at its place in a phase. A step that has nothing to wait for answers at once and costs no promise.
 */
export type Step = (exchange: Exchange) => StepResult | Promise<StepResult>;

/** A policy in the response phase; may change the response in place, or put another in its stead. */
export type ResponseStep = (exchange: Exchange, response: Response) => StepResult | Promise<StepResult>;

/**
 * A response step at its row of the response phase's table: steps of route, backend and gateway are run in the order of their
 * rows, whoever they belong to.
 */
export interface PlacedResponseStep {
  readonly row: number;
  readonly run: ResponseStep;
}

/** What a policy or backend may reach of the world. Passed in when it is compiled. */
export interface Ports {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly pool: UpstreamPool;
  /**
   * Shared memory of the resource being compiled, the same in every worker and over reloads while the resource stays as it
   * is; zeroed when new. `name` tells several cells of one resource apart.
   */
  sharedCell(name: string, bytes: number): SharedArrayBuffer;
  readonly log: Log;
  /** Seals and opens session ids: they name the worker that a session lives in. */
  readonly sessions: SessionCodec;
  /** The way to that worker, if it is another. */
  readonly forward: Forwarder;
  /**
   * Compiles an expression that the policy may evaluate: `program.evaluate(exchange.variables)`. What it reads of bodies is
   * captured before the policy's phase, so everything that a policy may ever evaluate is to be compiled with the policy.
   *
   * One that cannot be compiled gives a program that fails at every evaluation.
   *
   * @param response Whose response it reads: with `service` it is given the answer of a service that the policy asks, and nothing of
   * the upstream's is captured for it.
   */
  expression(expression: Expression, response?: 'upstream' | 'service'): Program;
  /** What expressions see of a connection that nothing was read of yet. */
  connectionVariables(connection: ConnectionInfo): Activation;
  /** What of bodies an expression reads. */
  needsOf(program: Program): PhaseNeeds;
  /** What to make of the values of expressions; for policies that have some. */
  readonly values: ExpressionValues;
  /** The way to a service that the policy asks. */
  callout(reference: BackendReference): Callout;
  /** A document of another server, kept fresh from now until the policy is released. It may be asked for at any time. */
  remoteDocument<T>(source: RemoteSource, reader: DocumentReader<T>): RemoteDocument<T>;
  /** Called when no plan uses what was compiled any more; requests on their way may still do. For timers and connections. */
  onRelease(release: () => void): void;
}

/**
 * What the uses of expressions make of values (spec 04 §6). Null is a value that is of no use there, or an error: what follows is the
 * policy's decision.
 */
export interface ExpressionValues {
  /** The content of a message: a text as UTF-8, bytes as they are, everything else as JSON. */
  contentOf(value: Value): Buffer | null;
  /** The value of a header field, as a byte string: of a text or bytes, and nothing else. */
  bytesOf(value: Value): string | null;
  /** A string, bool, number, or bytes that are UTF-8, as text. */
  scalarOf(value: Value): string | null;
  /** An int or uint. */
  integerOf(value: Value): number | null;
  /** A duration, or a number of milliseconds. */
  millisecondsOf(value: Value): number | null;
}

export interface Clock {
  /** Milliseconds, never going back. */
  now(): number;
  /** Milliseconds since the epoch. */
  epoch(): number;
  /** Nanoseconds, never going back, the same in every thread: for what workers share. */
  monotonic(): bigint;
}

/** The application log (spec 10 §3.5). */
export interface Log {
  error(scope: string, message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(scope: string, message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(scope: string, message: string, fields?: Readonly<Record<string, unknown>>): void;
  debug(scope: string, message: string, fields?: Readonly<Record<string, unknown>>): void;
}
