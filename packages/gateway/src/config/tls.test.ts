import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { verifies } from '../../test/verifies.ts';
import { loaded, refused } from './testing.ts';

let files: Record<string, string> = {};

beforeAll(() => {
  const directory = mkdtempSync(join(tmpdir(), 'config-tls-'));
  const make = (name: string) => {
    const [key, cert] = [join(directory, `${name}.key`), join(directory, `${name}.crt`)];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    openssl('req', '-x509', ...curve, '-keyout', key, '-out', cert, '-subj', `/CN=${name}`);
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  };
  const [a, b] = [make('a'), make('b')];
  rmSync(directory, { recursive: true });
  const texts = {
    'a.crt': a.cert,
    'a.key': a.key,
    'b.key': b.key,
    'bundle.pem': `a comment\n${a.key}${a.cert}`,
    'two.key': a.key + b.key,
    'empty.pem': 'nothing here\n',
    'bad.crt': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    'bad.key': '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n',
    'encrypted.key': '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n',
  };
  files = Object.fromEntries(Object.entries(texts).map(([name, text]) => [`/etc/gateway/${name}`, text]));
});

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore' });
}

const gateway = (tls: string) => `gateways: {g: {port: 443, tls: {${tls}}}}`;
const tlsOf = (tls: string) => {
  const { resources } = loaded(gateway(tls), {}, files);
  expect(resources[0]).toMatchObject({ kind: 'bind', protocol: 'tls' });
  return resources[1]!.kind === 'listener' ? resources[1]!.tls! : expect.fail('no listener');
};
const errorsOf = (tls: string) => refused(gateway(tls), {}, files);

test('certificate, key, clients and habits', () => {
  const text =
    'cert: a.crt, key: a.key, root: a.crt, minTLSVersion: TLS_V1_2, maxTlsVersion: TLS_V1_3, keyExchangeGroups: [X25519], cipherSuites: [TLS13_AES_128_GCM_SHA256, ECDHE-RSA-AES256-GCM-SHA384, ECDHE-ECDSA-CHACHA20-POLY1305, TLS_AES_256_GCM_SHA384]';
  expect(tlsOf(text)).toEqual({
    cert: files['/etc/gateway/a.crt'],
    key: { $secret: files['/etc/gateway/a.key'] },
    root: files['/etc/gateway/a.crt'],
    minVersion: 'TLS_V1_2',
    maxVersion: 'TLS_V1_3',
    keyExchangeGroups: ['X25519'],
    cipherSuites: [
      'TLS_AES_128_GCM_SHA256',
      'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
      'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
      'TLS_AES_256_GCM_SHA384',
    ],
  });
});

test('CFG-20: one bundle serves as both, and its key does not travel as a certificate', () => {
  verifies('CFG-20');
  const tls = tlsOf('cert: bundle.pem, key: bundle.pem, cipherSuites: []');
  expect(tls.cert).not.toContain('PRIVATE');
  expect(tls.key.$secret).not.toContain('CERTIFICATE');
  expect(tls.cipherSuites).toBeUndefined();
});

test.each([
  ['cert: empty.pem, key: a.key', 'no certificate in the file, got "empty.pem"'],
  ['cert: a.crt, key: empty.pem', 'no key in the file, got "empty.pem"'],
  ['cert: a.crt, key: two.key', 'multiple private keys in the file, got "two.key"'],
  ['cert: bad.crt, key: a.key', 'a certificate in the file cannot be read, got "bad.crt"'],
  ['cert: a.crt, key: bad.key', 'the private key in the file cannot be read, got "bad.key"'],
  ['cert: a.crt, key: encrypted.key', 'the private key is encrypted'],
  ['cert: a.crt, key: b.key', 'the private key does not belong to the certificate'],
  ['cert: a.crt, key: a.key, root: empty.pem', 'gateways.g.tls.root: no certificate'],
  ['cert: none.crt, key: a.key', 'gateways.g.tls.cert: cannot read the file (no such file), got "none.crt"'],
  ['key: a.key', "tls requires 'cert'"],
  ['cert: a.crt', "tls requires 'key'"],
  ['cert: a.crt, key: a.key, mode: dynamicCa', 'not supported yet: gateways.g.tls.mode: dynamicCa'],
  ['spiffe: {}', 'not supported yet: gateways.g.tls.spiffe'],
  ['cert: a.crt, key: a.key, cipherSuites: [RC4]', 'gateways.g.tls.cipherSuites[0]: unknown value, got "RC4"'],
  ['cert: a.crt, key: a.key, keyExchangeGroups: [P-521]', 'gateways.g.tls.keyExchangeGroups[0]: unknown value'],
])('CFG-17: {%s} is refused: %s', (tls, message) => {
  verifies('CFG-17');
  expect(errorsOf(tls)).toEqual([expect.stringContaining(message)]);
});

test('CFG-21: TLS versions', () => {
  verifies('CFG-21');
  const pair = 'cert: a.crt, key: a.key';
  expect(errorsOf(`${pair}, minTLSVersion: TLS_V1_3, maxTLSVersion: TLS_V1_2`)).toEqual([
    expect.stringContaining('invalid TLS version range'),
  ]);
  expect(errorsOf(`${pair}, minTLSVersion: TLS_V1_0`)).toEqual([expect.stringContaining('unsupported TLS version')]);
  expect(errorsOf(`${pair}, minTLSVersion: TLS_V1_2, minTlsVersion: TLS_V1_2`)).toEqual([
    expect.stringContaining('duplicate field'),
  ]);
  expect(tlsOf(`${pair}, minTLSVersion: TLS_V1_3, maxTLSVersion: TLS_V1_3`)).toMatchObject({ minVersion: 'TLS_V1_3' });
});

test('CFG-16: plaintext and TLS do not share a gateway', () => {
  verifies('CFG-16');
  const text = 'gateways: {g: {port: 1, listeners: [{name: a}, {name: b, tls: {cert: a.crt, key: a.key}}]}}';
  expect(refused(text, {}, files)).toEqual([
    expect.stringContaining('gateway listeners on port 1 cannot mix TLS and plaintext'),
  ]);
});

test('the upstream side: files are read, flags are kept only where set', () => {
  const text = (tls: string) => `backends: [{name: a, host: "h:1", policies: {backendTLS: {${tls}}}}]`;
  const specOf = (tls: string) => {
    const [backend] = loaded(text(tls), {}, files).resources;
    return backend!.kind === 'backend' ? backend!.policies[0]!.spec : undefined;
  };
  expect(specOf('')).toEqual({});
  expect(
    specOf(
      'insecure: false, insecureHost: true, cert: a.crt, key: a.key, root: a.crt, hostname: h, alpn: [h2], subjectAltNames: [x], keyExchangeGroups: [P-256]',
    ),
  ).toEqual({
    insecureHost: true,
    cert: files['/etc/gateway/a.crt'],
    key: { $secret: files['/etc/gateway/a.key'] },
    root: files['/etc/gateway/a.crt'],
    hostname: 'h',
    alpn: ['h2'],
    subjectAltNames: ['x'],
    keyExchangeGroups: ['P-256'],
  });
});
