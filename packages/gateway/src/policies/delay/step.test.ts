import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { refusedPolicy } from '../../config/testing.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import type { RoutePlan } from '../../plans/plan.ts';
import { testExchange } from '../testing.ts';
import { delaySchema, delaySpec } from './schema.ts';
import { compileDelay } from './step.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** What came of it, and after how many milliseconds. */
async function wait(duration: number, requestTimeout: number, already = 0) {
  const exchange = testExchange();
  exchange.record.startedAt = -already;
  exchange.routePlan = { timeout: { requestTimeout } } as RoutePlan;
  const outcome = Promise.resolve(compileDelay({ duration })?.(exchange));
  const timers = vi.getTimerCount();
  const from = Date.now();
  await vi.runAllTimersAsync();
  const result = await outcome;
  return { timers, after: Date.now() - from, result: result instanceof GatewayError ? result.code : result };
}

test('waits as long as it is told', async () => {
  expect(await wait(2000, 0)).toEqual({ timers: 1, after: 2000, result: undefined });
  expect(await wait(2000, 5000)).toEqual({ timers: 1, after: 2000, result: undefined });
});

test('no longer than the request may take, counted from its start', async () => {
  expect(await wait(5000, 1000)).toEqual({ timers: 1, after: 1000, result: 'requestTimeout' });
  expect(await wait(5000, 1000, 600)).toEqual({ timers: 1, after: 400, result: 'requestTimeout' });
});

test('a client that leaves is not waited for', async () => {
  const exchange = testExchange();
  const outcome = compileDelay({ duration: 1000 })?.(exchange);
  exchange.abort.abort(new Error('gone'));
  await expect(outcome).rejects.toThrow('gone');
  expect(vi.getTimerCount()).toBe(0);
});

test('no delay is no step', () => {
  expect(compileDelay({ duration: 0 })).toBeNull();
});

test.each([
  ['1.5s', 1500],
  ['0', 0],
  ['250', 250],
])('%s is %i ms', (duration, ms) => {
  expect(delaySpec(delaySchema.parse({ duration }))).toEqual({ duration: ms });
});

test.each([
  ['', 'delay.duration: is required'],
  ['duration: 100', 'delay.duration: expected a string, which needs quotes here, got 100'],
  ['duration: -1s', 'delay.duration: must not be negative, got "-1s"'],
  ['duration: 600h', 'delay.duration: longer than a timer can wait, which is 24 days, got "600h"'],
  ['duration: "random() * 5"', 'not supported yet: delay.duration: an expression'],
])('%s', (fields, message) => {
  expect(refusedPolicy(`delay: {${fields}}`)).toEqual([message]);
});
