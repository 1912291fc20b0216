import { Headers, Response } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import { testExchange } from '../testing.ts';
import type { HeaderModifierSpec } from './spec.ts';
import { compileRequestHeaderModifier, compileResponseHeaderModifier } from './step.ts';

const nothing: HeaderModifierSpec = { add: [], set: [], remove: [] };

test('adds, then sets, then removes', () => {
  const spec: HeaderModifierSpec = {
    add: [
      ['x-a', '2'],
      ['x-b', '1'],
      ['x-c', '1'],
    ],
    set: [
      ['x-b', 'é'],
      ['x-d', '1'],
    ],
    remove: ['x-c', 'x-e'],
  };
  const fields: [string, string][] = [
    ['x-a', '1'],
    ['x-e', '1'],
  ];
  const expected = [
    ['x-a', '1'],
    ['x-a', '2'],
    ['x-b', '\u00c3\u00a9'],
    ['x-d', '1'],
  ];
  const exchange = testExchange({ headers: fields });
  expect(compileRequestHeaderModifier(spec)(exchange)).toBeUndefined();
  expect([...exchange.request.headers]).toEqual(expected);
  const response = new Response(200, Headers.of(...fields), null);
  expect(compileResponseHeaderModifier(spec)(exchange, response)).toBeUndefined();
  expect([...response.headers]).toEqual(expected);
});

test('PROXY-43: host is lifted to the authority, and removing it changes nothing', () => {
  verifies('PROXY-43');
  for (const spec of [
    { ...nothing, set: [['host', 'x']] },
    { ...nothing, add: [['host', 'x']] },
  ] as HeaderModifierSpec[]) {
    const exchange = testExchange();
    compileRequestHeaderModifier(spec)(exchange);
    expect([exchange.request.authority, exchange.request.headers.length]).toEqual(['x', 0]);
  }
  const exchange = testExchange({ authority: 'kept.test:81' });
  compileRequestHeaderModifier({ ...nothing, remove: ['host'] })(exchange);
  expect(exchange.request.authority).toBe('kept.test:81');
});

test.each<[HeaderModifierSpec, string]>([
  [{ ...nothing, set: [['bad name', 'x']] }, 'failed to apply filters: invalid header name "bad name"'],
  [{ ...nothing, add: [[':path', '/x']] }, 'failed to apply filters: invalid header name ":path"'],
  [{ ...nothing, remove: [''] }, 'failed to apply filters: invalid header name ""'],
  [{ ...nothing, set: [['x-a', 'a\r\nb: c']] }, 'failed to apply filters: invalid value of header x-a'],
  [
    { ...nothing, set: [['host', 'a@b']] },
    'failed to apply filters: invalid value of host: user information is not allowed',
  ],
])('what cannot be sent fails at the request: %j', (spec, message) => {
  const exchange = testExchange({ headers: [['x-a', '1']] });
  const failure = compileRequestHeaderModifier(spec)(exchange);
  if (!(failure instanceof GatewayError)) throw new Error('expected a failure');
  expect([failure.status, failure.message]).toEqual([500, message]);
  expect([...exchange.request.headers]).toEqual([['x-a', '1']]);
});

test('on a response, too', () => {
  const step = compileResponseHeaderModifier({ ...nothing, set: [['x-a', '\n']] });
  expect(step(testExchange(), new Response(200, new Headers(), null))).toBeInstanceOf(GatewayError);
});
