import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { refusedPolicy } from '../../config/testing.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import type { RoutePlan } from '../../plans/plan.ts';
import { noPorts, testExchange } from '../testing.ts';
import { delaySchema, delaySpec } from './schema.ts';
import type { DelaySpec } from './spec.ts';
import { compileDelay } from './step.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** What came of it, and after how many milliseconds. */
async function wait(duration: DelaySpec['duration'], requestTimeout: number, already = 0) {
  const exchange = testExchange();
  exchange.record.startedAt = -already;
  exchange.routePlan = { timeout: { requestTimeout } } as RoutePlan;
  const outcome = Promise.resolve(compileDelay({ duration }, noPorts)?.(exchange));
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
  const outcome = compileDelay({ duration: 1000 }, noPorts)?.(exchange);
  exchange.abort.abort(new Error('gone'));
  await expect(outcome).rejects.toThrow('gone');
  expect(vi.getTimerCount()).toBe(0);
});

test('no delay is no step', () => {
  expect(compileDelay({ duration: 0 }, noPorts)).toBeNull();
});

test.each([
  ['250', 250],
  ['duration("1.5s")', 1500],
  ['7u', 7],
  ['2.5', 2],
  ['request.method == "GET" ? duration("3s") : duration("0s")', 3000],
])('an expression of a duration, or of milliseconds: %s', async (source, ms) => {
  expect(await wait({ $cel: source }, 0)).toEqual({ timers: 1, after: ms, result: undefined });
});

test.each(['0', '-5', 'duration("-1s")', 'jwt.sub', '"1s"', 'true', '0.0 / 0.0', 'null'])(
  'what is no span of time delays nothing: %s',
  async (source) => {
    expect(await wait({ $cel: source }, 0)).toEqual({ timers: 0, after: 0, result: undefined });
  },
);

test('an expression waits no longer than a timer can, nor than the request may take', async () => {
  expect(await wait({ $cel: '1.0 / 0.0' }, 1000)).toEqual({ timers: 1, after: 1000, result: 'requestTimeout' });
  expect(await wait({ $cel: '1e12' }, 0)).toEqual({ timers: 1, after: 2 ** 31 - 1, result: undefined });
});

test.each([
  ['1.5s', 1500],
  ['0', 0],
  ['250', 250],
])('%s is %i ms', (duration, ms) => {
  expect(delaySpec(delaySchema.parse({ duration }))).toEqual({ duration: ms });
});

test('what is no duration is an expression', () => {
  const duration = 'random() < 0.1 ? 100 : 0';
  expect(delaySpec(delaySchema.parse({ duration }))).toEqual({ duration: { $cel: duration } });
});

test.each([
  ['', 'delay.duration: is required'],
  ['duration: 100', 'delay.duration: expected a string, which needs quotes here, got 100'],
  ['duration: -1s', 'delay.duration: must not be negative, got "-1s"'],
  ['duration: 600h', 'delay.duration: longer than a timer can wait, which is 24 days, got "600h"'],
  [
    'duration: "1 +"',
    'delay.duration: not an expression: Syntax error: the expression ends too early (column 4 of 1 +)',
  ],
])('%s', (fields, message) => {
  expect(refusedPolicy(`delay: {${fields}}`)).toEqual([message]);
});
