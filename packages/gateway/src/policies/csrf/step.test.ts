import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { refusedPolicy } from '../../config/testing.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import { testExchange } from '../testing.ts';
import { csrfSchema, csrfSpec } from './schema.ts';
import { compileCsrf } from './step.ts';

const step = compileCsrf({ additionalOrigins: ['https://friend.test'] });

function passes(site: string | null, origin: string | null, method = 'POST'): boolean {
  const headers: [string, string][] = [];
  if (site !== null) headers.push(['sec-fetch-site', site]);
  if (origin !== null) headers.push(['origin', origin]);
  const result = step(testExchange({ method, authority: 'own.test:8080', headers }));
  if (result === undefined) return true;
  expect(result).toBeInstanceOf(GatewayError);
  expect(result).toMatchObject({ status: 403, message: 'CSRF validation failed', reason: 'Authorization' });
  return false;
}

test('POL-23: what another site sends is refused unless its origin is listed', () => {
  verifies('POL-23');
  expect(passes('cross-site', 'https://evil.test')).toBe(false);
  expect(passes('cross-site', null)).toBe(false);
  expect(passes('cross-site', 'https://friend.test')).toBe(true);
});

test('POL-24: without both words there is no browser to protect', () => {
  verifies('POL-24');
  expect(passes(null, null)).toBe(true);
});

test.each<[site: string | null, origin: string | null, pass: boolean]>([
  ['same-origin', 'https://evil.test', true],
  ['none', null, true],
  ['same-site', 'http://other.own.test', false],
  ['same-site', 'http://own.test:8080', false],
  ['cross-site', 'null', false],
  ['SAME-ORIGIN', null, false],
  [null, 'null', true],
  [null, 'http://own.test:8080', true],
  [null, 'HTTP://OWN.test:8080', true],
  [null, 'https://own.test:8080', false],
  [null, 'http://own.test', false],
  [null, 'https://friend.test', true],
  [null, 'https://friend.test:443', false],
  [null, 'https://evil.test', false],
])('sec-fetch-site %s, origin %s: %s', (site, origin, pass) => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) expect(passes(site, origin, method)).toBe(pass);
});

test.each(['GET', 'HEAD', 'OPTIONS'])('%s passes', (method) => {
  expect(passes('cross-site', 'https://evil.test', method)).toBe(true);
});

test('in the file', () => {
  expect(csrfSpec(csrfSchema.parse({}))).toEqual({ additionalOrigins: [] });
  expect(csrfSpec(csrfSchema.parse({ additionalOrigins: ['a', 'a'] }))).toEqual({ additionalOrigins: ['a'] });
  expect(refusedPolicy('csrf: {additionalOrigins: x}')).toEqual(['csrf.additionalOrigins: expected a list, got "x"']);
});
