import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate authority that tests make for themselves, by openssl in a folder that is gone afterwards. */
export interface TestAuthority {
  readonly ca: string;
  /** A leaf with these subject alternative names (`DNS:a.test`, `IP:127.0.0.1`, `URI:spiffe://…`). */
  issue(...names: string[]): { cert: string; key: string };
}

export function createAuthority(): TestAuthority {
  return inFolder((folder) => {
    const [keyFile, certFile] = [join(folder, 'ca.key'), join(folder, 'ca.pem')];
    openssl('req', '-x509', ...newKey(keyFile), '-out', certFile, '-days', '2', '-subj', '/CN=test authority');
    const ca = readFileSync(certFile, 'utf8');
    const caKey = readFileSync(keyFile, 'utf8');
    return { ca, issue: (...names) => issue(ca, caKey, names) };
  });
}

function issue(ca: string, caKey: string, names: string[]): { cert: string; key: string } {
  return inFolder((folder) => {
    const file = (name: string): string => join(folder, name);
    writeFileSync(file('ca.pem'), ca);
    writeFileSync(file('ca.key'), caKey);
    openssl(
      ...['req', '-x509', '-CA', file('ca.pem'), '-CAkey', file('ca.key'), ...newKey(file('key'))],
      ...['-out', file('cert'), '-days', '2', '-subj', '/CN=leaf'],
      ...['-addext', `subjectAltName=${names.join(',')}`, '-addext', 'basicConstraints=critical,CA:FALSE'],
    );
    return { cert: readFileSync(file('cert'), 'utf8'), key: readFileSync(file('key'), 'utf8') };
  });
}

function newKey(file: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file];
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'certificates-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
