import { expect, test } from 'vitest';
import { loaded, refusedPolicy } from '../../config/testing.ts';

function policyOf(extProc: string, backends = ''): unknown {
  const { resources } = loaded(`
gateways: { default: { port: 1 } }
backends: [ ${backends} ]
routes: [ { policies: { extProc: ${extProc} } } ]`);
  const route = resources.find(({ kind }) => kind === 'route');
  return route?.kind === 'route' ? route.policies[0] : undefined;
}

test('what is left out', () => {
  const modes = { headers: true, body: 'fullDuplexStreamed', trailers: true };
  expect(policyOf('{ host: "a:1" }')).toEqual({
    kind: 'extProc',
    spec: {
      target: { $backend: { address: { host: 'a', port: 1 } }, policies: [] },
      failureMode: 'failClosed',
      metadataContext: {},
      requestAttributes: {},
      responseAttributes: {},
      request: modes,
      response: modes,
      allowModeOverride: false,
    },
  });
});

test('what is said', () => {
  const options = `{
    requestBodyMode: none, responseBodyMode: bufferedPartial, requestHeaderMode: skip, responseTrailerMode: skip,
    allowModeOverride: true
  }`;
  const more = 'metadataContext: { a: { b: request.path } }, requestAttributes: { c: "1" }';
  const policy = policyOf(
    `{ backend: p, failureMode: failOpen, ${more}, processingOptions: ${options} }`,
    '{ name: p, host: "p:2" }',
  );
  expect(policy).toMatchObject({
    spec: {
      target: { $backend: { backend: '/p' } },
      failureMode: 'failOpen',
      metadataContext: { a: { b: { $cel: 'request.path' } } },
      requestAttributes: { c: { $cel: '1' } },
      request: { headers: false, body: 'none', trailers: true },
      response: { headers: true, body: 'bufferedPartial', trailers: false },
      allowModeOverride: true,
    },
  });
});

test('conditions', () => {
  const entries = '[ { condition: "true", host: "a:1" }, { host: "b:2", failureMode: failOpen } ]';
  expect(policyOf(`{ conditional: ${entries} }`)).toMatchObject({
    kind: 'extProc',
    entries: [
      { condition: { $cel: 'true' }, spec: { target: { $backend: { address: { host: 'a' } } } } },
      { condition: null, spec: { target: { $backend: { address: { host: 'b' } } }, failureMode: 'failOpen' } },
    ],
  });
});

test.each([
  ['{}', 'extProc: exactly one of host, backend must be set'],
  [
    '{ host: "a:1", failureMode: open }',
    'extProc.failureMode: unknown value, got "open"; allowed: failClosed, failOpen',
  ],
  [
    '{ host: "a:1", processingOptions: { requestBodyMode: streamed } }',
    'extProc.processingOptions.requestBodyMode: unknown value, got "streamed"; allowed: none, buffered, bufferedPartial, fullDuplexStreamed',
  ],
  [
    '{ host: "a:1", processingOptions: { headers: send } }',
    expect.stringMatching(/^extProc\.processingOptions\.headers: unknown field; /),
  ],
  [
    '{ conditional: [ { backend: nobody } ] }',
    'extProc.conditional[0].backend: no backend of this name in backends, got "nobody"',
  ],
])('%s', (options, message) => {
  expect(refusedPolicy(`extProc: ${options}`)).toEqual([message]);
});
