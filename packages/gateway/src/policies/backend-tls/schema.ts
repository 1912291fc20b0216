import { z } from 'zod';
import { isHostName } from '../../config/address.ts';
import type { Files } from '../../config/files.ts';
import type { Path } from '../../config/path.ts';
import { certificates, privateKey } from '../../config/pem.ts';
import { present } from '../../config/present.ts';
import { closed, maybe } from '../../config/schema/closed.ts';
import { name } from '../../config/schema/fields.ts';
import { notYet } from '../../config/schema/not-yet.ts';
import { keyExchangeGroups } from '../../config/schema/tls.ts';
import { secret } from '../../resources/secret.ts';
import type { BackendTlsSpec } from './spec.ts';

/** `backendTLS` in the file (spec 02 §3.16); `{}` verifies with the system's roots. */
export const backendTlsSchema = closed(
  {
    cert: maybe(name()),
    key: maybe(name()),
    root: maybe(name()),
    hostname: maybe(z.string().refine(isHostName, 'not a host name')),
    insecure: z.boolean().default(false).describe('Accept any certificate.'),
    insecureHost: z.boolean().default(false).describe('Accept a valid certificate of any name.'),
    alpn: maybe(z.array(z.string().min(1).max(255))),
    subjectAltNames: maybe(z.array(name())),
    keyExchangeGroups: maybe(keyExchangeGroups()),
  },
  notYet.backendTLS,
);

/** What the file says, as a resource; reads and checks the files. */
export function backendTlsSpec(
  options: z.output<typeof backendTlsSchema>,
  path: Path,
  files: Files,
): BackendTlsSpec | undefined {
  if ((options.cert == null) !== (options.key == null)) {
    files.problem({ path, at: 'key', message: 'cert and key must be set together' });
    return undefined;
  }
  const cert = options.cert == null ? undefined : certificates(options.cert, [...path, 'cert'], files);
  const key = options.key == null ? undefined : privateKey(options.key, [...path, 'key'], files);
  const root = options.root == null ? undefined : certificates(options.root, [...path, 'root'], files);
  return present({
    cert,
    key: key === undefined ? undefined : secret(key),
    root,
    hostname: options.hostname,
    insecure: options.insecure || undefined,
    insecureHost: options.insecureHost || undefined,
    alpn: options.alpn,
    subjectAltNames: options.subjectAltNames,
    keyExchangeGroups: options.keyExchangeGroups,
  });
}
