import { expect, test } from 'vitest';
import { mayAct } from './may-act.ts';

const jwt = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`;

test.each<[object | string, object | string, boolean]>([
  [{ may_act: { sub: 'agent' } }, { sub: 'agent', iss: 'x' }, true],
  [{ may_act: { sub: 'agent', iss: 'x' } }, { sub: 'agent', iss: 'x' }, true],
  [{ may_act: { sub: 'agent', iss: 'x' } }, { sub: 'agent' }, false],
  [{ may_act: { sub: 'agent' } }, { sub: 'other' }, false],
  [{ may_act: { sub: ['other', 'agent'] } }, { sub: 'agent' }, true],
  [{ may_act: { aud: 'a' } }, { aud: ['a', 'b'] }, true],
  [{ may_act: { aud: ['a'] } }, { aud: ['b', 'c'] }, false],
  [{ may_act: { sub: [] } }, { sub: 'agent' }, false],
  [{ may_act: { cnf: { jkt: 'x' } } }, { cnf: { jkt: 'x' } }, true],
  [{ may_act: {} }, { sub: 'agent' }, false],
  [{ may_act: 'agent' }, { sub: 'agent' }, false],
  [{ may_act: null }, { sub: 'agent' }, false],
  [{}, { sub: 'agent' }, false],
  [{ may_act: { toString: null } }, {}, false],
  ['opaque', { sub: 'agent' }, false],
  [{ may_act: { sub: 'agent' } }, 'a.b', false],
  [{ may_act: { sub: 'agent' } }, 'a.!.c', false],
])('%j for %j: %s', (subject, actor, allowed) => {
  const token = (value: object | string) => (typeof value === 'string' ? value : jwt(value));
  expect(mayAct(token(subject), token(actor))).toBe(allowed);
});
