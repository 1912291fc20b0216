import { Response } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { noPorts, testExchange } from '../testing.ts';
import { compileDirectResponse } from './step.ts';

test('PROXY-44: answers with the configured status and body, for the reason DirectResponse', () => {
  verifies('PROXY-44');
  const step = compileDirectResponse({ status: 200, body: Buffer.from('hello!').toString('base64') }, noPorts);
  const exchange = testExchange();
  const response = step(exchange);
  if (!(response instanceof Response)) throw new Error('expected a response');
  expect([response.status, String(response.body), response.headers.length]).toEqual([200, 'hello!', 0]);
  expect(exchange.record.reason).toBe('DirectResponse');
});

test('each request gets headers of its own', () => {
  const step = compileDirectResponse({ status: 204, body: '' }, noPorts);
  const [first, second] = [step(testExchange()), step(testExchange())];
  if (!(first instanceof Response) || !(second instanceof Response)) throw new Error('expected responses');
  expect(first.body).toBeNull();
  expect(first.headers).not.toBe(second.headers);
});
