import { z } from 'zod';
import { closed, maybe, word } from './closed.ts';
import { name } from './fields.ts';
import { notYet } from './not-yet.ts';

const TLS12 = ['ECDSA', 'RSA'].flatMap((kind) =>
  ['AES_256_GCM_SHA384', 'AES_128_GCM_SHA256', 'CHACHA20_POLY1305_SHA256'].map((cipher) => ({
    name: `TLS_ECDHE_${kind}_WITH_${cipher}`,
    openssl: `ECDHE-${kind}-${cipher
      .replace('AES_', 'AES')
      .replace('_SHA256', cipher.startsWith('CHACHA') ? '' : '_SHA256')
      .replaceAll('_', '-')}`,
  })),
);
const TLS13 = ['TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'];

/** Every accepted spelling of a cipher suite, to its IANA name. */
const suites = new Map<string, string>([
  ...TLS13.flatMap((suite): [string, string][] => [
    [suite, suite],
    [suite.replace('TLS_', 'TLS13_'), suite],
  ]),
  ...TLS12.flatMap((suite): [string, string][] => [
    [suite.name, suite.name],
    [suite.openssl, suite.name],
  ]),
]);

const cipherSuite = z.enum([...suites.keys()] as [string, ...string[]]).transform((text) => suites.get(text)!);

/** Groups that a key exchange may use. */
export function keyExchangeGroups() {
  return z.array(z.enum(['X25519', 'P-256', 'P-384', 'X25519_MLKEM768']));
}

const version = maybe(
  z
    .enum(['TLS_V1_0', 'TLS_V1_1', 'TLS_V1_2', 'TLS_V1_3'])
    .refine((text) => text === 'TLS_V1_2' || text === 'TLS_V1_3', 'unsupported TLS version; write TLS_V1_2 or TLS_V1_3')
    .transform((text) => text as 'TLS_V1_2' | 'TLS_V1_3'),
);

/** `tls` of a listener or gateway (spec 02 §2.2); the suites' output is IANA names in the file's order. */
export const serverTlsSchema = closed(
  {
    mode: word(['static'], ['dynamicCa']).default('static'),
    cert: maybe(name()),
    key: maybe(name()),
    root: maybe(name()),
    cipherSuites: maybe(z.array(cipherSuite)),
    minTLSVersion: version,
    minTlsVersion: version,
    maxTLSVersion: version,
    maxTlsVersion: version,
    keyExchangeGroups: maybe(keyExchangeGroups()),
  },
  notYet.tls,
).check((context) => {
  const { minTLSVersion, minTlsVersion, maxTLSVersion, maxTlsVersion } = context.value;
  const fail = (message: string) =>
    context.issues.push({ code: 'custom', input: context.value, message, params: { at: 'key' } });
  if (minTLSVersion != null && minTlsVersion != null) fail('duplicate field: minTLSVersion and minTlsVersion are one');
  if (maxTLSVersion != null && maxTlsVersion != null) fail('duplicate field: maxTLSVersion and maxTlsVersion are one');
  if ((minTLSVersion ?? minTlsVersion) === 'TLS_V1_3' && (maxTLSVersion ?? maxTlsVersion) === 'TLS_V1_2') {
    fail('invalid TLS version range: the minimum is above the maximum');
  }
});

export type ServerTls = z.output<typeof serverTlsSchema>;
