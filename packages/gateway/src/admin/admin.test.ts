import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { verifies } from '../../test/verifies.ts';
import type { Resource } from '../resources/model.ts';
import { secret } from '../resources/secret.ts';
import type { ServerAddress, Settings } from '../resources/settings.ts';
import { LogLevels } from '../telemetry/levels.ts';
import { Metrics } from '../telemetry/metrics/metrics.ts';
import { decodeFamilies } from '../telemetry/testing/metric-family.ts';
import { parseExposition } from '../telemetry/testing/parse-exposition.ts';
import { adminHandler } from './admin.ts';
import { readinessHandler } from './readiness.ts';
import { type ManagementHandler, type ManagementServer, startManagementServer } from './server.ts';
import { statsHandler } from './stats.ts';
import { versionInfo } from './version.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
});

const local: ServerAddress = { hosts: ['127.0.0.1'], port: 0 };

async function serve(handler: ManagementHandler, address = local, proxyProtocol = false) {
  const logged: string[] = [];
  const note = (scope: string, message: string, fields?: object): void => {
    logged.push(`${scope} ${message} ${JSON.stringify(fields)}`);
  };
  const log = { error: note, warn: note, info: note, debug: note };
  const server = await startManagementServer({ component: 'test', address, handler, log, proxyProtocol });
  open.push(server);
  return { server, logged };
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: NodeJS.Dict<string | string[]>;
}

async function ask(
  target: ManagementServer | string,
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const where = typeof target === 'string' ? { socketPath: target } : { host: '127.0.0.1', port: target.port };
  const request = httpRequest({ ...where, path, agent: false, ...options });
  request.end();
  const [response] = await once(request, 'response');
  return { status: response.statusCode, body: await text(response), headers: response.headers };
}

const settings: Settings = {
  enableIpv6: true,
  adminAddr: { hosts: ['127.0.0.1', '::1'], port: 15000 },
  statsAddr: { path: '/run/stats.sock' },
  readinessAddr: { off: true },
  workerThreads: 2,
  dnsLookupFamily: 'Auto',
  terminationDeadline: 5000,
  minTerminationDeadline: 0,
  backend: {
    connectTimeout: 10_000,
    poolIdleTimeout: 90_000,
    keepalives: { enabled: true, time: 180_000, interval: 180_000, retries: 9 },
  },
  logging: { format: 'text', level: '' },
  metrics: { histograms: 'classic', remove: [], fields: [] },
  sensitiveHeaders: [],
  otlp: {
    resource: {},
    spans: { maxQueueSize: 2048, maxExportBatchSize: 512, scheduleDelay: 5000, exportTimeout: 30_000 },
    logs: { maxQueueSize: 2048, maxExportBatchSize: 512, scheduleDelay: 1000, exportTimeout: 30_000 },
  },
  environment: {},
  sessionKey: secret('s3cret-session'),
};

const pem = '-----BEGIN PRIVATE KEY-----\ns3cret-pem\n-----END PRIVATE KEY-----\n';

/** In no order, with a secret in every place that can hold one. */
const resources: Resource[] = [
  {
    kind: 'policy',
    key: 'default/p',
    target: { gateway: { name: 'default', namespace: 'default' } },
    policy: {
      family: 'traffic',
      phase: 'route',
      policy: {
        kind: 'apiKey',
        spec: {
          mode: 'strict',
          location: { header: { name: 'authorization', prefix: 'Bearer ' } },
          defaultLocation: false,
          keys: [{ sha256: 's3cret-hash', metadata: { user: 'u' } }],
        },
      },
    },
  },
  {
    kind: 'policy',
    key: 'frontend/http',
    target: { gateway: { name: 'default', namespace: 'default' } },
    policy: { family: 'frontend', policy: { kind: 'http', spec: { http1IdleTimeout: 1 } } },
  },
  {
    kind: 'backend',
    key: '/b',
    name: { namespace: '', name: 'b' },
    target: { type: 'host', address: { host: 'example.com', port: 443 } },
    policies: [
      { kind: 'backendAuth', spec: { key: { value: secret('s3cret-key') } } },
      { kind: 'backendTLS', spec: { cert: pem, key: secret(pem) } },
      {
        kind: 'requestHeaderModifier',
        spec: {
          add: [
            ['Authorization', 's3cret-header'],
            ['x-a', 'visible'],
          ],
          set: [],
          remove: ['authorization', 'cookie'],
        },
      },
    ],
  },
  {
    kind: 'route',
    key: 'gateway/g/default/r',
    listener: 'gateway/g',
    name: { namespace: 'default', name: 'r' },
    order: 0,
    hostnames: ['a.example'],
    matches: [
      {
        path: { pathPrefix: '/' },
        headers: [{ name: 'authorization', value: { exact: 's3cret-match' } }],
        query: [{ name: 'q', value: { invalid: true } }],
      },
      { path: { invalid: true }, headers: [], query: [] },
    ],
    backends: [
      { weight: 1, target: { backend: '/b' }, policies: [] },
      { weight: 2, target: { invalid: true }, policies: [] },
    ],
    policies: [{ kind: 'timeout', spec: { requestTimeout: 1000 } }],
  },
  {
    kind: 'listener',
    key: 'gateway/g',
    bind: 'bind/443',
    name: { gatewayName: 'default', gatewayNamespace: 'default', listenerName: 'g' },
    hostname: '*',
    protocol: 'HTTPS',
    tls: { cert: 'cert', key: secret('s3cret-tls') },
  },
  {
    kind: 'bind',
    key: 'bind/443',
    host: '::',
    port: 443,
    protocol: 'tls',
    tunnelProtocol: 'direct',
    mode: 'standard',
  },
];

async function admin(overrides: { settings?: Settings; address?: ServerAddress } = {}) {
  const levels = new LogLevels('info');
  const { promise: stopped, resolve: shutdown } = Promise.withResolvers<void>();
  const handler = adminHandler({
    settings: overrides.settings ?? settings,
    version: versionInfo('1.2.3', 'abc'),
    levels,
    resources: () => resources,
    shutdown,
  });
  const { server } = await serve(handler, overrides.address);
  return { server, levels, stopped };
}

test('the dump has the shape that tools read, in the order of keys, and no secret', async () => {
  verifies('TEL-19');
  const { server } = await admin();
  const { status, body, headers } = await ask(server, '/config_dump');
  expect(status).toBe(200);
  expect(headers['content-type']).toBe('application/json');
  expect(body).not.toContain('s3cret');
  expect(body).toContain('"visible"');
  const dump = JSON.parse(body);
  expect(Object.keys(dump)).toEqual(
    'workloads services binds routes policies backends models version config'.split(' '),
  );
  expect(dump.routes).toEqual({ httpMesh: {}, tcpMesh: {}, routeGroups: {} });
  expect(dump.binds).toEqual([
    {
      key: 'bind/443',
      address: '[::]:443',
      protocol: 'tls',
      tunnelProtocol: 'direct',
      mode: 'standard',
      listeners: {
        'gateway/g': {
          key: 'gateway/g',
          gatewayName: 'default',
          gatewayNamespace: 'default',
          listenerName: 'g',
          hostname: '*',
          protocol: { HTTPS: { certificateSource: 'Static' } },
          routes: {
            'gateway/g/default/r': {
              key: 'gateway/g/default/r',
              namespace: 'default',
              name: 'r',
              hostnames: ['a.example'],
              matches: [
                {
                  headers: [{ name: 'authorization', value: '<redacted>' }],
                  path: { pathPrefix: '/' },
                  query: [{ name: 'q', value: 'invalid' }],
                },
                { headers: [], path: 'invalid', query: [] },
              ],
              backends: [
                { weight: 1, backend: '/b', inlinePolicies: [] },
                { weight: 2, invalid: null, inlinePolicies: [] },
              ],
              inlinePolicies: [{ timeout: { requestTimeout: 1000 } }],
            },
          },
        },
      },
    },
  ]);
  expect(dump.backends[0].host).toEqual({
    namespace: '',
    name: 'b',
    target: { address: { host: 'example.com', port: 443 } },
  });
  expect(dump.backends[0].inlinePolicies).toEqual([
    { backendAuth: { key: { value: '<redacted>' } } },
    { backendTLS: { cert: '<redacted>', key: '<redacted>' } },
    {
      requestHeaderModifier: {
        add: [
          ['Authorization', '<redacted>'],
          ['x-a', 'visible'],
        ],
        set: [],
        remove: ['authorization', 'cookie'],
      },
    },
  ]);
  expect(dump.policies.map((policy: { key: string }) => policy.key)).toEqual(['default/p', 'frontend/http']);
  expect(dump.policies[0].policy.traffic).toMatchObject({ phase: 'route', apiKey: { mode: 'strict' } });
  expect(dump.policies[0].policy.traffic.apiKey.location).toEqual({
    header: { name: 'authorization', prefix: 'Bearer ' },
  });
  expect(dump.policies[1].policy).toEqual({ frontend: { http: { http1IdleTimeout: 1 } } });
  expect(dump.version).toMatchObject({ version: '1.2.3', git_revision: 'abc', gitRevision: 'abc', rust_version: '' });
  expect(dump.config).toMatchObject({
    adminAddr: 'localhost:15000',
    statsAddr: 'unix:/run/stats.sock',
    readinessAddr: 'off',
    metrics: { histograms: 'classic', remove: [], fields: [] },
    sensitiveHeaders: [],
    environment: {},
    sessionKey: '<redacted>',
  });
});

test('levels are shown, changed, refused and reset', async () => {
  verifies('TEL-17', 'TEL-18');
  const { server, levels } = await admin();
  const post = (path: string) => ask(server, path, { method: 'POST' });
  expect(await post('/logging')).toMatchObject({ status: 200, body: 'current log level is info\n' });
  const bad = await post('/logging?level=bogus');
  expect(bad.status).toBe(400);
  expect(bad.body).toMatch(/^Invalid level provided: bogus\n.+/);
  expect((await post('/logging?level=a=bogus')).body).toMatch(/^Invalid level provided: a=bogus\n/);
  expect((await post('/logging?level=request=off')).body).toBe('current log level is info,request=off\n');
  expect(levels.enabled('request', 'info')).toBe(false);
  expect((await post('/logging?level=warn')).body).toBe('current log level is warn,request=off\n');
  expect((await post('/logging?reset&level=cel=trace')).body).toBe('current log level is info,cel=trace\n');
  expect((await post('/logging?reset')).body).toBe('current log level is info\n');
  expect(await ask(server, '/logging')).toMatchObject({ status: 405 });
  expect(await ask(server, '/nope')).toMatchObject({ status: 404, body: '' });
});

test('quitquitquit answers at once and then asks for the end', async () => {
  const { server, stopped } = await admin();
  expect(await ask(server, '/quitquitquit')).toMatchObject({ status: 405 });
  // 202 instead of 200: nobody waits for the drain to learn that it began.
  expect(await ask(server, '/quitquitquit', { method: 'POST' })).toMatchObject({ status: 202, body: 'shutdown now\n' });
  await stopped;
});

test('memory is JSON', async () => {
  const { server } = await admin();
  expect(JSON.parse((await ask(server, '/memory')).body).process.rss).toBeGreaterThan(0);
});

test('web pages cannot reach the admin API through a browser', async () => {
  const { server } = await admin();
  const withHost = async (host: string) => (await ask(server, '/config_dump', { headers: { host } })).status;
  expect(await withHost('evil.example:15000')).toBe(403);
  expect(await withHost('localhost.evil.example')).toBe(403);
  expect(await withHost('LOCALHOST:15000')).toBe(200);
  expect(await withHost('127.0.0.1:15000')).toBe(200);
  expect(await withHost('[::1]:15000')).toBe(200);

  const post = async (origin: string) =>
    (await ask(server, '/logging', { method: 'POST', headers: { host: 'localhost:1', origin } })).status;
  expect(await post('http://evil.example')).toBe(403);
  expect(await post('null')).toBe(403);
  expect(await post('http://localhost:2')).toBe(403);
  expect(await post('http://localhost:1')).toBe(200);
});

test('readiness says what is pending', async () => {
  verifies('TEL-21');
  let pending = ['state manager', 'agentgateway'];
  const { server } = await serve(
    readinessHandler(() => pending),
    local,
    true,
  );
  expect(await ask(server, '/healthz/ready')).toMatchObject({
    status: 500,
    body: 'not ready, pending: agentgateway, state manager\n',
  });
  pending = [];
  expect(await ask(server, '/healthz/ready?x')).toMatchObject({ status: 200, body: 'ready\n' });
  expect(await ask(server, '/healthz/live')).toMatchObject({ status: 200 });
  expect(await ask(server, '/healthz/ready', { method: 'POST' })).toMatchObject({ status: 405 });
  expect(await ask(server, '/x')).toMatchObject({ status: 404 });
});

async function raw(port: number, ...chunks: (string | Buffer)[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  for (const chunk of chunks) await new Promise<void>((resolve) => socket.write(chunk, () => resolve()));
  return text(socket);
}

const probe = 'GET /healthz/ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';

test('a PROXY header may come before a probe, in one piece or many', async () => {
  verifies('TEL-21');
  const { server } = await serve(
    readinessHandler(() => []),
    local,
    true,
  );
  const v1 = 'PROXY TCP4 192.0.2.1 192.0.2.2 5000 80\r\n';
  const v2 = Buffer.concat([
    Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'),
    Buffer.from([0x21, 0x11, 0, 12]),
    Buffer.alloc(12),
  ]);
  expect(await raw(server.port, v1 + probe)).toMatch(/^HTTP\/1\.1 200 /);
  expect(await raw(server.port, ...(v1 + probe))).toMatch(/^HTTP\/1\.1 200 /);
  expect(await raw(server.port, v2, probe)).toMatch(/^HTTP\/1\.1 200 /);
  expect(await raw(server.port, ...Array.from(v2, (byte) => Buffer.from([byte])), probe)).toMatch(/^HTTP\/1\.1 200 /);
  expect(await raw(server.port, probe)).toMatch(/^HTTP\/1\.1 200 /);
  expect(await raw(server.port, `PROXY ${'x'.repeat(200)}`)).toBe('');
});

test('heads are bounded', async () => {
  const { server } = await serve(readinessHandler(() => []));
  expect(await raw(server.port, `GET / HTTP/1.1\r\nx: ${'y'.repeat(9_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
});

test('metrics of all threads, in the format that is asked for', async () => {
  verifies('TEL-24', 'TEL-25');
  const threads = [new Metrics('0'), new Metrics('1')];
  for (const thread of threads) thread.upstreamConnect('tls', 1);
  const { server } = await serve(statsHandler(async () => threads.map((thread) => thread.snapshot())));
  const plain = await ask(server, '/metrics');
  expect(plain.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(plain.body).toContain('agentgateway_upstream_connect_duration_seconds_count{transport="tls"} 2\n');
  expect(plain.body.endsWith('\n# EOF\n')).toBe(true);
  parseExposition(plain.body, 'classic');
  const accept = 'application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1';
  const open = await ask(server, '/stats/prometheus', { method: 'POST', headers: { accept } });
  expect(open.headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
  parseExposition(open.body, 'openmetrics');
  const binary = await fetch(`http://127.0.0.1:${server.port}/metrics`, {
    headers: { accept: 'application/vnd.google.protobuf;q=0.6,text/plain;q=0.2' },
  });
  expect(binary.headers.get('content-type')).toMatch(/^application\/vnd\.google\.protobuf;/);
  expect(decodeFamilies(new Uint8Array(await binary.arrayBuffer())).map(({ name }) => name)).toContain(
    'agentgateway_upstream_connect_duration_seconds',
  );
  expect(await ask(server, '/')).toMatchObject({ status: 404, body: '' });
});

test('a failure behind a handler is a 500 with its message', async () => {
  const { server, logged } = await serve(
    statsHandler(async () => {
      throw new Error('worker 2 does not answer');
    }),
  );
  expect(await ask(server, '/metrics')).toMatchObject({ status: 500, body: 'worker 2 does not answer\n' });
  expect(logged.at(-1)).toContain('worker 2 does not answer');
});

test('addresses: off, a path, a dead socket, a live one, something else', async () => {
  verifies('TEL-20');
  const directory = mkdtempSync(join(tmpdir(), 'admin-'));
  try {
    const off = await serve(
      readinessHandler(() => []),
      { off: true },
    );
    expect(off.server.addresses).toEqual([]);
    expect(off.logged).toEqual(['admin listener disabled {"component":"test"}']);

    const path = join(directory, 's');
    const first = await admin({ address: { path }, settings: { ...settings, adminAddr: { path } } });
    expect(first.server.addresses).toEqual([`unix:${path}`]);
    expect((await ask(path, '/memory', { headers: { host: 'any' } })).status).toBe(200);
    await expect(
      serve(
        readinessHandler(() => []),
        { path },
      ),
    ).rejects.toThrow('address already in use');
    await first.server.close();
    expect(existsSync(path)).toBe(false);

    const file = join(directory, 'f');
    writeFileSync(file, 'mine');
    await expect(
      serve(
        readinessHandler(() => []),
        { path: file },
      ),
    ).rejects.toThrow(`refusing to remove non-socket file at ${file}`);
    expect(existsSync(file)).toBe(true);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('several hosts share a port; a taken port is an error and leaves nothing open', async () => {
  const { server, logged } = await serve(
    readinessHandler(() => []),
    { hosts: ['127.0.0.1', '::1'], port: 0 },
  );
  expect(server.addresses[0]).toBe(`127.0.0.1:${server.port}`);
  expect(logged[0]).toContain('admin listener established');

  const other = createServer().listen(0, '127.0.0.2');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  await expect(
    serve(
      readinessHandler(() => []),
      { hosts: ['127.0.0.1', '127.0.0.2'], port },
    ),
  ).rejects.toThrow('EADDRINUSE');
  const again = createServer().listen(port, '127.0.0.1');
  await once(again, 'listening');
  again.close();
  other.close();
});

test('closing lets an answer on its way end and drops what is idle', async () => {
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const { promise: asked, resolve: arrived } = Promise.withResolvers<void>();
  const { server } = await serve(async (_, response) => {
    arrived();
    await held;
    response.end('late');
  });
  const idle = connect(server.port, '127.0.0.1');
  await once(idle, 'connect');
  const ended = once(idle, 'close');
  idle.resume();
  const answer = ask(server, '/');
  await asked;
  const closed = server.close();
  await ended;
  release();
  expect((await answer).body).toBe('late');
  await closed;
});
