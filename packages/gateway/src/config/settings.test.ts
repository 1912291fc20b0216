import { expect, test } from 'vitest';
import { verifies } from '../../test/verifies.ts';
import { load, loaded, refused } from './testing.ts';

const settings = (config: string, env: Record<string, string> = {}) => loaded(`config: ${config}`, env).settings;

test('defaults', () => {
  expect(settings('{}')).toEqual({
    enableIpv6: true,
    adminAddr: { hosts: ['127.0.0.1', '::1'], port: 15000 },
    statsAddr: { hosts: ['::'], port: 15020 },
    readinessAddr: { hosts: ['::'], port: 15021 },
    workerThreads: 4,
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
    environment: {},
    otlp: expect.any(Object),
  });
});

test('without IPv6 the servers listen on IPv4', () => {
  expect(settings('{}', { IPV6_ENABLED: 'false' })).toMatchObject({
    enableIpv6: false,
    adminAddr: { hosts: ['127.0.0.1'] },
    statsAddr: { hosts: ['0.0.0.0'] },
    readinessAddr: { hosts: ['0.0.0.0'] },
  });
});

test('everything from the file', () => {
  const config = `{enableIpv6: true, dns: {lookupFamily: V4Only, edns0: true}, adminAddr: off, statsAddr: "unix:/s", readinessAddr: "10.0.0.1:1",
    workerThreads: 3, connectionTerminationDeadline: 1m, connectionMinTerminationDeadline: 1s,
    backend: {connectTimeout: 1s, poolIdleTimeout: 2s, poolMaxSize: 7, keepalives: {enabled: false}},
    logging: {format: json, level: [info, a=debug]}, histograms: both,
    metrics: {remove: [requests], fields: {add: {tenant: 'jwt.tenant'}}}, session: {key: ${'Ab'.repeat(32)}},
    sensitiveHeaders: [X-Api-Key, x-api-key], customFunctions: 'f() { 1 }'}`;
  expect(settings(config)).toEqual({
    enableIpv6: true,
    adminAddr: { off: true },
    statsAddr: { path: '/s' },
    readinessAddr: { hosts: ['10.0.0.1'], port: 1 },
    workerThreads: 3,
    dnsLookupFamily: 'V4Only',
    dnsEdns0: true,
    terminationDeadline: 60_000,
    minTerminationDeadline: 1000,
    backend: {
      connectTimeout: 1000,
      poolIdleTimeout: 2000,
      poolMaxSize: 7,
      keepalives: { enabled: false, time: 180_000, interval: 180_000, retries: 9 },
    },
    logging: { format: 'json', level: 'info,a=debug' },
    metrics: { histograms: 'both', remove: ['requests'], fields: [['tenant', { $cel: 'jwt.tenant' }]] },
    sensitiveHeaders: ['x-api-key'],
    environment: {},
    otlp: expect.any(Object),
    customFunctions: 'f() { 1 }',
    sessionKey: { $secret: 'Ab'.repeat(32) },
  });
});

test('CFG-47: the environment beats the file', () => {
  verifies('CFG-47');
  const env = {
    ADMIN_ADDR: 'off',
    STATS_ADDR: '[::1]:5',
    READINESS_ADDR: 'localhost:6',
    WORKER_THREADS: '2',
    DNS_LOOKUP_FAMILY: 'V6Only',
    DNS_EDNS0: 'false',
    CONNECTION_TERMINATION_DEADLINE: '7s',
    CONNECTION_MIN_TERMINATION_DEADLINE: '8s',
    SESSION_KEY: ` ${'0'.repeat(64)}\n`,
    RUST_LOG: 'debug',
    LOG_FORMAT: 'json',
  };
  const config =
    '{adminAddr: "localhost:1", workerThreads: 9, dns: {edns0: true}, logging: {level: warn, format: text}}';
  expect(settings(config, env)).toMatchObject({
    adminAddr: { off: true },
    statsAddr: { hosts: ['::1'], port: 5 },
    readinessAddr: { hosts: ['127.0.0.1', '::1'], port: 6 },
    workerThreads: 2,
    dnsLookupFamily: 'V6Only',
    dnsEdns0: false,
    terminationDeadline: 7000,
    minTerminationDeadline: 8000,
    sessionKey: { $secret: '0'.repeat(64) },
    logging: { format: 'json', level: 'debug' },
  });
});

test('TEL-14: LOG_FORMAT decides, and only json means JSON', () => {
  verifies('TEL-14');
  expect(settings('{logging: {format: text}}', { LOG_FORMAT: 'json' }).logging.format).toBe('json');
  expect(settings('{logging: {format: json}}', { LOG_FORMAT: 'foo' }).logging.format).toBe('text');
  expect(settings('{logging: {format: json}}', {}).logging.format).toBe('json');
});

test('CFG-48: worker threads', () => {
  verifies('CFG-48');
  expect(settings('{workerThreads: "50%"}').workerThreads).toBe(2);
  expect(settings('{workerThreads: "1%"}').workerThreads).toBe(1);
  expect(settings('{workerThreads: "51%"}').workerThreads).toBe(3);
  expect(settings('{workerThreads: auto}').workerThreads).toBe(4);
  expect(settings('{workerThreads: "3"}').workerThreads).toBe(3);
  expect(settings('{}', { CPU_LIMIT: '8' }).workerThreads).toBe(8);
  expect(settings('{workerThreads: "50%"}', { CPU_LIMIT: '8' }).workerThreads).toBe(4);
  expect(settings('{workerThreads: $W}', { W: '50%' }).workerThreads).toBe(2);
  for (const wrong of ['"0%"', '"101%"', '0', '-1', '1.5', '""', 'x']) {
    expect(load(`config: {workerThreads: ${wrong}}`).ok, wrong).toBe(false);
  }
});

test.each([
  ['30', 25_000],
  ['20', 15_000],
  ['11', 6000],
  ['10', 9000],
  ['8', 7000],
  ['1', 1000],
  ['0', 1000],
])('a platform that grants %s seconds leaves %d ms to drain', (grace, ms) => {
  verifies('TEL-23');
  expect(settings('{}', { TERMINATION_GRACE_PERIOD_SECONDS: grace }).terminationDeadline).toBe(ms);
  expect(
    settings('{connectionTerminationDeadline: 2s}', { TERMINATION_GRACE_PERIOD_SECONDS: grace }).terminationDeadline,
  ).toBe(2000);
});

test('TEL-20: an address that is none is told by the name of who said it', () => {
  verifies('TEL-20');
  expect(refused('config: {adminAddr: "foo:1"}').join()).toContain('config.adminAddr');
  expect(refused('{}', { ADMIN_ADDR: 'foo:1' }).join()).toContain('ADMIN_ADDR');
});

test('bad variables, all of them, by name and value', () => {
  const env = {
    ADMIN_ADDR: '15000',
    WORKER_THREADS: '0%',
    IPV6_ENABLED: '1',
    SESSION_KEY: 'hush',
    DNS_LOOKUP_FAMILY: 'x',
  };
  const errors = refused('{}', env);
  expect(errors).toContain('environment: invalid env var WORKER_THREADS=0% (expected more than 0% and at most 100%)');
  expect(errors).toContain('environment: invalid env var IPV6_ENABLED=1 (expected true or false)');
  expect(errors).toContain('environment: invalid env var SESSION_KEY=<redacted> (expected 64 hexadecimal digits)');
  expect(errors).toHaveLength(5);
});

test('what would need a control plane is refused by name', () => {
  expect(refused('{}', { XDS_ADDRESS: 'http://x' })).toEqual([
    'environment: not supported yet: environment variable XDS_ADDRESS',
  ]);
});
