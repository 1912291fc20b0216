import { expect, test } from 'vitest';
import { loaded, refusedPolicy } from '../../config/testing.ts';

function policyOf(fields: string) {
  const text = `gateways: {default: {port: 1}}
routes: [{policies: {remoteRateLimit: ${fields}}}]
backends: [{name: limits, host: "limits:8081"}]`;
  const route = loaded(text).resources.find(({ kind }) => kind === 'route');
  return route?.kind === 'route' ? route.policies[0] : undefined;
}

test('a service by its host, and what is left out', () => {
  expect(
    policyOf('{host: "limits:8081", domain: d, descriptors: [{entries: [{key: k, value: "request.path"}]}]}'),
  ).toEqual({
    kind: 'remoteRateLimit',
    spec: {
      service: { $backend: { address: { host: 'limits', port: 8081 } }, policies: [] },
      domain: 'd',
      descriptors: [{ entries: [{ key: 'k', value: { $cel: 'request.path' } }] }],
      failureMode: 'failClosed',
    },
  });
});

test('a named service, with everything; the failure mode in both spellings', () => {
  const descriptors = `[{entries: [{key: k, value: "1"}], type: requests, cost: "2", limitOverride: "{}"}]`;
  const fields = `backend: limits, domain: d, descriptors: ${descriptors}`;
  const spec = {
    service: { $backend: { backend: '/limits' } },
    descriptors: [
      { entries: [{ key: 'k', value: { $cel: '1' } }], cost: { $cel: '2' }, limitOverride: { $cel: '{}' } },
    ],
    failureMode: 'failOpen',
  };
  expect(policyOf(`{${fields}, failureMode: failOpen}`)).toMatchObject({ spec });
  expect(policyOf(`{${fields}, failureMode: FailOpen}`)).toMatchObject({ spec });
  expect(policyOf(`{${fields}, failureMode: FailClosed}`)).toMatchObject({ spec: { failureMode: 'failClosed' } });
});

test('one service per condition', () => {
  const rest = 'domain: d, descriptors: []';
  expect(
    policyOf(`{conditional: [{condition: "true", host: "a:1", ${rest}}, {backend: limits, ${rest}}]}`),
  ).toMatchObject({
    kind: 'remoteRateLimit',
    entries: [
      { condition: { $cel: 'true' }, spec: { service: { $backend: { address: { host: 'a' } } } } },
      { condition: null, spec: { service: { $backend: { backend: '/limits' } } } },
    ],
  });
});

test.each([
  ['domain: d, descriptors: []', 'remoteRateLimit: exactly one of host, backend must be set'],
  ['host: "a:1", descriptors: []', 'remoteRateLimit.domain: is required'],
  ['host: "a:1", domain: d', 'remoteRateLimit.descriptors: is required'],
  [
    'host: "a:1", domain: d, descriptors: [{entries: [{key: a, value: "1"}], type: tokens}]',
    'not supported yet: remoteRateLimit.descriptors[0].type: tokens',
  ],
  [
    'host: "a:1", domain: d, descriptors: [], failureMode: open',
    'remoteRateLimit.failureMode: unknown value, got "open"; allowed: failClosed, failOpen, FailClosed, FailOpen',
  ],
  ['service: {name: a/b, port: 1}, domain: d, descriptors: []', 'not supported yet: remoteRateLimit.service'],
  [
    'conditional: [{backend: none, domain: d, descriptors: []}]',
    'remoteRateLimit.conditional[0].backend: no backend of this name in backends, got "none"',
  ],
])('%s', (fields, message) => {
  expect(refusedPolicy(`remoteRateLimit: {${fields}}`)).toEqual([message]);
});
