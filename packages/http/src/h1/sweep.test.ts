import { afterEach, expect, test, vi } from 'vitest';
import { unwatch, watch } from './sweep.ts';

afterEach(() => {
  vi.useRealTimers();
});

test('one timer looks after all, and goes with the last', () => {
  vi.useFakeTimers();
  let looks = 0;
  const entries = [{ sweep: () => looks++ }, { sweep: () => looks++ }];
  for (const entry of entries) watch(entry);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(500);
  expect(looks).toBe(4);
  for (const entry of entries) unwatch(entry);
  unwatch({ sweep() {} });
  expect(vi.getTimerCount()).toBe(0);
});

test('an entry that leaves while being looked at does not disturb the others', () => {
  vi.useFakeTimers();
  const seen: number[] = [];
  const entries = [0, 1, 2].map((index) => ({
    sweep() {
      seen.push(index);
      unwatch(this);
    },
  }));
  for (const entry of entries) watch(entry);
  vi.advanceTimersByTime(1_000);
  expect(seen).toEqual([0, 1, 2]);
  expect(vi.getTimerCount()).toBe(0);
});
