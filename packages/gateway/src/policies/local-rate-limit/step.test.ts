import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import { testExchange, testPorts } from '../testing.ts';
import type { LocalRateLimitSpec } from './spec.ts';
import { compileLocalRateLimit } from './step.ts';

const minute = { tokensPerFill: 1, fillInterval: 60_000 };

function limiter(spec: LocalRateLimitSpec) {
  const cells = new Map<string, SharedArrayBuffer>();
  let now = 1n;
  const ports = testPorts({
    clock: { now: () => 0, epoch: () => 0, monotonic: () => now },
    sharedCell(name, bytes) {
      const cell = cells.get(name) ?? new SharedArrayBuffer(bytes);
      cells.set(name, cell);
      return cell;
    },
  });
  const step = compileLocalRateLimit(spec, ports);
  return {
    pass(seconds: number) {
      now += BigInt(seconds * 1e9);
    },
    ask() {
      const exchange = testExchange();
      const result = step(exchange);
      if (!(result instanceof GatewayError)) return { headers: Object.fromEntries(exchange.responseHeaders ?? []) };
      return {
        error: `${result.status} ${result.reason} ${result.message}`,
        headers: Object.fromEntries(result.headers),
      };
    },
  };
}

test('a refusal tells the limit, the reset and when to come again', () => {
  const limits = limiter([{ maxTokens: 1, ...minute }]);
  limits.ask();
  limits.pass(0.5);
  expect(limits.ask()).toEqual({
    error: '429 RateLimit rate limit exceeded',
    headers: { 'x-ratelimit-limit': '1', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '59', 'retry-after': '60' },
  });
  limits.pass(59.5);
  expect(limits.ask()).not.toHaveProperty('error');
});

test('POL-81: the bucket with the fewest tokens left is the one told of', () => {
  verifies('POL-81');
  const limits = limiter([
    { maxTokens: 100, ...minute },
    { maxTokens: 5, ...minute },
  ]);
  expect(limits.ask().headers).toEqual({
    'x-ratelimit-limit': '5',
    'x-ratelimit-remaining': '4',
    'x-ratelimit-reset': '60',
  });
});

test('what one bucket refuses costs the others nothing', () => {
  const limits = limiter([
    { maxTokens: 3, tokensPerFill: 0, fillInterval: 60_000 },
    { maxTokens: 1, tokensPerFill: 1, fillInterval: 1_000 },
  ]);
  expect(limits.ask()).not.toHaveProperty('error');
  for (let i = 0; i < 5; i++) expect(limits.ask()).toHaveProperty('error');
  limits.pass(1);
  expect(limits.ask()).not.toHaveProperty('error');
  limits.pass(1);
  expect(limits.ask()).not.toHaveProperty('error');
  limits.pass(1);
  expect(limits.ask().headers).toMatchObject({ 'x-ratelimit-limit': '3' });
});

test('no two sets of headers are mixed', () => {
  const exchange = testExchange();
  const ports = testPorts({ sharedCell: (_name, bytes) => new SharedArrayBuffer(bytes) });
  const step = compileLocalRateLimit([{ maxTokens: 9, ...minute }], ports);
  step(exchange);
  step(exchange);
  expect(exchange.responseHeaders?.getAll('x-ratelimit-remaining')).toEqual(['8']);
});
