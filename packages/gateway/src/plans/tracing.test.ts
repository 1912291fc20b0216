import { expect, test } from 'vitest';
import { verifies } from '../../test/verifies.ts';
import { testExchange, testPorts } from '../policies/testing.ts';
import type { Sampling } from '../policies/tracing/spec.ts';
import * as celValues from '../telemetry/cel-values.ts';
import { Exporters } from '../telemetry/otlp/exporters.ts';
import { compileTracing } from './tracing.ts';

const batches = { maxQueueSize: 1, maxExportBatchSize: 1, scheduleDelay: 1, exportTimeout: 1 };

/** Numbers in [0, 1), the same every time (a linear congruence, Numerical Recipes). */
function numbers(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Of a thousand requests, how many are traced. */
function sampled(options: { randomSampling?: Sampling; clientSampling?: Sampling }, client: boolean): number {
  const callout = { name: 'collector:4317', authority: 'collector:4317', send: () => Promise.reject(new Error('no')) };
  const ports = testPorts({
    random: numbers(),
    callout: () => callout,
    log: { error() {}, warn() {}, info() {}, debug() {} },
  });
  const receiver = { $backend: { address: { host: 'collector', port: 4317 } }, policies: [] };
  const spec = { receiver, protocol: 'grpc', path: '', attributes: [], remove: [], resources: [], ...options } as const;
  const { tracer } = compileTracing(
    spec,
    ports,
    new Exporters({ resource: {}, spans: batches, logs: batches }),
    celValues,
  );
  let count = 0;
  for (let i = 0; i < 1_000; i++) if (tracer.samples(testExchange(), client)) count++;
  return count;
}

test.each<[Sampling | undefined, number, number]>([
  [undefined, 0, 1_000],
  [0, 0, 0],
  [1, 1_000, 1_000],
  [{ $cel: 'true' }, 1_000, 1_000],
  [{ $cel: 'false' }, 0, 0],
  [{ $cel: '1' }, 1_000, 1_000],
  [{ $cel: '7u' }, 1_000, 1_000],
  [{ $cel: '-3' }, 0, 0],
  [{ $cel: '1.5' }, 1_000, 1_000],
  [{ $cel: '-0.5' }, 0, 0],
  [{ $cel: '"yes"' }, 0, 0],
  [{ $cel: 'null' }, 0, 0],
  [{ $cel: 'request.nosuch' }, 0, 0],
  [{ $cel: 'request.method == "GET"' }, 1_000, 1_000],
])('CEL-78: sampling %j', (sampling, random, client) => {
  verifies('CEL-78');
  const given = sampling === undefined ? {} : { randomSampling: sampling, clientSampling: sampling };
  expect([sampled(given, false), sampled(given, true)]).toEqual([random, client]);
});

test.each<Sampling>([0.5, { $cel: '0.5' }])('TEL-37: one half is a matter of chance: %j', (sampling) => {
  verifies('TEL-37');
  for (const client of [false, true]) {
    const count = sampled({ randomSampling: sampling, clientSampling: sampling }, client);
    expect(count).toBeGreaterThan(400);
    expect(count).toBeLessThan(600);
  }
});
