import { Abort, Headers, isStream, Request, Response } from '@agentgateway/http';
import type { NetworkCheck } from '../plans/plan.ts';
import { RequestRecord } from '../telemetry/record.ts';
import type { CompiledPhase } from './compiled-phase.ts';
import { Exchange } from './exchange.ts';
import { nobody } from './nobody.ts';
import { runPhase } from './run.ts';
import type { Clock } from './step.ts';

/**
 * Makes a check of policies on requests: they are given a request that nobody sent, `GET /` on the connection, and whatever they have
 * against it closes the connection (spec 03 §10b).
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
    return result instanceof Promise ? result.then(passes) : passes(result);
  };
}

function passes(result: unknown): boolean {
  if (result instanceof Response && isStream(result.body)) result.body.cancel(new Error('nobody reads it'));
  return result === undefined;
}
