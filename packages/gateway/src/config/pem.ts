import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Files } from './files.ts';
import type { Path } from './path.ts';

const block = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;

/**
 * Certificates of a PEM file, and nothing else that may stand in it: a bundle holds its private key as well, which must
 * not travel under the name of a certificate. Undefined, with a problem, if there are none.
 */
export function certificates(file: string, at: Path, files: Files): string | undefined {
  const text = files.read(file, at);
  if (text === undefined) return undefined;
  const found = blocks(text, (label) => label === 'CERTIFICATE');
  if (found.length === 0) return fail(files, at, 'no certificate in the file');
  for (const pem of found) if (!isCertificate(pem)) return fail(files, at, 'a certificate in the file cannot be read');
  return `${found.join('\n')}\n`;
}

/** The one private key (PKCS#8, PKCS#1 or SEC1) of a PEM file; undefined, with a problem, if it is not exactly one. */
export function privateKey(file: string, at: Path, files: Files): string | undefined {
  const text = files.read(file, at);
  if (text === undefined) return undefined;
  const found = blocks(text, (label) => label.endsWith('PRIVATE KEY'));
  if (found.length === 0) return fail(files, at, 'no key in the file');
  if (found.length > 1) return fail(files, at, 'multiple private keys in the file');
  const pem = found[0]!;
  if (pem.includes('ENCRYPTED')) return fail(files, at, 'the private key is encrypted; store it without a passphrase');
  try {
    createPrivateKey(pem);
    return `${pem}\n`;
  } catch {
    return fail(files, at, 'the private key in the file cannot be read');
  }
}

/** Whether a private key belongs to the first of some certificates. */
export function belongTogether(cert: string, key: string): boolean {
  return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
}

function blocks(text: string, wanted: (label: string) => boolean): string[] {
  return [...text.matchAll(block)].filter((match) => wanted(match[1]!)).map((match) => match[0]);
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}

function fail(files: Files, path: Path, message: string): undefined {
  files.problem({ path, message, showValue: true });
  return undefined;
}
