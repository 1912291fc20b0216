import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import { secret } from '../../resources/secret.ts';
import { noPorts, testExchange } from '../testing.ts';
import { compileBackendAuth } from './step.ts';

test("the gateway's key takes the place of the client's", () => {
  const exchange = testExchange({ headers: [['authorization', 'Bearer client']] });
  expect(compileBackendAuth({ key: { value: secret('upstream') } }, noPorts)(exchange)).toBeUndefined();
  expect([...exchange.request.headers]).toEqual([['authorization', 'Bearer upstream']]);
  expect(exchange.explicitCredentialLocation).toBe(false);
});

test('a place of its own is remembered', () => {
  const exchange = testExchange();
  const step = compileBackendAuth(
    { key: { value: secret('k'), location: { header: { name: 'x-api-key' } } } },
    noPorts,
  );
  step(exchange);
  step(exchange);
  expect([...exchange.request.headers]).toEqual([['x-api-key', 'k']]);
  expect(exchange.explicitCredentialLocation).toBe(true);
});

test('a key that cannot be sent fails the request without showing it', () => {
  const result = compileBackendAuth({ key: { value: secret('top\nsecret') } }, noPorts)(testExchange());
  if (!(result instanceof GatewayError)) throw new Error('expected a failure');
  expect([result.status, result.message]).toEqual([500, expect.stringMatching(/^backend authentication failed: /)]);
  expect(result.message).not.toContain('secret');
});

test("POL-13: a verified token is shown to the upstream again, any other is nobody's business", () => {
  verifies('POL-13');
  const step = compileBackendAuth({ passthrough: {} }, noPorts);
  const exchange = testExchange();
  exchange.explicitCredentialLocation = true;
  expect(step(exchange)).toBeUndefined();
  expect([...exchange.request.headers]).toEqual([]);
  expect(exchange.explicitCredentialLocation).toBe(false);
  exchange.jwt = { claims: {}, token: 'verified' };
  step(exchange);
  expect([...exchange.request.headers]).toEqual([['authorization', 'Bearer verified']]);
  expect(exchange.explicitCredentialLocation).toBe(false);
  compileBackendAuth({ passthrough: { location: { cookie: { name: 'token' } } } }, noPorts)(exchange);
  expect(exchange.request.headers.get('cookie')).toBe('token=verified');
  expect(exchange.explicitCredentialLocation).toBe(true);
});

test('further credentials come last, and may stand alone', () => {
  const location = { header: { name: 'x-team' } };
  const credentials = [
    { location, key: secret('first') },
    { location, key: secret('second') },
    { location: { queryParameter: { name: 'key' } }, key: secret('q') },
  ];
  const exchange = testExchange();
  compileBackendAuth({ key: { value: secret('k'), location }, credentials }, noPorts)(exchange);
  expect([...exchange.request.headers]).toEqual([['x-team', 'second']]);
  expect(exchange.request.path).toBe('/?key=q');
  expect(exchange.explicitCredentialLocation).toBe(true);
  const alone = testExchange({ headers: [['authorization', 'Bearer client']] });
  compileBackendAuth({ credentials }, noPorts)(alone);
  expect([...alone.request.headers]).toEqual([
    ['authorization', 'Bearer client'],
    ['x-team', 'second'],
  ]);
  expect(alone.explicitCredentialLocation).toBe(false);
});

test('a further credential that cannot be sent fails the request', () => {
  const credentials = [{ location: { cookie: { name: 'c' } }, key: secret('a;b') }];
  const result = compileBackendAuth({ credentials }, noPorts)(testExchange());
  expect(result).toMatchObject({ code: 'backendAuthFailed', message: expect.not.stringContaining('a;b') });
});
