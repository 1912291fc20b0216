import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { configDump } from '../../admin/config-dump.ts';
import type { VersionInfo } from '../../admin/version.ts';
import { loaded, refused } from '../../config/testing.ts';
import type { FrontendPolicy } from '../policy.ts';

/** The one policy that the file comes to. */
function policy(text: string, env: Record<string, string> = {}) {
  const policies = loaded(text, env).resources.filter((resource) => resource.kind === 'policy');
  expect(policies).toMatchObject([
    { key: 'frontend/tracing', policy: { family: 'frontend', policy: { kind: 'tracing' } } },
  ]);
  return policies[0]?.policy.policy as Extract<FrontendPolicy, { kind: 'tracing' }>;
}

const old = (fields: string, env: Record<string, string> = {}) => policy(`config: { tracing: {${fields}} }`, env);

test('the policy as it is in the file', () => {
  const text = `
frontendPolicies:
  tracing:
    host: collector:4318
    protocol: http
    path: /t
    policies: { backendTLS: {} }
    randomSampling: 0.25
    clientSampling: 'request.path != "/"'
    filter: 'true'
    attributes: { b: '1', a: '2' }
    remove: [duration]
    resources: { service.name: '"edge"' }`;
  expect(policy(text)).toEqual({
    kind: 'tracing',
    spec: {
      receiver: {
        $backend: { address: { host: 'collector', port: 4318 } },
        policies: [{ kind: 'backendTLS', spec: {} }],
      },
      protocol: 'http',
      path: '/t',
      randomSampling: 0.25,
      clientSampling: { $cel: 'request.path != "/"' },
      filter: { $cel: 'true' },
      attributes: [
        ['b', { $cel: '1' }],
        ['a', { $cel: '2' }],
      ],
      remove: ['duration'],
      resources: [['service.name', { $cel: '"edge"' }]],
    },
  });
});

test('what is not said', () => {
  const receiver = { $backend: { address: { host: 'c', port: 1 } }, policies: [] };
  const spec = { receiver, protocol: 'grpc', path: '/v1/traces', attributes: [], remove: [], resources: [] };
  expect(policy('frontendPolicies: { tracing: { host: "c:1" } }')).toEqual({ kind: 'tracing', spec });
});

test.each([
  ['true', 1],
  ['false', 0],
  ['2', 1],
  ['-1', 0],
  ['"true"', { $cel: 'true' }],
])('sampling %s', (text, expected) => {
  const spec = policy(`frontendPolicies: { tracing: { host: "c:1", randomSampling: ${text} } }`).spec;
  expect(spec).toMatchObject({ randomSampling: expected });
});

test('what is wrong is named', () => {
  const wrong = (fields: string) => refused(`frontendPolicies: { tracing: {${fields}} }`).join('\n');
  expect(wrong('')).toContain('exactly one of host, backend must be set');
  expect(wrong('host: "c:1", randomSampling: "1 +"')).toContain('frontendPolicies.tracing.randomSampling');
  expect(wrong('host: "c:1", randomSampling: []')).toContain(
    'expected true or false, a number or a string, got a list',
  );
  expect(wrong('host: "c:1", attributes: { a: "1 +" }')).toContain('frontendPolicies.tracing.attributes.a');
  expect(wrong('host: "c:1", protocol: udp')).toContain('frontendPolicies.tracing.protocol');
  expect(wrong('host: "c:1", nonsense: 1')).toContain('nonsense');
});

test('TEL-42: the old place of the same', () => {
  verifies('TEL-42');
  const fields =
    'otlpEndpoint: "https://c.example/custom/v1/t", otlpProtocol: http, headers: { Authorization: s3cret, x-a: b }';
  expect(old(`${fields}, randomSampling: true, fields: { add: { a: '1' }, remove: [b] }`)).toEqual({
    kind: 'tracing',
    spec: {
      receiver: {
        $backend: { address: { host: 'c.example', port: 443 } },
        policies: [
          {
            kind: 'requestHeaderModifier',
            spec: {
              add: [],
              set: [
                ['authorization', 's3cret'],
                ['x-a', 'b'],
              ],
              remove: [],
            },
          },
          { kind: 'backendTLS', spec: {} },
        ],
      },
      protocol: 'http',
      path: '/custom/v1/t',
      randomSampling: 1,
      attributes: [['a', { $cel: '1' }]],
      remove: ['b'],
      resources: [],
    },
  });
});

test.each([
  ['c:4317', { host: 'c', port: 4317 }, true, '/p'],
  ['http://c', { host: 'c', port: 80 }, false, '/p'],
  ['https://c/', { host: 'c', port: 443 }, true, '/p'],
  ['grpc://c', { host: 'c', port: 4317 }, false, '/p'],
  ['http://[::1]:9/x?y=1', { host: '::1', port: 9 }, false, '/x?y=1'],
])('the endpoint %s', (endpoint, address, tls, path) => {
  const spec = old(`otlpEndpoint: "${endpoint}", path: /p`).spec;
  const policies = tls ? [{ kind: 'backendTLS', spec: {} }] : [];
  expect(spec).toMatchObject({ receiver: { $backend: { address }, policies }, path });
});

test('the environment goes before the file, where the file has the section', () => {
  const env = {
    OTLP_ENDPOINT: '',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces:1',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://all:2',
    OTLP_HEADERS: 'x-a=1, x-b=2',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
  };
  expect(loaded('config: {}', env).resources).toEqual([]);
  const set = (...pairs: [string, string][]) => [
    { kind: 'requestHeaderModifier', spec: { add: [], set: pairs, remove: [] } },
  ];
  expect(old('otlpEndpoint: "http://file:3", headers: { X-A: "0", x-c: "3" }', env).spec).toMatchObject({
    receiver: {
      $backend: { address: { host: 'traces', port: 1 } },
      policies: set(['x-a', '1'], ['x-c', '3'], ['x-b', '2']),
    },
    protocol: 'http',
  });
  const json = { ...env, OTLP_HEADERS: '{"x-j": "1,2"}' };
  expect(old('', json).spec).toMatchObject({ receiver: { policies: set(['x-j', '1,2']) } });
});

test('TEL-42: what is wrong with it is named', () => {
  verifies('TEL-42');
  const wrong = (fields: string, env: Record<string, string> = {}) =>
    refused(`config: { tracing: {${fields}} }`, env).join('\n');
  const both = refused('config: { tracing: { otlpEndpoint: "c:1" } }\nfrontendPolicies: { tracing: { host: "c:1" } }');
  expect(both.join('\n')).toContain('cannot use deprecated config.tracing together with frontendPolicies.tracing');
  expect(wrong('otlpEndpoint: "c:1"', { OTLP_PROTOCOL: 'http/json' })).toContain('OTLP_PROTOCOL=http/json');
  expect(wrong('')).toMatch(
    /otlpEndpoint.*OTLP_ENDPOINT.*OTEL_EXPORTER_OTLP_TRACES_ENDPOINT.*OTEL_EXPORTER_OTLP_ENDPOINT/,
  );
  expect(wrong('otlpEndpoint: "udp://c:1"')).toContain('unsupported tracing endpoint scheme: udp');
  expect(wrong('', { OTLP_ENDPOINT: 'http://' })).toContain('OTLP_ENDPOINT: not a URL');
  expect(wrong('otlpEndpoint: "http://u:p@c"')).toContain('credentials belong into headers');
  const headers = wrong('otlpEndpoint: "c:1"', { OTLP_HEADERS: 's3cret' });
  expect(headers).toContain('OTLP_HEADERS');
  expect(headers).not.toContain('s3cret');
  expect(wrong('otlpEndpoint: "c:1"', { OTLP_HEADERS: '{"a": 1}' })).toContain('OTLP_HEADERS');
  expect(wrong('otlpEndpoint: "c:1", headers: { "a b": s3cret }')).not.toContain('s3cret');
  expect(wrong('otlpEndpoint: "c:1", headers: { a: [s3cret] }')).not.toContain('s3cret');
});

test('TEL-19: a credential among the headers of an exporter is not dumped', () => {
  verifies('TEL-19');
  const text = 'config: { tracing: { otlpEndpoint: "c:1", headers: { authorization: s3cret, x-a: visible } } }';
  const { resources, settings } = loaded(text);
  const version = { version: '1' } as VersionInfo;
  const dump = JSON.stringify(configDump(resources, settings, version));
  expect(dump).toContain('<redacted>');
  expect(dump).toContain('visible');
  expect(dump).not.toContain('s3cret');
});
