import { createPublicKey } from 'node:crypto';
import { decodeJwt, jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { secret } from '../../../resources/secret.ts';
import { testExchange } from '../../testing.ts';
import { ecKey } from '../testing.ts';
import type { JwtSignSpec } from './spec.ts';
import { compileJwtSign } from './step.ts';

const pair = ecKey();
const start = Date.UTC(2030, 0, 1);

function signing(more: Partial<JwtSignSpec> = {}) {
  let epoch = start;
  const claims = { iss: 'gateway', groups: ['a', 'b'] };
  const spec: JwtSignSpec = { signingKey: secret(pair.privateKey), alg: 'ES256', claims, ttl: 300_000, ...more };
  const step = compileJwtSign(spec, { now: () => 0, epoch: () => epoch, monotonic: () => 0n });
  return {
    sendAt(milliseconds: number) {
      epoch = start + milliseconds;
      const exchange = testExchange();
      const result = step(exchange);
      return { exchange, result, header: exchange.request.headers.get('authorization')?.slice('Bearer '.length) ?? '' };
    },
  };
}

test('the claims are signed, ten seconds back and a time to live ahead', async () => {
  const { header, exchange } = signing({ kid: 'k1' }).sendAt(0);
  const { payload, protectedHeader } = await jwtVerify(header, createPublicKey(pair.publicKey), {
    currentDate: new Date(start),
  });
  expect(protectedHeader).toEqual({ typ: 'JWT', alg: 'ES256', kid: 'k1' });
  const seconds = start / 1000;
  expect(payload).toEqual({ iss: 'gateway', groups: ['a', 'b'], iat: seconds - 10, exp: seconds + 300 });
  expect(exchange.explicitCredentialLocation).toBe(false);
});

test('a signature serves for a second, and less where the time to live is short', () => {
  const long = signing();
  const first = long.sendAt(0).header;
  expect(long.sendAt(999).header).toBe(first);
  const second = long.sendAt(1000).header;
  expect(decodeJwt(second).exp).toBe(start / 1000 + 301);
  // a clock that was set back
  expect(decodeJwt(long.sendAt(-5000).header).exp).toBe(start / 1000 + 295);
  const short = signing({ ttl: 1000 });
  const token = short.sendAt(0).header;
  expect(short.sendAt(99).header).toBe(token);
  expect(short.sendAt(100).header).not.toBe(token);
});

test('a place of its own is remembered', () => {
  const { exchange } = signing({ location: { header: { name: 'x-token', prefix: 'jwt ' } } }).sendAt(0);
  expect(exchange.request.headers.get('x-token')).toMatch(/^jwt ey/);
  expect(exchange.explicitCredentialLocation).toBe(true);
});

test('with a key that cannot sign every request is refused', () => {
  const { result } = signing({ alg: 'RS256' }).sendAt(0);
  expect(result).toMatchObject({
    code: 'backendAuthFailed',
    status: 500,
    logDetail: expect.stringContaining('alg RS256 needs'),
  });
});
