import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { loaded, refusedPolicy } from '../../config/testing.ts';
import { localRateLimitPolicy, localRateLimitSchema } from './schema.ts';

const parse = (options: unknown) => localRateLimitPolicy(localRateLimitSchema.parse(options));

test('durations become milliseconds, and what is left out is 0', () => {
  expect(parse([{ maxTokens: 10, tokensPerFill: 2, fillInterval: '1m', type: 'requests' }])).toEqual({
    kind: 'localRateLimit',
    spec: [{ maxTokens: 10, tokensPerFill: 2, fillInterval: 60_000 }],
  });
  expect(parse([{ fillInterval: '1s' }])).toMatchObject({
    spec: [{ maxTokens: 0, tokensPerFill: 0, fillInterval: 1000 }],
  });
});

test('an entry with a condition holds one bucket', () => {
  const bucket = { maxTokens: 3, fillInterval: '1s' };
  expect(parse({ conditional: [{ condition: 'request.path == "/a"', ...bucket }, bucket] })).toEqual({
    kind: 'localRateLimit',
    entries: [
      { condition: { $cel: 'request.path == "/a"' }, spec: [{ maxTokens: 3, tokensPerFill: 0, fillInterval: 1000 }] },
      { condition: null, spec: [{ maxTokens: 3, tokensPerFill: 0, fillInterval: 1000 }] },
    ],
  });
});

test('an empty list is no policy', () => {
  const { resources } = loaded('gateways: {default: {port: 1}}\nroutes: [{policies: {localRateLimit: []}}]');
  expect(resources.find(({ kind }) => kind === 'route')).toMatchObject({ policies: [] });
});

test('POL-52: a bucket must hold what a fill brings', () => {
  verifies('POL-52');
  expect(refusedPolicy('localRateLimit: [{maxTokens: 1, tokensPerFill: 5, fillInterval: 1s}]')).toEqual([
    'localRateLimit[0]: max tokens cannot be less than the refill amount',
  ]);
});

test.each([
  ['[{maxTokens: 1}]', 'localRateLimit[0].fillInterval: is required'],
  ['[{fillInterval: 0s}]', 'localRateLimit[0].fillInterval: must be at least 1us, got "0s"'],
  [
    '[{maxTokens: -1, fillInterval: 1s}]',
    'localRateLimit[0].maxTokens: expected an integer from 0 to 9007199254740991 (uint), got -1',
  ],
  [
    '[{maxTokens: 2000000, tokensPerFill: 2000000, fillInterval: 1ms}]',
    'localRateLimit[0]: cannot fill more than 1e9 tokens a second',
  ],
  ['[{fillInterval: 1s, type: tokens}]', 'not supported yet: localRateLimit[0].type: tokens'],
  [
    '[{fillInterval: 1s, type: bytes}]',
    'localRateLimit[0].type: unknown value, got "bytes"; allowed: requests, tokens',
  ],
  ['{conditional: []}', 'localRateLimit.conditional: conditional policies must have at least one entry, got a list'],
  [
    '{conditional: [{fillInterval: 1s}, {condition: "true", fillInterval: 1s}]}',
    'localRateLimit.conditional: entries without condition must be last, got a list',
  ],
  ['{}', 'localRateLimit: expected a list, got an object'],
  ['1', 'localRateLimit: expected a list, got 1'],
])('%s', (value, message) => {
  expect(refusedPolicy(`localRateLimit: ${value}`)).toEqual([message]);
});
