import { expect, test } from 'vitest';
import { loaded, refused } from '../testing.ts';

const policies = (...entries: string[]) => `policies: [${entries.join(', ')}]`;
const onRoute = (fields: string, name = 'p') =>
  `{name: {name: ${name}, namespace: n}, target: {route: {name: r, namespace: default}}, policy: {${fields}}}`;
const onBackend = (fields: string) =>
  `{name: {name: p, namespace: n}, target: {backend: {backend: {name: b, namespace: ""}}}, policy: {${fields}}}`;

test('one policy, under its name, for its target', () => {
  const { resources } = loaded(policies(onRoute('timeout: {requestTimeout: 1s}'), onRoute('csrf: {}', 'q')));
  expect(resources).toMatchObject([
    {
      kind: 'policy',
      key: 'n/p',
      target: { route: { name: 'r', namespace: 'default' } },
      policy: { family: 'traffic', phase: 'route', policy: { kind: 'timeout' } },
    },
    { key: 'n/q', policy: { policy: { kind: 'csrf' } } },
  ]);
});

test('a kind that backends have is the backend’s for a backend, and the traffic’s for anything else', () => {
  const { resources } = loaded(policies(onBackend('requestHeaderModifier: {set: {a: b}}')));
  expect(resources).toMatchObject([
    { target: { backend: { name: 'b', namespace: '' } }, policy: { family: 'backend' } },
  ]);
  expect(loaded(policies(onRoute('backendAuth: {key: k}'))).resources).toMatchObject([
    { policy: { family: 'backend' } },
  ]);
  expect(loaded(policies(onBackend('csrf: {}'))).resources).toMatchObject([{ policy: { family: 'traffic' } }]);
});

test.each([
  [policies(onRoute('')), "policies[0].policy: 'policies' must contain exactly 1 policy"],
  [
    policies(onRoute('csrf: {}, delay: {duration: 1s}')),
    "policies[0].policy: 'policies' must contain exactly 1 policy",
  ],
  [policies(onRoute('csrf: {}'), onRoute('csrf: {}')), 'policies[1].name.name: another policy has this name, got "p"'],
  [
    policies('{name: {name: p, namespace: n}, target: {}, policy: {csrf: {}}}'),
    'policies[0].target: exactly one of gateway, route, backend, listenerSet must be set',
  ],
  [
    policies(
      '{name: {name: p, namespace: n}, target: {gateway: {gatewayName: g, gatewayNamespace: n, listenerName: l, port: 1}}, policy: {csrf: {}}}',
    ),
    'policies[0].target.gateway: gateway policy target cannot set both listener_name and port',
  ],
])('%s', (text, message) => {
  expect(refused(text).map((line) => line.replace(/^gateway\.yaml:\d+:\d+: /, ''))).toEqual([message]);
});
