import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { loaded } from '../config/testing.ts';
import { noPorts } from '../policies/testing.ts';
import { ResourceState } from '../resources/state.ts';
import { Exporters } from '../telemetry/otlp/exporters.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { type Compilation, PlanCompiler } from './compile.ts';
import { RemoteDocuments } from './remote-documents.ts';

function stateOf(text: string): ResourceState {
  return ResourceState.empty.apply({ upserts: loaded(text).resources, removals: [] });
}

const batches = { maxQueueSize: 1, maxExportBatchSize: 1, scheduleDelay: 1, exportTimeout: 1 };
const exporterSettings = { resource: {}, spans: batches, logs: batches };

function newCompiler(): PlanCompiler {
  return new PlanCompiler({
    ports: () => noPorts,
    clock: noPorts.clock,
    log: noPorts.log,
    exporters: new Exporters(exporterSettings),
    documents: new RemoteDocuments({ timers: systemClock, epoch: () => 0, log: noPorts.log }),
    expressions: () => Promise.resolve(noPorts),
    upstream: {
      compile: () => ({}) as Upstream,
      send: () => Promise.reject(new Error('nothing is sent here')),
    },
  });
}

function planOf({ snapshot }: Compilation) {
  return [...(snapshot.binds.get('bind/8000')?.listeners[0]?.plans.values() ?? [])][0];
}

const withCors = `
gateways: { default: { port: 8000 } }
routes: [ { policies: { cors: { allowOrigins: ["*"] } }, backends: [ { host: "a:80" } ] } ]
`;
const withoutPolicies = `
gateways: { default: { port: 8000 } }
routes: [ { backends: [ { host: "a:80" } ] } ]
`;

test('what did not change keeps its plan', async () => {
  const compiler = newCompiler();
  const state = stateOf(withCors);
  const first = await compiler.compile(state);
  compiler.adopt(first);
  expect(planOf(await compiler.compile(state))).toBe(planOf(first));
});

test('a compilation that is given up leaves the plans in force as they are', async () => {
  const compiler = newCompiler();
  const state = stateOf(withCors);
  const inForce = await compiler.compile(state);
  compiler.adopt(inForce);
  // Of code that the state in force needs, this one needs none.
  const givenUp = await compiler.compile(stateOf(withoutPolicies));
  expect(planOf(givenUp)).not.toBe(planOf(inForce));
  expect(planOf(await compiler.compile(state))).toBe(planOf(inForce));
});

test('plans that were replaced are forgotten, also by policies that ask other services', async () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const compiler = newCompiler();
  const keys = 'jwks: { url: "http://idp.test/" }';
  const asking = (audience: number) => `
gateways: { default: { port: 8000 } }
routes: [ { policies: { jwtAuth: { issuer: i, ${keys}, audiences: [ "${audience}" ] } }, backends: [ { host: "a:80" } ] } ]
`;
  const replaced: WeakRef<object>[] = [];
  for (let i = 0; i < 4; i++) {
    const compilation = await compiler.compile(stateOf(asking(i)));
    replaced.push(new WeakRef(planOf(compilation) as object));
    compiler.adopt(compilation);
  }
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  expect(replaced.map((plan) => plan.deref() !== undefined)).toEqual([false, false, false, true]);
  compiler.close();
});
