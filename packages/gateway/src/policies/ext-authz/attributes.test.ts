import { expect, test } from 'vitest';
import { testExchange } from '../testing.ts';
import { attributesOf, type Shown } from './attributes.ts';

const everything: Shown = { headers: [], context: {}, packAsBytes: false };

test('without expressions the verified token is told; with them it is not', () => {
  const exchange = testExchange();
  const told = (maps: Record<string, object> | null) => attributesOf(exchange, null, everything, maps).metadataContext;
  expect(told(null)).toEqual({ filterMetadata: {} });
  exchange.jwt = { claims: { sub: 'alice', big: 9007199254740993n, roles: ['a'] }, token: 't' };
  expect(told(null)).toEqual({
    filterMetadata: {
      'envoy.filters.http.jwt_authn': { jwt_payload: { sub: 'alice', big: 9007199254740992, roles: ['a'] } },
    },
  });
  expect(told({ mine: { n: 1n } })).toEqual({ filterMetadata: { mine: { n: 1 } } });
});

test('names of headers are only names', () => {
  const exchange = testExchange({
    headers: [
      ['constructor', 'a'],
      ['__proto__', 'b'],
      ['x', 'caf\xc3\xa9'],
      ['x', '\xff'],
    ],
  });
  const headers = attributesOf(exchange, null, everything, null).request?.http?.headers as Record<string, string>;
  expect(Object.entries(headers)).toEqual([
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'gateway.test'],
    ['constructor', 'a'],
    ['__proto__', 'b'],
    ['x', 'café, \ufffd'],
  ]);
  const shown = { ...everything, headers: ['host', 'toString'] };
  expect({ ...(attributesOf(exchange, null, shown, null).request?.http?.headers as object) }).toEqual({
    host: 'gateway.test',
  });
});
