import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseTraceParent } from './trace-parent.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

test('reads the four fields, in lower case', () => {
  const read = { version: '00', traceId, spanId, flags: '01' };
  expect(parseTraceParent(`00-${traceId}-${spanId}-01`)).toEqual(read);
  expect(parseTraceParent(`00-${traceId.toUpperCase()}-${spanId}-01`)).toEqual(read);
  expect(parseTraceParent(`cc-${traceId}-${spanId}-09`)).toEqual({ ...read, version: 'cc', flags: '09' });
});

test.each([
  '',
  `00-${traceId}-${spanId}`,
  `00-${traceId}-${spanId}-`,
  `00-${traceId}-${spanId}-1`,
  `00-${traceId}-${spanId}-01-`,
  `00-${traceId}-${spanId}-01-00`,
  `0-${traceId}-${spanId}-001`,
  `00-${traceId}0-${spanId.slice(1)}-01`,
  `00_${traceId}-${spanId}-01`,
  `00-${traceId}-${spanId}-0g`,
  `00-${traceId.slice(1)} -${spanId}-01`,
  `ff-${traceId}-${spanId}-01`,
  `FF-${traceId}-${spanId}-01`,
  `00-${'0'.repeat(32)}-${spanId}-01`,
  `00-${traceId}-${'0'.repeat(16)}-01`,
])('TEL-35: not one: %s', (text) => {
  expect(parseTraceParent(text)).toBeNull();
});

test('agrees with the grammar on whatever comes', () => {
  const grammar = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/i;
  const digits = (length: number) =>
    fc
      .array(fc.constantFrom(...'0123456789abcdefF'), { minLength: length, maxLength: length })
      .map((list) => list.join(''));
  const valid = fc.tuple(digits(2), digits(32), digits(16), digits(2)).map((fields) => fields.join('-'));
  const spoilt = fc
    .tuple(valid, fc.nat(54), fc.constantFrom('g', '-', ' ', '', '00', 'é'))
    .map(([text, at, other]) => text.slice(0, at) + other + text.slice(at + 1));
  fc.assert(
    fc.property(fc.oneof(valid, spoilt), (text) => {
      expect(parseTraceParent(text) !== null).toBe(grammar.test(text));
    }),
  );
});
