import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Step } from '../../pipeline/step.ts';
import { noPorts, testExchange } from '../testing.ts';
import { authorizationSchema, authorizationSpec } from './schema.ts';
import { compileAuthorization } from './step.ts';

/** True if a GET of /a by nobody is let through. */
function allows(...rules: unknown[]): boolean {
  const step = compileAuthorization(authorizationSpec(authorizationSchema.parse({ rules })), noPorts);
  const result = (step as Step)(testExchange({ path: '/a' }));
  if (result instanceof GatewayError)
    expect([result.status, result.reason, result.message]).toEqual([403, 'Authorization', 'authorization failed']);
  return result === undefined;
}

test('no rule is no policy', () => {
  expect(compileAuthorization({ rules: [] }, noPorts)).toBeNull();
});

test('POL-25: deny rules alone let everything else through', () => {
  verifies('POL-25');
  expect(allows({ deny: 'request.path == "/b"' })).toBe(true);
  expect(allows({ deny: 'request.path == "/a"' })).toBe(false);
});

test('POL-26: an allow rule that fails does not allow', () => {
  verifies('POL-26');
  expect(allows({ allow: 'jwt.sub == "alice"' })).toBe(false);
  expect(allows({ allow: 'jwt.sub == "alice"' }, { allow: 'request.method == "GET"' })).toBe(true);
});

test('POL-27: a deny rule that fails, or gives no bool, denies: what cannot be judged does not pass', () => {
  verifies('POL-27');
  expect(allows({ deny: 'jwt.sub == "mallory"' })).toBe(false);
  expect(allows({ deny: '"yes"' })).toBe(false);
  expect(allows({ deny: 'has(jwt.sub) && jwt.sub == "mallory"' })).toBe(true);
});

test('every require must hold, whatever is allowed', () => {
  expect(allows({ require: 'request.path == "/a"' })).toBe(true);
  expect(allows({ require: 'request.path == "/a"' }, { require: 'jwt.sub == "alice"' })).toBe(false);
  expect(allows({ require: 'false' }, { allow: 'true' })).toBe(false);
  expect(allows({ require: '1' })).toBe(false);
});

test('a deny that holds beats an allow that does', () => {
  expect(allows({ allow: 'true' }, { deny: 'true' })).toBe(false);
});

test('a text is an allow rule', () => {
  expect(allows('request.method == "GET"')).toBe(true);
  expect(allows('request.method == "POST"')).toBe(false);
});

test('a rule may ask for a token that nobody showed', () => {
  expect(allows({ require: 'has(jwt.sub)' })).toBe(false);
});

test('chance may be asked', () => {
  expect(allows({ allow: 'random() < 2.0' })).toBe(true);
});
