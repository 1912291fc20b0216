import { expect, test } from 'vitest';
import { refusedPolicy } from '../../config/testing.ts';
import { backendTransformationsSchema, transformationsSchema, transformationsSpec } from './schema.ts';

test('the file and the resource', () => {
  const request = {
    metadata: { b: '1', a: '2' },
    set: { 'X-B': '"b"', 'x-b': '"c"', ':path': '"/"' },
    remove: ['X-Gone'],
    body: '"text"',
  };
  expect(transformationsSpec(transformationsSchema.parse({ request, response: null }))).toEqual({
    request: {
      metadata: [
        ['b', { $cel: '1' }],
        ['a', { $cel: '2' }],
      ],
      add: [],
      set: [
        ['x-b', { $cel: '"b"' }],
        ['x-b', { $cel: '"c"' }],
        [':path', { $cel: '"/"' }],
      ],
      remove: ['x-gone'],
      body: { $cel: '"text"' },
    },
  });
});

test.each([
  ['request: {set: {"a b": x}}', 'transformations.request.set["a b"]: not a header name, nor one of :method'],
  ['request: {set: {":url": x}}', 'transformations.request.set[":url"]: not a header name, nor one of :method'],
  ['response: {remove: [":status"]}', 'transformations.response.remove[0]: not a header name'],
  ['request: {set: {x: 1}}', 'transformations.request.set.x: expected a string, which needs quotes here'],
  ['request: {set: {x: "1 +"}}', 'transformations.request.set.x: not an expression: Syntax error'],
  ['request: {body: "1 +"}', 'transformations.request.body: not an expression: Syntax error'],
  ['requests: {}', 'transformations.requests: unknown field; allowed: request, response; did you mean "request"?'],
  ['conditional: []', 'transformations.conditional: conditional policies must have at least one entry'],
  [
    'conditional: [{request: {}}, {condition: "true"}]',
    'transformations.conditional: entries without condition must be last',
  ],
  ['conditional: [{reqest: {}}]', 'transformations.conditional[0].reqest: unknown field'],
])('%s', (fields, message) => {
  expect(refusedPolicy(`transformations: {${fields}}`)).toEqual([expect.stringContaining(message)]);
});

test('on a backend there are no conditions', () => {
  expect(backendTransformationsSchema.parse({ request: {} })).toHaveProperty('request');
  expect(backendTransformationsSchema.safeParse({ conditional: [{ request: {} }] }).error?.issues).toMatchObject([
    { path: ['conditional'], message: 'conditional transformations are not supported on backends' },
  ]);
  expect(backendTransformationsSchema.safeParse({ request: 1 }).error?.issues).toMatchObject([{ path: ['request'] }]);
});
