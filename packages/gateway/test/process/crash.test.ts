import { expect, test } from 'vitest';
import { EchoServer } from '../support/echo.ts';
import { Load } from './support/load.ts';
import { GatewayProcess, Site } from './support/process.ts';
import { WorkerControl } from './support/worker-control.ts';

test('a worker that crashes is logged and replaced while the others serve, and what was counted stays', async () => {
  await using echo = await EchoServer.start('echo', (_, response) => response.end('echo'));
  const site = await Site.create();
  site.write(
    'gateway.yaml',
    `
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${echo.host}" } ] } ]
`,
  );
  await using workers = await WorkerControl.open(site.directory);
  await using gw = new GatewayProcess(site, { env: { LOG_FORMAT: 'json', WORKER_THREADS: '4', ...workers.env } });
  await gw.ready();
  // Connections of their own: a dead worker's are reset, which no client is spared; new ones must all be served.
  await using load = new Load(gw.url(), 8, (status, body) => status === 200 && body === 'echo', {
    keepAlive: false,
    resets: true,
  });
  await load.more(100);
  const counted = await requests(gw);
  expect(counted).toBeGreaterThanOrEqual(100);
  gw.stdout.skip();
  workers.crash(1);
  const died = JSON.parse(await gw.stdout.next('worker 1 died'));
  expect(died).toMatchObject({ level: 'error', worker: 1 });
  expect(died.message).toContain('crashed by the test');
  await gw.stdout.next('worker 1 was replaced');
  await load.more(100);
  expect(await requests(gw)).toBeGreaterThanOrEqual(counted + 100);
  await load.stop();
  expect(load.bad).toEqual([]);
  expect(load.resets).toBeLessThanOrEqual(8);
  expect(await gw.get('/healthz/ready', site.readiness)).toEqual([200, 'ready\n']);
  // A change reaches the new worker too.
  const change = () =>
    site.rename(
      'gateway.yaml',
      `
gateways: { default: { port: PORT } }
routes: [ { policies: { directResponse: { status: 200, body: changed } } } ]
`,
    );
  expect(await gw.reload(change)).toBeNull();
  for (let i = 0; i < 40; i++) expect(await gw.get()).toEqual([200, 'changed']);
  expect(await gw.stop()).toEqual({ code: 0, signal: null });
  for (const line of gw.stdout.all) JSON.parse(line);
});

/** All requests that the metrics know of. */
async function requests(gw: GatewayProcess): Promise<number> {
  const [, text] = await gw.get('/metrics', gw.site.stats);
  return text
    .split('\n')
    .filter((line) => /^agentgateway_requests_total\{/.test(line))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
