import type { ListenerTls } from '../../resources/model.ts';
import { secret } from '../../resources/secret.ts';
import type { Path } from '../path.ts';
import { belongTogether, certificates, privateKey } from '../pem.ts';
import { present } from '../present.ts';
import type { ServerTls } from '../schema/tls.ts';
import type { Translation } from './translation.ts';

/** Reads the files of a listener's `tls` and checks that they make sense together (spec 02 §2.2). */
export function listenerTls(options: ServerTls, path: Path, translation: Translation): ListenerTls | undefined {
  const { files } = translation;
  if (options.cert == null || options.key == null) {
    const missing = options.cert == null ? 'cert' : 'key';
    translation.problem({ path, message: `tls requires '${missing}'` });
    return undefined;
  }
  const cert = certificates(options.cert, [...path, 'cert'], files);
  const key = privateKey(options.key, [...path, 'key'], files);
  const root = options.root == null ? undefined : certificates(options.root, [...path, 'root'], files);
  if (cert === undefined || key === undefined) return undefined;
  if (!belongTogether(cert, key)) {
    translation.problem({ path: [...path, 'key'], message: 'the private key does not belong to the certificate' });
    return undefined;
  }
  return {
    cert,
    key: secret(key),
    ...present({
      root,
      cipherSuites: options.cipherSuites?.length ? options.cipherSuites : undefined,
      minVersion: options.minTLSVersion ?? options.minTlsVersion,
      maxVersion: options.maxTLSVersion ?? options.maxTlsVersion,
      keyExchangeGroups: options.keyExchangeGroups,
    }),
  };
}
