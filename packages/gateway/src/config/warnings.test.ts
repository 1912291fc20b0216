import { expect, test } from 'vitest';
import { formatError } from './errors.ts';
import { loaded } from './testing.ts';

const warnings = (text: string) => loaded(text).warnings.map(formatError);
const route = (policies: string) => `gateways: {default: {port: 1}}\nroutes:\n- policies: {${policies}}\n`;

test('authentication without a mode lets in who shows nothing, and that is told', () => {
  expect(warnings(route('apiKey: {keys: []}'))).toEqual([
    'gateway.yaml:3:14: routes[0].policies.apiKey: no mode is set, so requests without credentials pass; write mode: strict, or mode: optional',
  ]);
  expect(warnings(route('apiKey: {keys: [], mode: optional}'))).toEqual([]);
  expect(warnings('gateways: {default: {port: 1, basicAuth: {htpasswd: "a:b"}}}').join()).toContain(
    'gateways.default.basicAuth: no mode is set',
  );
});

test('a policy that has no place in the gateway phase never runs, and that is told', () => {
  const policy = (kind: string) =>
    `policies: [{name: {name: p, namespace: n}, target: {gateway: {gatewayName: g, gatewayNamespace: n}}, phase: gateway, policy: {${kind}: {}}}]`;
  expect(warnings(policy('csrf'))).toEqual([
    'gateway.yaml:1:109: policies[0].phase: unexpected gateway policy: csrf has no place in the gateway phase and never runs',
  ]);
  expect(warnings(policy('cors'))).toEqual([]);
});

test('an expression that names what nobody knows is told where it stands, and not refused', () => {
  const text = `config: { customFunctions: 'isGet() { request.method == "GET" }' }
gateways: {default: {port: 1}}
frontendPolicies: {accessLog: {add: {a: apiKy.team, b: isGet()}}}
routes:
- policies: {authorization: {rules: ['strlen(request.path) > 3', {deny: request.methd == "POST"}]}}
`;
  expect(warnings(text)).toEqual([
    `gateway.yaml:3:41: frontendPolicies.accessLog.add.a: unknown variable 'apiKy'; did you mean 'apiKey'? (column 1 of apiKy.team)`,
    expect.stringMatching(
      /^gateway\.yaml:5:38: routes\[0\]\.policies\.authorization\.rules\[0\]: unknown function 'strlen'/,
    ),
    `gateway.yaml:5:73: routes[0].policies.authorization.rules[1].deny: unknown field 'request.methd'; did you mean 'request.method'? (column 1 of request.methd == "POST")`,
  ]);
});
