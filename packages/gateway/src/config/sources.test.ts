import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULT_CONFIG, defaultSource } from './sources.ts';
import { loaded } from './testing.ts';

let directory: string;
let none: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'config-source-'));
  none = join(directory, 'none');
});
afterEach(() => rmSync(directory, { recursive: true }));

test('the default configuration loads and answers', () => {
  const { resources } = loaded(DEFAULT_CONFIG);
  expect(resources).toContainEqual(expect.objectContaining({ kind: 'bind', port: 4000 }));
  expect(
    resources.some((resource) => resource.kind === 'route' && resource.policies[0]?.kind === 'directResponse'),
  ).toBe(true);
});

test('it is created once and then left alone', () => {
  const env = { HOME: directory };
  const path = join(directory, '.config/agentgateway/config.yaml');
  expect(defaultSource(env, none)).toEqual({ source: { type: 'file', path }, created: true });
  expect(readFileSync(path, 'utf8')).toBe(DEFAULT_CONFIG);
  writeFileSync(path, '{}');
  expect(defaultSource(env, none)).toEqual({ source: { type: 'file', path }, created: false });
  expect(readFileSync(path, 'utf8')).toBe('{}');
});

test('XDG_CONFIG_HOME beats HOME where it is not empty', () => {
  const path = (env: Record<string, string>) => {
    const found = defaultSource(env, none);
    return 'source' in found && found.source.type === 'file' ? found.source.path : undefined;
  };
  expect(path({ HOME: directory, XDG_CONFIG_HOME: join(directory, 'x') })).toBe(
    join(directory, 'x/agentgateway/config.yaml'),
  );
  expect(path({ HOME: directory, XDG_CONFIG_HOME: '' })).toBe(join(directory, '.config/agentgateway/config.yaml'));
});

test('the directory of a container comes first and must be writable', () => {
  const mounted = join(directory, 'config');
  mkdirSync(mounted);
  expect(defaultSource({}, mounted)).toMatchObject({ source: { path: join(mounted, 'config.yaml') } });
  expect(readdirSync(mounted)).toEqual(['config.yaml']);
  if (process.getuid?.() === 0) return;
  chmodSync(mounted, 0o500);
  expect(defaultSource({}, mounted)).toEqual({ error: expect.stringContaining('is not writable') });
  chmodSync(mounted, 0o700);
});

test.each([
  [{ KUBERNETES_SERVICE_HOST: '10.0.0.1' }, 'configuration is required when running in Kubernetes'],
  [{ LOCAL_XDS_PATH: '/x' }, 'not supported yet: environment variable LOCAL_XDS_PATH'],
  [{ AGENTGATEWAY_ENV: 'container' }, 'is not mounted'],
  [{}, 'HOME is not set'],
])('%j: %s', (env, message) => {
  expect(defaultSource(env, none)).toEqual({ error: expect.stringContaining(message) });
});
