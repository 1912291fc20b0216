import { expect, test } from 'vitest';
import { refusedPolicy } from '../../config/testing.ts';
import { bufferSchema, bufferSpec } from './schema.ts';

test('what is left out', () => {
  expect(bufferSpec(bufferSchema.parse({ request: null, response: { maxBytes: null } }))).toEqual({
    response: { failureMode: 'failClosed' },
  });
  expect(bufferSpec(bufferSchema.parse({ request: { maxBytes: 5, failureMode: 'failOpen' } }))).toEqual({
    request: { maxBytes: 5, failureMode: 'failOpen' },
  });
});

test.each([
  ['request: {maxBytes: -1}', 'buffer.request.maxBytes: expected an integer from 0 to 9007199254740991 (uint), got -1'],
  [
    'response: {failureMode: open}',
    'buffer.response.failureMode: unknown value, got "open"; allowed: failClosed, failOpen',
  ],
  ['requests: {}', 'buffer.requests: unknown field; allowed: request, response; did you mean "request"?'],
])('%s', (fields, message) => {
  expect(refusedPolicy(`buffer: {${fields}}`)).toEqual([message]);
});
