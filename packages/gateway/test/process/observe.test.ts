import { readFileSync } from 'node:fs';
import http from 'node:http';
import { expect, test } from 'vitest';
import { decodeFamilies } from '../../src/telemetry/testing/metric-family.ts';
import { ask } from '../support/ask.ts';
import { EchoServer } from '../support/echo.ts';
import { verifies } from '../verifies.ts';
import { certificate } from './support/certificate.ts';
import { GatewayProcess, launch, Site, start } from './support/process.ts';

const HELLO = `
gateways: { default: { port: PORT } }
routes: [ { policies: { directResponse: { status: 200, body: hello } } } ]
`;

test('no secret appears in a line, a dump, a metric or an error', async () => {
  const site = await Site.create();
  const mark = (name: string) => `planted-${name}-secret`;
  const tls = certificate(site.directory, 'tls.test');
  site.write('cert.pem', tls.cert);
  site.write('key.pem', tls.key);
  site.write('provider.key', mark('file'));
  const sessionKey = '5e55104e'.repeat(8);
  // The body of a private key, cut where PEM cuts its lines.
  const keyLines = tls.key.split('\n').filter((line) => line !== '' && !line.startsWith('-----'));
  const secrets = [mark('client'), mark('backend'), mark('env'), mark('file'), mark('ai'), sessionKey, ...keyLines];
  await using echo = await EchoServer.start('echo', (_, response) => response.end('ok'));
  const config = (more = '') => `
config: { workerThreads: 2, session: { key: "${sessionKey}" }, logging: { level: trace } }
gateways:
  default: { port: PORT }
  tls: { port: PORT2, protocol: HTTPS, tls: { cert: cert.pem, key: key.pem } }
routes:
- name: one
  matches: [ { path: { pathPrefix: /one } } ]
  policies: { apiKey: { keys: [ { key: ${mark('client')}, metadata: { user: u } } ] } }
  backends: [ { host: "${echo.host}", policies: { backendAuth: { key: ${mark('backend')} } } } ]
- name: two
  matches: [ { path: { pathPrefix: /two } } ]
  backends: [ { host: "${echo.host}", policies: { backendAuth: { key: $PLANTED } } } ]
- name: three
  matches: [ { path: { pathPrefix: /three } } ]
  backends: [ { host: "${echo.host}", policies: { backendAuth: { key: { file: provider.key } } } } ]
- name: four
  matches: [ { path: { pathPrefix: /four } } ]
  backends:
  - ai: { name: openai, provider: { openAI: {} }, hostOverride: "${echo.host}", policies: { backendAuth: { key: ${mark('ai')} } } }
${more}`;
  site.write('gateway.yaml', config());
  await using gw = new GatewayProcess(site, { env: { LOG_FORMAT: 'json', PLANTED: mark('env') } });
  await gw.ready();

  const call = (path: string, key: string) =>
    fetch(gw.url(path), { headers: { authorization: `Bearer ${key}`, connection: 'close' } });
  expect((await call('/one', mark('client'))).status).toBe(200);
  expect((await call('/two', 'none')).status).toBe(200);
  expect((await call('/three', 'none')).status).toBe(200);
  const refusal = await call('/one', 'wrong');
  expect(refusal.status).toBe(401);
  const seen = echo.requests.map((request) => request.headers.authorization);
  expect(seen).toEqual([mark('backend'), mark('env'), mark('file')].map((key) => `Bearer ${key}`));

  const [status, dump] = await gw.get('/config_dump', site.admin);
  expect(status).toBe(200);
  expect(JSON.parse(dump).binds).toHaveLength(2);
  const [, metrics] = await gw.get('/metrics', site.stats);
  const errors: string[] = [];
  // Mistakes in the very fields that hold secrets.
  for (const [from, to] of [
    [`key: ${mark('client')}`, `key: [ ${mark('client')} ]`],
    [`{ key: ${mark('backend')} }`, `{ key: ${mark('backend')}, kye: 1 }`],
    [`key: "${sessionKey}"`, `key: "${sessionKey}0"`],
    ['key: $PLANTED', 'key: { valeu: $PLANTED }'],
    [`key: ${mark('ai')}`, `key: "${mark('ai')}`],
  ] as const) {
    const wrong = config().replace(from, to);
    expect(wrong).not.toBe(config());
    errors.push((await gw.reload(() => site.write('gateway.yaml', wrong))) ?? '');
  }
  for (const error of errors) expect(error).toContain('gateway.yaml:');
  // Through a certificate that does not fit its key.
  site.write('key.pem', certificate(site.directory, 'other.test').key);
  site.write('gateway.yaml', config('- name: five\n'));
  await gw.stdout.next(/loaded config|Failed to reload config/);
  expect(await gw.stop()).toEqual({ code: 0, signal: null });
  const everything = [dump, metrics, await refusal.text(), gw.stdout.text, gw.stderr.text].join('\n');
  expect(secrets.filter((secret) => everything.includes(secret))).toEqual([]);
});

test('the level of the log changes while serving, in every thread', async () => {
  verifies('TEL-4');
  await using gw = await start(HELLO, { env: { WORKER_THREADS: '2' } });
  const logging = async (query: string) => {
    const answer = await fetch(`http://127.0.0.1:${gw.site.admin}/logging${query}`, { method: 'POST' });
    return [answer.status, await answer.text()] as const;
  };
  expect(await logging('')).toEqual([200, 'current log level is info\n']);
  expect(await logging('?level=error')).toEqual([200, 'current log level is error\n']);
  for (let i = 0; i < 8; i++) await gw.get(`/quiet${i}`);
  expect((await logging('?level=loud'))[0]).toBe(400);
  expect(await logging('?reset')).toEqual([200, 'current log level is info\n']);
  for (let i = 0; i < 8; i++) await gw.get(`/heard${i}`);
  await gw.stdout.count('/heard', 8);
  expect(gw.stdout.text).not.toContain('/quiet');
  expect(gw.stdout.text).not.toContain('connection.id');

  await logging('?level=request=debug');
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const told: Record<string, unknown>[] = [];
  for (const [i, own] of [agent, agent, false as const].entries()) {
    await ask(gw.site.ports[0] as number, { path: `/told${i}`, agent: own });
    told.push(JSON.parse(await gw.stdout.next(`/told${i}`)));
  }
  agent.destroy();
  const [first, second, third] = told.map((line) => line['connection.id']);
  expect(first).toEqual(expect.any(Number));
  expect(second).toBe(first);
  expect(third).not.toBe(first);
  expect(new Set(told.map((line) => Number(line['request.id']))).size).toBe(3);
});

test('metrics are what the configuration says, over all threads', async () => {
  verifies('TEL-25', 'TEL-26', 'TEL-27', 'TEL-31');
  const config = `
config:
  workerThreads: 2
  histograms: both
  metrics: { remove: [ response_bytes_total ], fields: { add: { tenant: 'request.headers["x-tenant"]', num: '5' } } }
`;
  await using gw = await start(`${config}${HELLO}`);
  const port = gw.site.ports[0] as number;
  // Each on a connection of its own, so that both workers have some.
  for (let i = 0; i < 16; i++)
    await ask(port, { headers: i % 2 === 0 ? { host: 'h', 'x-tenant': 't1' } : { host: 'h' } });
  await gw.stdout.count('"scope":"request"', 16);
  const scrape = (accept: string) => fetch(`http://127.0.0.1:${gw.site.stats}/metrics`, { headers: { accept } });
  const text = await (await scrape('text/plain')).text();
  expect(text).not.toContain('response_bytes');
  for (const tenant of ['t1', 'unknown'])
    expect(text).toMatch(new RegExp(`^agentgateway_requests_total\\{.*tenant="${tenant}",num="unknown"\\} 8$`, 'm'));
  const binary = await scrape('application/vnd.google.protobuf;q=0.6,text/plain;q=0.2');
  expect(binary.headers.get('content-type')).toMatch(/^application\/vnd\.google\.protobuf;/);
  const families = decodeFamilies(new Uint8Array(await binary.arrayBuffer()));
  const duration = families.find(({ name }) => name === 'agentgateway_request_duration_seconds');
  for (const { histogram } of duration?.metric ?? []) {
    expect(histogram).toMatchObject({ sampleCount: 8, schema: 3, bucket: expect.any(Array) });
    const { positiveDelta = [], zeroCount = 0 } = histogram ?? {};
    let inBucket = 0;
    let inAll = zeroCount;
    for (const delta of positiveDelta) {
      inBucket += delta;
      inAll += inBucket;
    }
    expect(inAll).toBe(8);
  }
  expect(duration?.metric).toHaveLength(2);
});

test('the log is text unless the configuration or the environment says JSON', async () => {
  const json = `config: { logging: { format: json } }${HELLO}`;
  await using text = await launch(json, { env: { LOG_FORMAT: 'text' } });
  await using fromFile = await launch(json, { env: { LOG_FORMAT: undefined } });
  await using byDefault = await launch(HELLO, { env: { LOG_FORMAT: undefined } });
  for (const gw of [text, fromFile, byDefault]) {
    await gw.ready();
    await gw.get('/seen');
    await gw.stdout.count('/seen', 1);
    await gw.stop();
  }
  const line = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\t(info|error|warn)\t\S/;
  for (const gw of [text, byDefault]) for (const one of gw.stdout.all) expect(one).toMatch(line);
  for (const one of fromFile.stdout.all) expect(JSON.parse(one)).toMatchObject({ level: 'info' });
});

test('checking without a configuration says so and makes none', async () => {
  const site = await Site.create();
  await using gw = new GatewayProcess(site, {
    args: ['--validate-only'],
    env: { XDG_CONFIG_HOME: site.directory, KUBERNETES_SERVICE_HOST: undefined },
  });
  expect((await gw.exited).code).toBe(0);
  expect(gw.stdout.all).toEqual(['No local configuration', 'Configuration is valid!']);
  expect(() => readFileSync(site.path('agentgateway/config.yaml'))).toThrow('ENOENT');
});
