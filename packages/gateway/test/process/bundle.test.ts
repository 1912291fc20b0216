import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { EchoServer } from '../support/echo.ts';
import { GatewayProcess, run, Site } from './support/process.ts';

test('the bundle needs nothing but itself, in every thread', async () => {
  const site = await Site.create();
  execFileSync(process.execPath, [
    fileURLToPath(new URL('../../../../scripts/build.ts', import.meta.url)),
    site.path('dist'),
  ]);
  await using echo = await EchoServer.start('echo', (_, response) => response.end('echo'));
  site.write(
    'gateway.yaml',
    `
gateways: { default: { port: PORT } }
routes:
- matches: [ { path: { regex: "/[a-z]+" } } ]
  policies: { timeout: { requestTimeout: 30s }, requestHeaderModifier: { set: { x-seen: "1" } } }
  backends: [ { ai: { name: openai, provider: { openAI: {} }, hostOverride: "${echo.host}", policies: { backendAuth: { key: sk } } } } ]
- { matches: [ { path: { exact: /plain/1 } } ], backends: [ { host: "${echo.host}" } ] }
`,
  );
  const entry = site.path('dist/agentgateway.mjs');
  const options = { command: process.execPath, cwd: site.directory };
  const version = await run(site, [entry, '--version'], options);
  expect(version.stderr).toBe('');
  expect(JSON.parse(version.stdout)).toMatchObject({ build_profile: 'bundle' });

  await using gw = new GatewayProcess(site, {
    ...options,
    args: [entry, '-f', 'gateway.yaml'],
    env: { LOG_FORMAT: 'json', WORKER_THREADS: '2' },
  });
  await gw.ready();
  expect(await gw.get('/plain/1')).toEqual([200, 'echo']);
  expect((await gw.get('/chat'))[0]).toBeGreaterThan(0);
  expect(await gw.metric('agentgateway_config_synchronized')).toBe(1);
  expect(await gw.stop()).toEqual({ code: 0, signal: null });
  expect(gw.stderr.text).toBe('');
});
