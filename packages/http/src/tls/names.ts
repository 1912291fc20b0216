/** TLS versions that can be served or asked for. */
export type TlsVersion = 'TLS_V1_2' | 'TLS_V1_3';

/** What is wrong with a TLS configuration. The message names the field's problem, never a secret. */
export class TlsConfigError extends Error {
  override readonly name = 'TlsConfigError';
}

const ecdhe = ['AES_256_GCM_SHA384', 'AES_128_GCM_SHA256', 'CHACHA20_POLY1305_SHA256'] as const;

/** Cipher suites by every name that the configuration accepts, to OpenSSL's name. */
const suites: ReadonlyMap<string, string> = new Map([
  ...ecdhe.flatMap((suite): [string, string][] => [
    [`TLS_${suite}`, `TLS_${suite}`],
    [`TLS13_${suite}`, `TLS_${suite}`],
  ]),
  ...(['ECDSA', 'RSA'] as const).flatMap((kind) =>
    ecdhe.flatMap((suite): [string, string][] => {
      const openssl = `ECDHE-${kind}-${suite
        .replace('_POLY1305_SHA256', '-POLY1305')
        .replaceAll('_', '-')
        .replace('AES-', 'AES')}`;
      return [
        [`TLS_ECDHE_${kind}_WITH_${suite}`, openssl],
        [openssl, openssl],
      ];
    }),
  ),
]);

/** The suites used where none are configured: all but the ChaCha family. */
const defaultCipherSuites: readonly string[] = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES128-GCM-SHA256',
];

const groups: ReadonlyMap<string, string> = new Map([
  ['X25519', 'X25519'],
  ['P-256', 'P-256'],
  ['P-384', 'P-384'],
  ['X25519_MLKEM768', 'X25519MLKEM768'],
]);

/** The key exchange groups used where none are configured. */
const defaultGroups: readonly string[] = ['X25519', 'P-256', 'P-384', 'X25519_MLKEM768'];

/**
 * OpenSSL's cipher string for configured suites, in their order.
 * @throws {@link TlsConfigError} for a name that is not known.
 */
export function cipherString(names: readonly string[] = defaultCipherSuites): string {
  return names.map((name) => known(suites, name, 'cipher suite')).join(':');
}

/**
 * OpenSSL's group list for configured key exchange groups, in their order.
 * @throws {@link TlsConfigError} for a name that is not known.
 */
export function groupString(names: readonly string[] = defaultGroups): string {
  return names.map((name) => known(groups, name, 'key exchange group')).join(':');
}

/**
 * Node's names for a range of versions; 1.2 to 1.3 where nothing is configured.
 * @throws {@link TlsConfigError} `unsupported TLS version` and `invalid TLS version range`.
 */
export function versionRange(
  min: string = 'TLS_V1_2',
  max: string = 'TLS_V1_3',
): { minVersion: 'TLSv1.2' | 'TLSv1.3'; maxVersion: 'TLSv1.2' | 'TLSv1.3' } {
  const range = { minVersion: version(min), maxVersion: version(max) };
  if (range.minVersion > range.maxVersion) throw new TlsConfigError(`invalid TLS version range: ${min} to ${max}`);
  return range;
}

function version(name: string): 'TLSv1.2' | 'TLSv1.3' {
  if (name === 'TLS_V1_2') return 'TLSv1.2';
  if (name === 'TLS_V1_3') return 'TLSv1.3';
  throw new TlsConfigError(`unsupported TLS version: ${name}`);
}

function known(table: ReadonlyMap<string, string>, name: string, what: string): string {
  const found = table.get(name);
  if (found === undefined) {
    throw new TlsConfigError(`unknown ${what}: ${name} (known are ${[...table.keys()].join(', ')})`);
  }
  return found;
}
