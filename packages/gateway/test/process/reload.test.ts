import { once } from 'node:events';
import { mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect, createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect, test } from 'vitest';
import { EchoServer } from '../support/echo.ts';
import { verifies } from '../verifies.ts';
import { certificate } from './support/certificate.ts';
import { Load } from './support/load.ts';
import { GatewayProcess, Site, start } from './support/process.ts';

const SYNCHRONIZED = 'agentgateway_config_synchronized';

function saying(body: string, gateways = 'default: { port: PORT }'): string {
  return `
gateways: { ${gateways} }
routes: [ { policies: { directResponse: { status: 200, body: "${body}" } } } ]
`;
}

test('twenty reloads through the file under load: no request fails, on four workers', async () => {
  verifies('CFG-49', 'CFG-51');
  await using echo = await EchoServer.start('echo', (_, response) => response.end('echo'));
  const config = (round: number) => `
config: { workerThreads: 4 }
gateways: { default: { port: PORT } }
routes:
- name: r${round % 3}
  matches: [ { path: { pathPrefix: / } } ]
  policies: { responseHeaderModifier: { set: { x-round: "${round}" } } }
  backends: [ { host: "${echo.host}" } ]
`;
  // A projected volume as Kubernetes writes it: file -> ..data/file, ..data -> a directory that is swapped.
  const site = await Site.create();
  mkdirSync(site.path('v0'));
  site.write('v0/gateway.yaml', config(0));
  symlinkSync('v0', site.path('..data'));
  symlinkSync('..data/gateway.yaml', site.path('gateway.yaml'));
  await using gw = new GatewayProcess(site, { env: { LOG_FORMAT: 'json' } });
  await gw.ready();
  await using load = new Load(gw.url(), 16, (status, body) => status === 200 && body === 'echo');
  await load.more(50);
  const round = async () => (await fetch(gw.url())).headers.get('x-round');
  for (let i = 1; i <= 20; i++) {
    const change = () => {
      if (i <= 7) {
        mkdirSync(site.path(`v${i}`));
        site.write(`v${i}/gateway.yaml`, config(i));
        symlinkSync(`v${i}`, site.path('..data_tmp'));
        renameSync(site.path('..data_tmp'), site.path('..data'));
        rmSync(site.path(`v${i - 1}`), { recursive: true });
      } else if (i <= 14) site.rename('gateway.yaml', config(i));
      else site.write('gateway.yaml', config(i));
    };
    expect(await gw.reload(change)).toBeNull();
    expect(await round()).toBe(String(i));
    await load.more(20);
  }
  await load.stop();
  expect(load.bad).toEqual([]);
  expect(load.good).toBeGreaterThan(450);
  expect(await gw.metric(SYNCHRONIZED)).toBe(1);
  // Sixteen clients and one: every line of the log is whole, and there is one for each request.
  const asked = load.good + 20;
  await gw.stdout.count('"scope":"request"', asked);
  const lines = gw.stdout.all.map((line) => JSON.parse(line) as { scope: string; 'http.status'?: number });
  expect(lines.filter(({ scope }) => scope === 'request').map((line) => line['http.status'])).toEqual(
    Array(asked).fill(200),
  );
  expect(await gw.stop()).toEqual({ code: 0, signal: null });
});

test('a wrong edit, a deleted file: the old configuration goes on until there is a good one', async () => {
  verifies('CFG-49', 'CFG-51', 'TEL-32');
  await using gw = await start(saying('one'));
  const { site } = gw;
  const wrong = await gw.reload(() => site.write('gateway.yaml', 'gateways: [\n'));
  expect(wrong).toContain('gateway.yaml:');
  expect(await gw.metric(SYNCHRONIZED)).toBe(0);
  expect(await gw.get()).toEqual([200, 'one']);
  expect(await gw.get('/healthz/ready', site.readiness)).toEqual([200, 'ready\n']);

  expect(await gw.reload(() => site.write('gateway.yaml', saying('two')))).toBeNull();
  expect(await gw.metric(SYNCHRONIZED)).toBe(1);
  expect(await gw.get()).toEqual([200, 'two']);

  expect(await gw.reload(() => rmSync(site.path('gateway.yaml')))).toContain('no such file');
  expect(await gw.metric(SYNCHRONIZED)).toBe(0);
  expect(await gw.get()).toEqual([200, 'two']);

  expect(await gw.reload(() => site.write('gateway.yaml', saying('three')))).toBeNull();
  expect(await gw.metric(SYNCHRONIZED)).toBe(1);
  expect(await gw.get()).toEqual([200, 'three']);
  expect(gw.stdout.text).not.toContain('at a start only');

  const settings = `config: { workerThreads: 3 }${saying('four')}`;
  expect(await gw.reload(() => site.write('gateway.yaml', settings))).toBeNull();
  expect(await gw.get()).toEqual([200, 'four']);
  expect(gw.stdout.text).toContain('at a start only');
});

test('a file that a configuration names is watched as well', async () => {
  verifies('CFG-52');
  const site = await Site.create();

  const [first, second] = [certificate(site.directory, 'first.test'), certificate(site.directory, 'second.test')];
  site.write('cert.pem', first.cert);
  site.write('key.pem', first.key);
  site.write(
    'gateway.yaml',
    `
gateways: { default: { port: PORT, protocol: HTTPS, tls: { cert: cert.pem, key: key.pem } } }
routes: [ { policies: { directResponse: { status: 200, body: hi } } } ]
`,
  );
  await using gw = new GatewayProcess(site, { env: { LOG_FORMAT: 'json' } });
  await gw.ready();

  const open = async () => {
    const socket = connectTls({ port: site.ports[0] as number, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    return socket;
  };
  const old = await open();
  expect(old.getPeerCertificate().subject.CN).toBe('first.test');
  old.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await once(old, 'data');
  const drained = once(old, 'end');
  old.resume();
  const outcome = await gw.reload(() => {
    site.write('key.pem', second.key);
    site.write('cert.pem', second.cert);
  });
  expect(outcome).toBeNull();
  await drained;
  old.destroy();
  const fresh = await open();
  expect(fresh.getPeerCertificate().subject.CN).toBe('second.test');
  fresh.destroy();
});

test('a reload that cannot have its port changes nothing at all', async () => {
  verifies('CFG-50');
  await using gw = await start(saying('one'));
  const { site } = gw;
  const squatter = createServer().listen(site.ports[1], '::');
  await once(squatter, 'listening');
  const both = 'default: { port: PORT }, more: { port: PORT2 }';
  const refused = await gw.reload(() => site.rename('gateway.yaml', saying('two', both)));
  expect(refused).toContain(`cannot listen on [::]:${site.ports[1]}: address already in use`);
  expect(await gw.metric(SYNCHRONIZED)).toBe(0);
  expect(await gw.get()).toEqual([200, 'one']);
  squatter.close();
  await once(squatter, 'close');
  expect(await gw.reload(() => site.rename('gateway.yaml', saying('three', both)))).toBeNull();
  expect(await gw.metric(SYNCHRONIZED)).toBe(1);
  expect(await gw.get()).toEqual([200, 'three']);
});

test('a port that goes is closed, one that stays keeps its connections, one that comes is served', async () => {
  const attached = (body: string, gateways: string, names: string) => `
gateways: { ${gateways} }
routes: [ { gateways: [ ${names} ], policies: { directResponse: { status: 200, body: "${body}" } } } ]
`;
  await using gw = await start(attached('one', 'a: { port: PORT }, b: { port: PORT2 }', 'a, b'));
  const { site } = gw;
  const [kept, gone, come] = site.ports as [number, number, number];
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = async (): Promise<readonly [string, boolean]> => {
    const call = request(gw.url('/', kept), { agent });
    call.end();
    const [answer] = await once(call, 'response');
    return [(await answer.toArray()).join(''), call.reusedSocket];
  };
  expect(await ask()).toEqual(['one', false]);
  const idle = connect(gone, '127.0.0.1');
  idle.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await once(idle, 'data');
  const ended = once(idle, 'end');
  idle.resume();
  expect(
    await gw.reload(() => site.write('gateway.yaml', attached('two', 'a: { port: PORT }, c: { port: PORT3 }', 'a, c'))),
  ).toBeNull();
  expect(await ask()).toEqual(['two', true]);
  await ended;
  idle.destroy();
  expect(await gw.get('/', come)).toEqual([200, 'two']);
  const late = connect(gone, '127.0.0.1');
  await expect(once(late, 'connect')).rejects.toThrow('ECONNREFUSED');
  agent.destroy();
});
