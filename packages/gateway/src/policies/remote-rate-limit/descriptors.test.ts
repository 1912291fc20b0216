import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { noPorts, testExchange } from '../testing.ts';
import { compileDescriptors } from './descriptors.ts';
import type { DescriptorSpec } from './spec.ts';

const headers: [string, string][] = [['x-user', 'u1']];

/** What one descriptor becomes; null if it is left out. */
function made(spec: DescriptorSpec) {
  const { variables } = testExchange({ path: '/p?q=1', headers });
  return compileDescriptors([spec], noPorts)?.(variables)[0] ?? null;
}

const entry = (value: string) => ({ entries: [{ key: 'k', value: { $cel: value } }] });
const text = (value: string) => made(entry(value))?.entries[0]?.value ?? null;

test('CEL-96: texts, bools, whole numbers and bytes can be counted by, nothing else', () => {
  verifies('CEL-96');
  expect(['"a"', 'true', '-5', '7u', 'b"hi"', '9223372036854775807', 'string(1.5)'].map(text)).toEqual([
    'a',
    'true',
    '-5',
    '7',
    'aGk=',
    '9223372036854775807',
    '1.5',
  ]);
  expect(['1.5', 'null', '[1]', '{"a": 1}', 'duration("1s")', 'timestamp(0)', '1/0'].map(text)).toEqual(
    Array(7).fill(null),
  );
});

test('POL-78: values that are like texts are taken as texts', () => {
  verifies('POL-78');
  expect(text('request.uri')).toBe('http://gateway.test/p?q=1');
  expect([text('request.path'), text('request.headers["x-user"]'), text('source.address')]).toEqual([
    '/p',
    'u1',
    '127.0.0.1',
  ]);
});

test('one entry that fails leaves the whole descriptor out', () => {
  const entries = [
    { key: 'a', value: { $cel: '"a"' } },
    { key: 'b', value: { $cel: 'request.headers["x-none"]' } },
  ];
  expect(made({ entries })).toBeNull();
  expect(made({ entries: entries.slice(0, 1) })).toEqual({ entries: [{ key: 'a', value: 'a' }] });
});

test('a cost is a whole number that is not negative', () => {
  const cost = (source: string) => made({ ...entry('"a"'), cost: { $cel: source } })?.hitsAddend ?? null;
  expect(['0', '3', '3u', 'size(request.path)', '18446744073709551615u'].map(cost)).toEqual([
    0n,
    3n,
    3n,
    2n,
    18446744073709551615n,
  ]);
  expect(['-1', '1.5', '2.0', '"1"', 'null', '1/0'].map(cost)).toEqual(Array(6).fill(null));
});

test('a limit of its own has a unit and a number', () => {
  const limit = (source: string) => made({ ...entry('"a"'), limitOverride: { $cel: source } })?.limit ?? null;
  const names = ['second', 'MINUTE', 'hour', 'Day', 'month', 'year'];
  expect(names.map((unit) => limit(`{"unit": "${unit}", "requestsPerUnit": 5}`)?.unit)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(limit('{"unit": "day", "requestsPerUnit": 4294967295}')).toEqual({ unit: 4, requestsPerUnit: 4294967295 });
  const wrong = [
    '{"unit": "day"}',
    '{"requestsPerUnit": 1}',
    '{"unit": "week", "requestsPerUnit": 1}',
    '{"unit": "toString", "requestsPerUnit": 1}',
    '{"unit": "day", "requestsPerUnit": -1}',
    '{"unit": "day", "requestsPerUnit": 1.5}',
    '{"unit": "day", "requestsPerUnit": 4294967296}',
    '{"unit": "day", "requestsPerUnit": "1"}',
    '"day"',
    'null',
    '1/0',
  ];
  expect(wrong.map(limit)).toEqual(wrong.map(() => null));
});

test('without entries there is nothing to count', () => {
  expect(compileDescriptors([], noPorts)).toBeNull();
  expect(compileDescriptors([{ entries: [] }], noPorts)).toBeNull();
});
