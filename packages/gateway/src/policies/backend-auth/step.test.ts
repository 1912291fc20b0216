import { expect, test } from 'vitest';
import { GatewayError } from '../../pipeline/errors.ts';
import { secret } from '../../resources/secret.ts';
import { testExchange } from '../testing.ts';
import { compileBackendAuth } from './step.ts';

test("the gateway's key takes the place of the client's", () => {
  const exchange = testExchange({ headers: [['authorization', 'Bearer client']] });
  expect(compileBackendAuth({ key: { value: secret('upstream') } })(exchange)).toBeUndefined();
  expect([...exchange.request.headers]).toEqual([['authorization', 'Bearer upstream']]);
  expect(exchange.explicitCredentialLocation).toBe(false);
});

test('a place of its own is remembered', () => {
  const exchange = testExchange();
  const step = compileBackendAuth({ key: { value: secret('k'), location: { header: { name: 'x-api-key' } } } });
  step(exchange);
  step(exchange);
  expect([...exchange.request.headers]).toEqual([['x-api-key', 'k']]);
  expect(exchange.explicitCredentialLocation).toBe(true);
});

test('a key that cannot be sent fails the request without showing it', () => {
  const result = compileBackendAuth({ key: { value: secret('top\nsecret') } })(testExchange());
  if (!(result instanceof GatewayError)) throw new Error('expected a failure');
  expect([result.status, result.message]).toEqual([500, expect.stringMatching(/^backend authentication failed: /)]);
  expect(result.message).not.toContain('secret');
});
