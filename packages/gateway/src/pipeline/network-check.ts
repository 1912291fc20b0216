import { Abort, type ConnectionInfo, Headers, isStream, Request, Response } from '@agentgateway/http';
import { RequestRecord } from '../telemetry/record.ts';
import type { CompiledPhase } from './compiled-phase.ts';
import { Exchange } from './exchange.ts';
import { nobody } from './nobody.ts';
import { runPhase } from './run.ts';
import type { Clock } from './step.ts';

/** Whether a connection may stay: asked once, before a byte of it is read, and after its TLS handshake (spec 03 §10b). */
export type NetworkCheck = (connection: ConnectionInfo) => boolean | Promise<boolean>;

/**
 * Makes a check of policies on requests: they are given a request that nobody sent, `GET /` on the connection, and whatever they have
 * against it closes the connection.
 */
export function networkCheck(phase: CompiledPhase, clock: Clock): NetworkCheck {
  return (connection) => {
    const request = new Request(
      'GET',
      connection.tls === null ? 'http' : 'https',
      '',
      '/',
      'HTTP/1.1',
      new Headers(),
      null,
    );
    const record = new RequestRecord();
    record.startedAt = clock.now();
    record.startedAtEpoch = clock.epoch();
    const result = runPhase(phase, new Exchange(request, nobody, connection, record, new Abort(), clock));
    return result instanceof Promise ? result.then(passes, () => false) : passes(result);
  };
}

function passes(result: unknown): boolean {
  if (result instanceof Response && isStream(result.body)) result.body.cancel(new Error('nobody reads it'));
  return result === undefined;
}

/** Asks all of them in turn; as long as none waits, neither does this. */
export function admits(
  checks: readonly NetworkCheck[],
  connection: ConnectionInfo,
  from = 0,
): boolean | Promise<boolean> {
  for (let i = from; i < checks.length; i++) {
    const admitted = (checks[i] as NetworkCheck)(connection);
    if (admitted === false) return false;
    if (admitted !== true) return admitted.then((yes) => yes && admits(checks, connection, i + 1));
  }
  return true;
}
