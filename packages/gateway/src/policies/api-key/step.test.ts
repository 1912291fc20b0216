import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import { bearerLocation } from '../credential.ts';
import { noPorts, testExchange } from '../testing.ts';
import type { ApiKeySpec } from './spec.ts';
import { compileApiKey } from './step.ts';

const keys: ApiKeySpec['keys'] = [
  { sha256: hash('sha256', 'alice-key'), metadata: { role: 'admin' }, allowedModels: ['gpt-4*'] },
  { sha256: hash('sha256', 'bob-key') },
];

function run(spec: Partial<ApiKeySpec>, headers: [string, string][]) {
  const step = compileApiKey(
    { mode: 'strict', location: bearerLocation, defaultLocation: true, keys, ...spec },
    noPorts,
  );
  const exchange = testExchange({ headers });
  const result = step(exchange);
  const answer = result instanceof GatewayError ? `${result.status} ${result.reason} ${result.message}` : result;
  return { answer, apiKey: exchange.apiKey, headers: [...exchange.request.headers] };
}

const noKey = '401 APIKeyAuth api key authentication failure: no API Key found';
const wrongKey = '401 APIKeyAuth api key authentication failure: invalid credentials';

test('POL-14: a known key at the configured place is accepted by its hash and stripped', () => {
  verifies('POL-14');
  const result = run({ location: { header: { name: 'x-api-key' } }, defaultLocation: false }, [
    ['x-api-key', 'alice-key'],
    ['accept', '*/*'],
  ]);
  expect(result).toEqual({
    answer: undefined,
    apiKey: { key: 'alice-key', metadata: { role: 'admin' }, allowedModels: ['gpt-4*'] },
    headers: [['accept', '*/*']],
  });
});

describe('modes', () => {
  test.each<[mode: ApiKeySpec['mode'], none: string | undefined, wrong: string | undefined]>([
    ['strict', noKey, wrongKey],
    ['optional', undefined, wrongKey],
    ['permissive', undefined, undefined],
  ])('%s', (mode, none, wrong) => {
    expect(run({ mode }, []).answer).toBe(none);
    expect(run({ mode }, [['authorization', 'Basic x']]).answer).toBe(none);
    const refused = run({ mode }, [['authorization', 'Bearer guess']]);
    expect(refused).toEqual({ answer: wrong, apiKey: null, headers: [['authorization', 'Bearer guess']] });
    const known = run({ mode }, [['authorization', 'bearer bob-key']]);
    expect(known).toEqual({
      answer: undefined,
      apiKey: { key: 'bob-key', metadata: {}, allowedModels: null },
      headers: [],
    });
  });
});

describe('without a configured place', () => {
  test.each(['x-api-key', 'x-goog-api-key'])('%s is accepted as well, and only the one used is stripped', (name) => {
    const result = run({}, [
      ['authorization', 'Bearer something-else'],
      [name, 'bob-key'],
    ]);
    expect(result.answer).toBeUndefined();
    expect(result.headers).toEqual([['authorization', 'Bearer something-else']]);
  });

  test('a wrong key there is a wrong key', () => {
    expect(run({ mode: 'optional' }, [['x-api-key', 'guess']]).answer).toBe(wrongKey);
  });
});

test('where the file says where, the usual places do not count', () => {
  expect(run({ defaultLocation: false }, [['x-api-key', 'bob-key']]).answer).toBe(noKey);
});

test('no error holds the key that was shown', () => {
  expect(run({}, [['authorization', 'Bearer very-secret']]).answer).not.toContain('very-secret');
});

test('a key in the query is kept out of the record, known or not', () => {
  for (const [key, path] of [
    ['bob-key', '/p?a=1'],
    ['guess', '/p?a=1&key=guess'],
  ]) {
    const exchange = testExchange({ path: `/p?a=1&key=${key}` });
    exchange.record.path = exchange.request.path;
    const location = { queryParameter: { name: 'key' } };
    compileApiKey({ mode: 'permissive', location, defaultLocation: false, keys }, noPorts)(exchange);
    expect([exchange.record.path, exchange.request.path]).toEqual(['/p?a=1', path]);
  }
});
