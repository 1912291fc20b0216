import { Headers, Response } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { verifies } from '../../test/verifies.ts';
import type { BackendPolicy, TrafficPolicy } from '../policies/policy.ts';
import { policyLoaders } from '../policies/steps.ts';
import { noPorts, testExchange } from '../policies/testing.ts';
import { secret } from '../resources/secret.ts';
import { noSteps } from './compiled-phase.ts';
import { loadSteps, phases, responsePhase } from './phases.ts';

const setHeader = (name: string, value: string) => ({ add: [], set: [[name, value]], remove: [] }) as const;

test('policies run in the order of the table, wherever they stand in the configuration', async () => {
  const policies: TrafficPolicy[] = [
    { kind: 'directResponse', spec: { status: 200, body: '' } },
    { kind: 'urlRewrite', spec: { authority: { full: 'rewritten.test' } } },
    { kind: 'timeout', spec: { requestTimeout: 1 } },
    { kind: 'requestHeaderModifier', spec: setHeader('host', 'modified.test') },
  ];
  const compiler = await loadSteps(policies.map(({ kind }) => kind));
  const { steps, responseSteps } = compiler.compile('route', policies, () => noPorts);
  const exchange = testExchange();
  // Before them, the cookies of browser logins are taken off.
  const results = steps.map((step) => step(exchange));
  expect(results.map((result) => result instanceof Response)).toEqual([false, false, false, true]);
  expect(exchange.request.authority).toBe('rewritten.test');
  expect(exchange.original?.authority).toBe('modified.test');
  expect(responseSteps).toEqual([]);
});

test('PROXY-44: what modifies response headers also stands behind a direct response', async () => {
  verifies('PROXY-44');
  const policies: TrafficPolicy[] = [
    { kind: 'directResponse', spec: { status: 200, body: '' } },
    { kind: 'responseHeaderModifier', spec: setHeader('x-a', '1') },
  ];
  const compiler = await loadSteps(['directResponse', 'responseHeaderModifier']);
  const { steps, responseSteps } = compiler.compile('route', policies, () => noPorts);
  const exchange = testExchange();
  const response = steps.at(-1)?.(exchange);
  if (!(response instanceof Response)) throw new Error('expected a response');
  for (const { run } of responseSteps) run(exchange, response);
  expect(response.headers.get('x-a')).toBe('1');
});

test('a backend has its own order and its own response steps', async () => {
  const policies: BackendPolicy[] = [
    { kind: 'requestHeaderModifier', spec: setHeader('authorization', 'last') },
    { kind: 'responseHeaderModifier', spec: setHeader('x-a', '1') },
    { kind: 'backendAuth', spec: { key: { value: secret('k') } } },
    { kind: 'backendTLS', spec: {} },
  ];
  const compiler = await loadSteps(policies.map(({ kind }) => kind));
  const { steps, responseSteps } = compiler.compile('backend', policies, () => noPorts);
  const exchange = testExchange();
  for (const step of steps) step(exchange);
  expect(exchange.request.headers.get('authorization')).toBe('last');
  const response = new Response(200, new Headers(), null);
  for (const { run } of responseSteps) run(exchange, response);
  expect(response.headers.get('x-a')).toBe('1');
});

test('what has no place in a phase does not run in it', async () => {
  const compiler = await loadSteps(['urlRewrite', 'apiKey']);
  const policy: TrafficPolicy = { kind: 'urlRewrite', spec: { authority: 'none' } };
  expect(compiler.compile('gateway', [policy], () => noPorts)).toEqual(noSteps);
});

test('compiling a kind that was not loaded is an error that names it', async () => {
  const compiler = await loadSteps(['timeout']);
  const policy: TrafficPolicy = { kind: 'directResponse', spec: { status: 200, body: '' } };
  expect(() => compiler.compile('route', [policy], () => noPorts)).toThrow(
    'the code of policy directResponse was not loaded',
  );
});

test('every kind that has code has a place in the order', () => {
  const placed = new Set<string>([...Object.values(phases).flat(), ...responsePhase.map(({ kind }) => kind)]);
  expect(Object.keys(policyLoaders).filter((kind) => !placed.has(kind))).toEqual([]);
});
