import { once } from 'node:events';
import { mkdirSync, symlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { verifies } from '../verifies.ts';
import { BIN, GatewayProcess, launch, run, Site, start } from './support/process.ts';
import { WorkerControl } from './support/worker-control.ts';

const HELLO = `
gateways: { default: { port: PORT } }
routes: [ { policies: { directResponse: { status: 200, body: hello } } } ]
`;

test('not ready while the workers start, ready when they serve; a signal ends it with 0', async () => {
  const site = await Site.create();
  site.write('gateway.yaml', HELLO);
  await using workers = await WorkerControl.open(site.directory, true);
  await using gw = new GatewayProcess(site, { env: { LOG_FORMAT: 'json', WORKER_THREADS: '2', ...workers.env } });
  await gw.stdout.next('"component":"readiness"');
  await workers.workers(2);
  expect(await gw.get('/healthz/ready', site.readiness)).toEqual([
    500,
    'not ready, pending: agentgateway, state manager\n',
  ]);
  expect(await gw.get('/healthz/live', site.readiness)).toEqual([200, 'live\n']);
  workers.release();
  await gw.ready();
  expect(await gw.get('/healthz/ready', site.readiness)).toEqual([200, 'ready\n']);
  expect(await gw.get()).toEqual([200, 'hello']);
  expect(await gw.metric('agentgateway_config_synchronized')).toBe(1);
  expect(await gw.stop()).toEqual({ code: 0, signal: null });
  expect(gw.stderr.text).toBe('');
});

test('a signal while it starts ends it with 0 and without a complaint', async () => {
  const site = await Site.create();
  site.write('gateway.yaml', HELLO);
  await using workers = await WorkerControl.open(site.directory, true);
  await using gw = new GatewayProcess(site, { env: { LOG_FORMAT: 'json', WORKER_THREADS: '2', ...workers.env } });
  await workers.workers(2);
  gw.signal('SIGTERM');
  await gw.stdout.next('shutting down');
  workers.release();
  expect(await gw.exited).toEqual({ code: 0, signal: null });
  expect(gw.stderr.text).toBe('');
});

test('the configuration comes from standard input, and is not watched', async () => {
  verifies('CFG-58');
  const site = await Site.create();
  await using gw = new GatewayProcess(site, { args: ['-f', '-'], stdin: site.fill(HELLO) });
  await gw.ready();
  expect(await gw.get()).toEqual([200, 'hello']);
  expect(gw.stdout.text).not.toContain('Watching');
});

test('the configuration comes from the command line', async () => {
  const site = await Site.create();
  await using gw = new GatewayProcess(site, { args: ['--config', site.fill(HELLO)] });
  await gw.ready();
  expect(await gw.get()).toEqual([200, 'hello']);
});

test('through a symlink, from another directory, a relative path means what its caller meant', async () => {
  const site = await Site.create();
  mkdirSync(site.path('bin'));
  mkdirSync(site.path('work'));
  // A link to a link, the first of them relative.
  symlinkSync(BIN, site.path('bin/real'));
  symlinkSync('real', site.path('bin/agentgateway'));
  site.write('work/my.yaml', HELLO);
  await using gw = new GatewayProcess(site, {
    command: site.path('bin/agentgateway'),
    args: ['-f', 'my.yaml'],
    cwd: site.path('work'),
  });
  await gw.ready();
  expect(await gw.get()).toEqual([200, 'hello']);
});

test('command lines that only tell something', async () => {
  verifies('CFG-58');
  using site = await Site.create();
  site.write('good.yaml', HELLO);
  site.write('bad.yaml', 'gateways:\n  default:\n    port: PORT\n    prot: 1\n');
  const [good, bad, version, build, help, typo, both, none] = await Promise.all([
    run(site, ['--validate-only', '-f', 'good.yaml']),
    run(site, ['--validate-only', '-f', 'bad.yaml']),
    run(site, ['-V']),
    run(site, ['--version']),
    run(site, ['--help']),
    run(site, ['--flie', 'good.yaml']),
    run(site, ['--config', '{}', '--file', 'good.yaml']),
    run(site, ['-f', 'nowhere.yaml']),
  ]);
  expect(good).toMatchObject({ code: 0, stdout: 'Configuration is valid!', stderr: '' });
  expect(bad).toMatchObject({ code: 1, stdout: '' });
  expect(bad.stderr).toMatch(/^bad\.yaml:4:5: /);
  expect(version).toMatchObject({ code: 0, stdout: packageJson.version, stderr: '' });
  expect(JSON.parse(build.stdout)).toMatchObject({ version: packageJson.version, runtime: 'node' });
  expect(help.code).toBe(0);
  expect(help.stdout).toContain('--validate-only');
  expect(typo).toMatchObject({ code: 2, stdout: '' });
  expect(typo.stderr).toContain('unknown option --flie; did you mean --file?');
  expect(both).toMatchObject({ code: 2, stderr: 'only one of --config or --file' });
  expect(none).toMatchObject({ code: 1, stderr: 'nowhere.yaml: cannot read the configuration (no such file)' });
});

test('a broken configuration ends the start with its place and no stack', async () => {
  await using gw = await launch('gateways:\n  default:\n    port: nope\nroutes: []\n');
  expect(await gw.exited).toEqual({ code: 1, signal: null });
  expect(gw.stderr.all[0]).toContain('gateway.yaml:3:11: ');
  expect(gw.stderr.text).not.toMatch(/\bat .*:\d+:\d+\)?$|node:internal/m);
  expect(gw.stdout.text).toBe('');
});

test('a port that is taken ends the start and is named; nothing of the first gateway is disturbed', async () => {
  verifies('CFG-50');
  await using first = await start(HELLO);
  const { site } = first;
  const none = { ADMIN_ADDR: undefined, STATS_ADDR: undefined, READINESS_ADDR: undefined };
  const attempt = async (management: Site, data: Site) => {
    const { admin, stats, readiness } = management;
    const addresses = `adminAddr: "127.0.0.1:${admin}", statsAddr: "127.0.0.1:${stats}", readinessAddr: "127.0.0.1:${readiness}"`;
    const { code, stderr } = await run(data, ['--config', `config: { ${addresses} }\n${data.fill(HELLO)}`], {
      env: none,
    });
    return [code, ...stderr.split('\n')];
  };
  using other = await Site.create();
  const taken = (field: string, port: number) =>
    `config.${field}: cannot listen on 127.0.0.1:${port}: address already in use`;
  // One after the other: both ask for ports of `other`.
  expect(await attempt(other, site)).toEqual([1, `cannot listen on [::]:${site.ports[0]}: address already in use`]);
  expect(await attempt(site, other)).toEqual([
    1,
    taken('readinessAddr', site.readiness),
    taken('statsAddr', site.stats),
    taken('adminAddr', site.admin),
  ]);
  expect(await first.get()).toEqual([200, 'hello']);
});

test('what is no address is refused, off is off, and the environment is before the file', async () => {
  verifies('CFG-47');
  const site = await Site.create();
  const wrong = await run(site, ['--config', `{config: {adminAddr: "15000"}}`], { env: { ADMIN_ADDR: undefined } });
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toMatch(/^--config:1:\d+: config\.adminAddr: /);
  await using gw = new GatewayProcess(site, {
    args: ['--config', `config: { adminAddr: "127.0.0.1:${site.admin}" }\n${site.fill(HELLO)}`],
    // The environment is before the file.
    env: { ADMIN_ADDR: 'off', STATS_ADDR: `unix:${site.path('stats.sock')}` },
  });
  await gw.ready();
  const admin = connect(site.admin, '127.0.0.1');
  await expect(once(admin, 'connect')).rejects.toThrow('ECONNREFUSED');
  const stats = connect(site.path('stats.sock'));
  stats.write('GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
  expect((await stats.toArray()).join('')).toContain('agentgateway_config_synchronized 1');
});

test('CFG-53: keys that cannot be fetched keep nothing from starting, and readiness tells of them', async () => {
  verifies('CFG-53');
  const site = await Site.create();
  site.write(
    'gateway.yaml',
    `
gateways: { default: { port: PORT } }
routes:
- name: closed
  matches: [ { path: { pathPrefix: /closed } } ]
  policies:
    jwtAuth: { mode: strict, issuer: "https://issuer.test", jwks: { url: "http://127.0.0.1:9/keys?token=secret" } }
    directResponse: { status: 200 }
- policies: { directResponse: { status: 200, body: open } }
`,
  );
  await using gw = new GatewayProcess(site, { env: { WORKER_THREADS: '1' } });
  await gw.ready();
  expect(await gw.get()).toEqual([200, 'open']);
  await gw.stdout.next('a document cannot be fetched');
  const [status, text] = await gw.get('/healthz/ready', site.readiness);
  expect([status, text.split(' (')[0]]).toEqual([200, 'ready\nmissing: http://127.0.0.1:9/keys']);
});
