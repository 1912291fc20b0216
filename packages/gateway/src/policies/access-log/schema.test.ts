import { expect, test } from 'vitest';
import { loaded, refused } from '../../config/testing.ts';

/** What the file comes to as the gateway's policies. */
function policies(text: string) {
  const { resources } = loaded(text);
  return resources.filter((resource) => resource.kind === 'policy').map(({ key, policy }) => [key, policy.policy]);
}

const cel = (source: string) => ({ $cel: source });

test('the policy, under either of its names, in the order of the file', () => {
  const fields = `{filter: 'response.code >= 400', add: {b: '1', a: jwt.sub}, remove: [src.addr]}`;
  const spec = {
    filter: cel('response.code >= 400'),
    add: [
      ['b', cel('1')],
      ['a', cel('jwt.sub')],
    ],
    remove: ['src.addr'],
  };
  const expected = [['frontend/accessLog', { kind: 'accessLog', spec }]];
  expect(policies(`frontendPolicies: {accessLog: ${fields}}`)).toEqual(expected);
  expect(policies(`frontendPolicies: {logging: ${fields}}`)).toEqual(expected);
});

test('what is not said is nothing', () => {
  const nothing = [['frontend/accessLog', { kind: 'accessLog', spec: { add: [], remove: [] } }]];
  expect(policies('frontendPolicies: {accessLog: {}}')).toEqual(nothing);
  expect(policies('frontendPolicies: {accessLog: {filter: null, add: null, remove: null}}')).toEqual(nothing);
  expect(policies('frontendPolicies: {accessLog: null}')).toEqual([]);
  expect(policies('config: {logging: {filter: null, fields: null}}')).toEqual([]);
});

test('the old place of the same', () => {
  const old = `config: {logging: {level: debug, filter: 'true', fields: {add: {a: '1'}, remove: [route]}}}`;
  const spec = { filter: cel('true'), add: [['a', cel('1')]], remove: ['route'] };
  expect(policies(old)).toEqual([['frontend/accessLog', { kind: 'accessLog', spec }]]);
  const together = 'cannot use deprecated config.logging together with frontendPolicies.accessLog; move it there';
  for (const name of ['accessLog', 'logging'])
    expect(refused(`${old}\nfrontendPolicies: {${name}: {}}`)).toEqual([
      `gateway.yaml:1:19: config.logging: ${together}`,
    ]);
  expect(refused('config: {logging: {level: debug, format: json}}\nfrontendPolicies: {accessLog: {}}')).toEqual([]);
});

test.each([
  [
    'frontendPolicies: {accessLog: {}, logging: {}}',
    '1:35: frontendPolicies.logging: duplicate field: logging is another name of accessLog',
  ],
  [
    `frontendPolicies: {accessLog: {add: {time: '1'}}}`,
    '1:38: frontendPolicies.accessLog.add.time: level, time and scope are part of every line; choose another name',
  ],
  [
    `frontendPolicies: {accessLog: {filter: '1 +'}}`,
    expect.stringContaining('1:40: frontendPolicies.accessLog.filter: not an expression'),
  ],
  [`config: {logging: {filter: '1 +'}}`, expect.stringContaining('1:28: config.logging.filter: not an expression')],
  [`frontendPolicies: {accessLog: {add: {a: 5}}}`, expect.stringContaining('frontendPolicies.accessLog.add.a')],
] as [string, string][])('%s', (text, message) => {
  const [line, ...others] = refused(text).map((one) => one.replace('gateway.yaml:', ''));
  expect(others).toEqual([]);
  expect(line).toEqual(message);
});
