import { expect, test } from 'vitest';
import { loaded, refused, refusedPolicy } from '../../config/testing.ts';
import type { ExtAuthzSpec } from './spec.ts';

const gateway = 'gateways: {default: {port: 3000}}\n';

function specOf(fields: string): ExtAuthzSpec {
  const { resources } = loaded(`${gateway}routes:\n- policies: {extAuthz: {host: "authz:9000", ${fields}}}\n`);
  const route = resources.find(({ kind }) => kind === 'route') as unknown as {
    policies: readonly { kind: string; spec: ExtAuthzSpec }[];
  };
  return route.policies.find(({ kind }) => kind === 'extAuthz')?.spec as ExtAuthzSpec;
}

test('what is left out', () => {
  const service = { $backend: { address: { host: 'authz', port: 9000 } }, policies: [] };
  const base = { service, failureMode: 'deny', includeRequestHeaders: [] };
  expect(specOf('')).toEqual({ ...base, protocol: { grpc: { context: {} } } });
  expect(specOf('protocol: {http: {}}, includeRequestBody: {}, cache: {key: [], ttl: 5s, maxEntries: 0}')).toEqual({
    ...base,
    protocol: { http: { includeResponseHeaders: [], addRequestHeaders: {}, metadata: {} } },
    includeRequestBody: { maxRequestBytes: 8192, allowPartialMessage: false, packAsBytes: false },
    cache: { key: [], ttl: { $cel: 'duration("5s")' }, maxEntries: 10_000 },
  });
  expect(specOf('cache: {key: [source.address], ttl: "timestamp(extauthz.until)"}').cache).toEqual({
    key: [{ $cel: 'source.address' }],
    ttl: { $cel: 'timestamp(extauthz.until)' },
    maxEntries: 10_000,
  });
  expect(specOf('failureMode: {denyWithStatus: 503}').failureMode).toEqual({ denyWithStatus: 503 });
  expect(specOf('failureMode: {denyWithStatus: 101}').failureMode).toBe('deny');
});

const names = 'not a header name, nor one of :method, :scheme, :authority, :path';

test.each([
  ['failureMode: open', 'extAuthz.failureMode: expected "allow", "deny" or an object, got "open"'],
  [
    'failureMode: {denyWithStatus: 70000}',
    'extAuthz.failureMode.denyWithStatus: expected an integer from 0 to 65535 (u16), got 70000',
  ],
  ['protocol: {}', 'extAuthz.protocol: exactly one of grpc, http must be set'],
  ['protocol: {grpc: {}, http: {}}', 'extAuthz.protocol: exactly one of grpc, http must be set, found grpc and http'],
  ['includeRequestHeaders: [":status"]', `extAuthz.includeRequestHeaders[0]: ${names}, got ":status"`],
  ['backend: b', 'extAuthz: exactly one of host, backend must be set, found host and backend'],
  ['cache: {key: []}', 'extAuthz.cache.ttl: is required'],
  ['cache: {key: ["1 +"], ttl: 1s}', /^extAuthz\.cache\.key\[0\]: not an expression: /],
  ['cache: {key: [], ttl: "1 +"}', /^extAuthz\.cache\.ttl: not an expression: /],
] as const)('%s', (fields, message) => {
  const [line] = refusedPolicy(`extAuthz: {host: "authz:9000", ${fields}}`);
  if (typeof message === 'string') expect(line).toBe(message);
  else expect(line).toMatch(message);
});

test('conditions are for routes and gateways', () => {
  const conditional = 'extAuthz: {conditional: [{host: "authz:9000"}]}';
  expect(refusedPolicy(conditional)).toEqual([]);
  expect(refused(`backends: [{name: b, host: "h:1", policies: {${conditional}}}]`)).toEqual([
    'gateway.yaml:1:57: backends[0].policies.extAuthz.conditional: conditional extAuthz is not supported on backends; write it on the route',
  ]);
  const target = 'target: {backend: {backend: {name: b, namespace: ""}}}';
  const targeted = (policy: string) => `policies: [{name: {name: p, namespace: n}, ${target}, policy: {${policy}}}]`;
  expect(refused(targeted(conditional))[0]).toContain(
    'conditional extAuthz are not supported on backend-targeted policies',
  );
  expect(loaded(targeted('extAuthz: {host: "authz:9000"}')).resources).toMatchObject([
    { policy: { family: 'backend', policy: { kind: 'extAuthz' } } },
  ]);
});

test('an entry of several names its place', () => {
  expect(refusedPolicy('extAuthz: {conditional: [{condition: "true", host: "a:1"}, {backend: nowhere}]}')).toEqual([
    'extAuthz.conditional[1].backend: no backend of this name in backends, got "nowhere"',
  ]);
});
