import { expect, test } from 'vitest';
import { loaded, refused, refusedPolicy } from '../../config/testing.ts';

test('a host becomes a backend of its own', () => {
  const { resources } = loaded(
    'gateways: {default: {port: 1}}\nroutes: [{policies: {requestMirror: {backend: {host: "m:80"}, percentage: 0.5}}}]',
  );
  const backend = resources.find(({ kind }) => kind === 'backend');
  expect(backend).toMatchObject({ target: { type: 'host', address: { host: 'm', port: 80 } }, policies: [] });
  expect(resources.find(({ kind }) => kind === 'route')).toMatchObject({
    policies: [{ kind: 'requestMirror', spec: { backend: backend?.key, percentage: 0.5 } }],
  });
});

test.each([
  ['backend: {host: "m:1"}', 'requestMirror.percentage: is required'],
  ['backend: {host: "m:1"}, percentage: 50', 'requestMirror.percentage: must be from 0 to 1, got 50'],
  ['backend: {service: {name: a/b, port: 1}}, percentage: 1', 'not supported yet: requestMirror.backend.service'],
  ['backend: {}, percentage: 1', 'requestMirror.backend: exactly one of host, backend must be set'],
  [
    'backend: {backend: none}, percentage: 1',
    'requestMirror.backend.backend: no backend of this name in backends, got "none"',
  ],
])('%s', (fields, message) => {
  expect(refusedPolicy(`requestMirror: {${fields}}`)).toEqual([message]);
});

test('models cannot be mirrored to', () => {
  const text = `gateways: {default: {port: 1}}
routes: [{policies: {requestMirror: {backend: {backend: models}, percentage: 1}}}]
backends: [{name: models, ai: {name: m, provider: {openAI: {}}}}]`;
  expect(refused(text).join()).toContain('only a backend with a host can be a mirror, got "models"');
});
