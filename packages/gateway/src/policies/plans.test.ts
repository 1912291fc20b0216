import { expect, test } from 'vitest';
import { type ErrorCode, errorKinds, GatewayError } from '../pipeline/errors.ts';
import { compileRetry, noRetries } from './retry/plan.ts';
import { noPorts } from './testing.ts';
import { compileTimeout, noTimeouts } from './timeout/plan.ts';

test('timeouts that are not configured are 0', () => {
  expect(compileTimeout({})).toEqual(noTimeouts);
  expect(compileTimeout({ requestTimeout: 5 })).toEqual({ requestTimeout: 5, backendRequestTimeout: 0 });
});

test('a status is tried again if it is listed', () => {
  const plan = compileRetry({ attempts: 2, backoff: 10, codes: [503, 429] }, noPorts);
  expect([plan.attempts, plan.backoff]).toEqual([2, 10]);
  expect([200, 429, 500, 503].filter((status) => plan.shouldRetry(status))).toEqual([429, 503]);
});

test('of failures, only those of the upstream call are tried again', () => {
  const plan = compileRetry({ attempts: 1, backoff: 0, codes: [] }, noPorts);
  const codes = Object.keys(errorKinds) as ErrorCode[];
  expect(codes.filter((code) => plan.shouldRetryError(new GatewayError(code)))).toEqual([
    'dnsFailed',
    'upstreamCallFailed',
    'upstreamCallTimeout',
  ]);
  expect(noRetries.shouldRetryError(new GatewayError('upstreamCallFailed'))).toBe(false);
});
