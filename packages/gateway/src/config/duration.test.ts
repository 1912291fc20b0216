import { expect, test } from 'vitest';
import { verifies } from '../../test/verifies.ts';
import { parseDuration } from './duration.ts';

test.each([
  ['1h30m', 5_400_000],
  ['1.5s', 1500],
  ['250ms', 250],
  ['0', 0],
  ['0s', 0],
  ['.5s', 500],
  ['1.s', 1000],
  ['1m30s', 90_000],
  ['1us', 0.001],
  ['2µs', 0.002],
  ['1000000ns', 1],
])('CFG-25: %s is %d ms', (text, ms) => {
  verifies('CFG-25');
  const parsed = parseDuration(text);
  expect('ms' in parsed ? parsed.ms : parsed.error).toBeCloseTo(ms, 9);
});

test.each([
  ['5', 'missing unit'],
  ['1.5', 'missing unit'],
  ['-1s', 'negative string not allowed'],
  ['', 'expected a duration'],
  ['s', 'expected a duration'],
  ['5 s', 'expected a duration'],
  ['5d', 'expected a duration'],
  ['1h30', 'expected a duration'],
  ['+5s', 'expected a duration'],
])('CFG-25: %s is refused: %s', (text, message) => {
  verifies('CFG-25');
  const parsed = parseDuration(text);
  expect('error' in parsed ? parsed.error : parsed.ms).toContain(message);
});
