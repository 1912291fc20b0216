import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { verifies } from '../../test/verifies.ts';
import { compileRegex } from '../config/testing.ts';
import { HELP } from './args.ts';
import { validate } from './validate.ts';
import { buildInfo, VERSION } from './version.ts';

const directory = mkdtempSync(join(tmpdir(), 'validate-'));
afterAll(() => rmSync(directory, { recursive: true }));

test('CFG-58: a good file is valid, a bad one is told where', async () => {
  verifies('CFG-58');
  const path = join(directory, 'a.yaml');
  writeFileSync(path, 'gateways: {default: {port: 1}}\n');
  expect(await validate({ type: 'file', path }, {}, compileRegex)).toMatchObject({
    exitCode: 0,
    text: 'Configuration is valid!',
  });
  writeFileSync(path, 'gateway: {}\nroute: []\n');
  const bad = await validate({ type: 'file', path }, {}, compileRegex);
  expect(bad.exitCode).toBe(1);
  expect(bad.text.split('\n')).toEqual([
    expect.stringContaining(`${path}:1:1: gateway: unknown field`),
    expect.stringContaining(`${path}:2:1: route: unknown field`),
  ]);
});

test('a file that is not there, a text, and nothing at all', async () => {
  const path = join(directory, 'none.yaml');
  expect(await validate({ type: 'file', path }, {}, compileRegex)).toMatchObject({
    exitCode: 1,
    text: `${path}: cannot read the configuration (no such file)`,
  });
  expect((await validate({ type: 'text', text: '{}', label: '--config' }, {}, compileRegex)).exitCode).toBe(0);
  expect((await validate({ type: 'text', text: 'x: 1', label: '--config' }, {}, compileRegex)).text).toMatch(
    /^--config:1:1: x: /,
  );
  expect((await validate(undefined, {}, compileRegex)).text).toBe('No local configuration\nConfiguration is valid!');
});

test('the example in the help is a configuration', async () => {
  const example = HELP.slice(HELP.indexOf('  gateways:'), HELP.indexOf('Values may'));
  expect((await validate({ type: 'text', text: example, label: 'help' }, {}, compileRegex)).text).toBe(
    'Configuration is valid!',
  );
});

test('the version, bare and in full', async () => {
  const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  expect(VERSION).toBe(JSON.parse(file).version);
  expect(buildInfo()).toMatchObject({
    version: VERSION,
    git_revision: 'unknown',
    runtime: 'node',
    runtime_version: process.version,
  });
});
