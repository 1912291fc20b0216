import { Response } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { refusedPolicy } from '../../config/testing.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import { noPorts, testExchange } from '../testing.ts';
import { directResponseSchema, directResponseSpec } from './schema.ts';
import { compileDirectResponse } from './step.ts';

function answer(options: object): readonly unknown[] {
  const spec = directResponseSpec(directResponseSchema.parse({ status: 200, ...options }));
  const result = compileDirectResponse(spec, noPorts)(testExchange({ path: '/p' }));
  if (result instanceof Response) return [result.status, result.body?.toString() ?? null, ...result.headers];
  return result instanceof GatewayError ? [result.status, result.message] : [];
}

test.each([
  ['request.path', '/p'],
  ['b"raw"', 'raw'],
  ['{"path": request.path}', '{"path":"/p"}'],
  ['[1, 2u]', '[1,2]'],
  ['""', null],
])('the computed body %s is %j', (bodyExpression, body) => {
  expect(answer({ bodyExpression })).toEqual([200, body]);
});

test('a body that cannot be computed, or two of them, are a failure', () => {
  const failed = 'failed to apply filters: ';
  expect(answer({ bodyExpression: 'jwt.sub' })).toEqual([
    500,
    `${failed}the body of the direct response cannot be computed`,
  ]);
  expect(answer({ bodyExpression: '"a"', body: 'b' })).toEqual([
    500,
    `${failed}a direct response has body or bodyExpression, not both`,
  ]);
});

test('a header that is neither text nor bytes is left out, and the rest stands', () => {
  const headers = { 'X-Path': 'request.path', 'x-int': '1', 'x-error': 'jwt.sub', 'x-break': '"a\\nb"' };
  expect(answer({ headers, body: 'static' })).toEqual([200, 'static', ['x-path', '/p']]);
});

test.each([
  ['headers: {"a b": x}', 'directResponse.headers["a b"]: not a header name'],
  ['headers: {a: "1 +"}', 'directResponse.headers.a: not an expression: '],
  ['bodyExpression: "1 +"', 'directResponse.bodyExpression: not an expression: '],
])('%s', (fields, message) => {
  expect(refusedPolicy(`directResponse: {status: 200, ${fields}}`)).toEqual([expect.stringContaining(message)]);
});
