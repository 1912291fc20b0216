import type { Files } from '../../config/files.ts';
import type { Path } from '../../config/path.ts';
import { type Secret, secret } from '../../resources/secret.ts';
import { readSigningKey, type SigningAlgorithm } from './oauth/signing-key.ts';

/** Content of a secret that stands in the file or in one of its own; undefined, with a problem, if there is none. */
export function readSecret(
  value: string | { readonly file: string },
  what: string,
  path: Path,
  files: Files,
): string | undefined {
  const text = typeof value === 'string' ? value : files.readTrimmed(value.file, [...path, 'file']);
  if (text !== undefined && text.trim() === '') {
    files.problem({ path, message: `${what} is empty` });
    return undefined;
  }
  return text;
}

/** A private key in PEM that can sign with the algorithm; undefined, with a problem, if it cannot. */
export function signingKeySpec(
  value: Parameters<typeof readSecret>[0],
  alg: SigningAlgorithm,
  path: Path,
  files: Files,
): Secret | undefined {
  const pem = readSecret(value, 'the signing key', path, files);
  if (pem === undefined) return undefined;
  const read = readSigningKey(pem, alg);
  if ('key' in read) return secret(pem);
  files.problem({ path, message: read.problem });
  return undefined;
}
