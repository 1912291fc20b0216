import { Headers, Request, Response } from '@agentgateway/http';
import { expect, test } from 'vitest';
import type { Attempt } from '../backends/backend.ts';
import type { CalloutOptions } from '../pipeline/callout.ts';
import { GatewayError } from '../pipeline/errors.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { noPorts, testExchange } from '../policies/testing.ts';
import type { TransformationSpec } from '../policies/transformations/spec.ts';
import { compileTransformationRequest, compileTransformationResponse } from '../policies/transformations/step.ts';
import { compileCallout } from './callouts.ts';

const nothing: TransformationSpec = { metadata: [], add: [], set: [], remove: [] };
const set = (name: string, $cel: string): TransformationSpec => ({ ...nothing, set: [[name, { $cel }]] });

/** A service whose backend changes what is asked and what is answered. */
function service(request: TransformationSpec, response: TransformationSpec, answer = 'answer') {
  const asked: Exchange[] = [];
  const back = compileTransformationResponse({ response }, noPorts);
  const step = compileTransformationRequest({ request }, noPorts);
  const attempt: Attempt = {
    steps: step === null ? [] : [step],
    responseSteps: back === null ? [] : [{ row: 0, run: back }],
    needs: { requestBody: true, responseBody: true },
    send(exchange) {
      asked.push(exchange);
      return new Response(200, new Headers(), Buffer.from(answer));
    },
  };
  const reference = { $backend: { address: { host: 'service.test', port: 80 } }, policies: [] };
  const compiled = { protocol: 'http', select: () => attempt } as const;
  const callout = compileCallout(reference, { clock: noPorts.clock, find: () => null, compile: () => compiled });
  const ask = (options: Partial<CalloutOptions> = {}) => {
    const message = new Request('POST', '', '', '/check', 'HTTP/1.1', new Headers(), Buffer.from('question'));
    return callout.send(message, { kind: 'ExtAuthz', exchange: testExchange(), ...options });
  };
  return { ask, asked };
}

test('policies of the service change the call and its answer, and read the bodies of both', async () => {
  const { ask, asked } = service(
    set('x-asked', 'string(request.body) + " of " + request.host'),
    set('x-answered', 'string(response.body) + " " + string(response.code) + request.path'),
  );
  const response = await ask();
  expect(asked[0]?.request.headers.get('x-asked')).toBe('question of service.test:80');
  expect([response.headers.get('x-answered'), String(response.body)]).toEqual(['answer 200/check', 'answer']);
});

test('a gRPC call is not held back for expressions: they see no bodies of it', async () => {
  const seen = 'string(has(request.body)) + string(has(response.body))';
  const { ask } = service(nothing, set('x-seen', seen));
  expect((await ask({ http2: true })).headers.get('x-seen')).toBe('falsefalse');
  expect((await ask()).headers.get('x-seen')).toBe('truetrue');
});

test('a service that is not there is an error of the call', async () => {
  const reference = { $backend: { backend: '/gone' }, policies: [] };
  const callout = compileCallout(reference, { clock: noPorts.clock, find: () => null, compile: () => null });
  const request = new Request('GET', '', '', '/', 'HTTP/1.1', new Headers(), null);
  await expect(callout.send(request, { kind: 'Jwks', exchange: null })).rejects.toThrow(GatewayError);
  expect(callout.name).toBe('gone');
});
