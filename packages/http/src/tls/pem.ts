import { createPrivateKey, X509Certificate } from 'node:crypto';
import { TlsConfigError } from './names.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const PRIVATE_KEY = /-----BEGIN (?:RSA |EC |ENCRYPTED )?PRIVATE KEY-----/g;

/**
 * Checks a chain of certificates and their key before they are used (PEM; the key as PKCS #8, PKCS #1 or SEC 1).
 *
 * @throws {@link TlsConfigError}: `no certificate`, `no key`, `multiple private keys`, a part that cannot be read, or a key
 * that does not belong to the first certificate.
 */
export function checkKeyPair(cert: string | Buffer, key: string | Buffer): void {
  const [leaf] = readCertificates(cert);
  const keys = String(key).match(PRIVATE_KEY)?.length ?? 0;
  if (keys === 0) throw new TlsConfigError('no key');
  if (keys > 1) throw new TlsConfigError('multiple private keys');
  let privateKey: ReturnType<typeof createPrivateKey>;
  try {
    privateKey = createPrivateKey(key);
  } catch {
    throw new TlsConfigError('the private key cannot be read');
  }
  if (!(leaf as X509Certificate).checkPrivateKey(privateKey)) {
    throw new TlsConfigError('the private key does not belong to the certificate');
  }
}

/**
 * The certificates of a PEM bundle.
 * @throws {@link TlsConfigError}: `no certificate`, or which one cannot be read.
 */
export function readCertificates(pem: string | Buffer): X509Certificate[] {
  const blocks = String(pem).match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw new TlsConfigError('no certificate');
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw new TlsConfigError(`certificate ${index + 1} of ${blocks.length} cannot be read`);
    }
  });
}
