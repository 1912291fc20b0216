import { Headers, Response } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { noPorts, testExchange } from '../policies/testing.ts';
import { requestStep, responseStep } from './conditional.ts';
import type { Exchange } from './exchange.ts';
import type { Step } from './step.ts';

const when = ($cel: string | null, spec: unknown) => ({ condition: $cel === null ? null : { $cel }, spec });
const portsOf = () => noPorts;
const response = new Response(200, new Headers(), null);

/** Steps that note which entry they are of. */
function policyOf(...entries: ReturnType<typeof when>[]) {
  const ran: unknown[] = [];
  const policy = { entries };
  const compile = (side: string) => (spec: unknown) => () => {
    ran.push(`${side} ${spec}`);
    return undefined;
  };
  const request = requestStep(policy, compile('request'), portsOf) as Step;
  const back = responseStep(policy, compile('response'), portsOf);
  return {
    both(exchange: Exchange) {
      ran.length = 0;
      request(exchange);
      back?.(exchange, response);
      return ran.slice();
    },
    back,
    ran,
  };
}

test('the first entry whose condition holds runs, on the way there and back', () => {
  const { both } = policyOf(
    when('jwt.sub == "x"', 'error'),
    when('"text"', 'no bool'),
    when('request.path == "/a"', 'a'),
    when('request.path.startsWith("/")', 'b'),
    when(null, 'rest'),
  );
  expect(both(testExchange({ path: '/a' }))).toEqual(['request a', 'response a']);
  expect(both(testExchange({ path: '/b' }))).toEqual(['request b', 'response b']);
  expect(both(testExchange({ path: '*' }))).toEqual(['request rest', 'response rest']);
});

test('where none holds nothing runs, nor where the request never came that far', () => {
  const { both, back, ran } = policyOf(when('false', 'a'));
  expect(both(testExchange())).toEqual([]);
  const unconditional = policyOf(when(null, 'a'));
  unconditional.back?.(testExchange(), response);
  back?.(testExchange(), response);
  expect([...ran, ...unconditional.ran]).toEqual([]);
});

test('the response has the entry of the request, whatever the condition would say now', () => {
  const { both } = policyOf(when('request.method == "GET"', 'get'), when(null, 'rest'));
  const exchange = testExchange();
  const method = requestStep(
    { spec: 0 },
    () => () => {
      exchange.request.method = 'PUT';
      return undefined;
    },
    portsOf,
  );
  expect(both(exchange)).toEqual(['request get', 'response get']);
  method?.(exchange);
  expect(both(exchange)).toEqual(['request rest', 'response rest']);
});

test('two policies of one request choose each for itself', () => {
  const a = policyOf(when('true', 'a'));
  const b = policyOf(when('false', 'b'), when(null, 'c'));
  const exchange = testExchange();
  expect([a.both(exchange), b.both(exchange)]).toEqual([
    ['request a', 'response a'],
    ['request c', 'response c'],
  ]);
});

test('random conditions are thrown once for both ways', () => {
  const { both } = policyOf(when('random() < 0.5', 'a'), when(null, 'b'));
  for (let i = 0; i < 50; i++) {
    const [request, back] = both(testExchange());
    expect(String(back).at(-1)).toBe(String(request).at(-1));
  }
});

test('a policy without a response side has none, conditions or not', () => {
  expect(responseStep({ entries: [when(null, 'a')] }, () => null, portsOf)).toBeNull();
  expect(responseStep({ spec: 'a' }, () => null, portsOf)).toBeNull();
  expect(requestStep({ spec: 'a' }, () => null, portsOf)).toBeNull();
});
