import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A folder of certificates made by openssl: `ca.pem`, and `NAME.pem` with `NAME.key` for each leaf issued. The folder is gone
 * when this is disposed of.
 */
export class Certificates implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'scenario-'));

  /** @param leaves Names of files to subject alternative names (`DNS:a.test`, `IP:127.0.0.1`). */
  constructor(leaves: Readonly<Record<string, readonly string[]>>) {
    this.#openssl('req', '-x509', ...newKey('ca'), '-out', 'ca.pem', '-days', '2', '-subj', '/CN=scenario authority');
    for (const [name, names] of Object.entries(leaves)) this.issue(name, names);
  }

  /** Issues a leaf, in place of an earlier one of that name. */
  issue(name: string, names: readonly string[]): void {
    this.#openssl(
      ...['req', '-x509', '-CA', 'ca.pem', '-CAkey', 'ca.key', ...newKey(name), '-out', `${name}.pem`, '-days', '2'],
      ...['-subj', `/CN=${name}`, '-addext', `subjectAltName=${names.join(',')}`],
      ...['-addext', 'basicConstraints=critical,CA:FALSE'],
    );
  }

  path(file: string): string {
    return join(this.directory, file);
  }

  read(file: string): string {
    return readFileSync(this.path(file), 'utf8');
  }

  write(file: string, text: string): void {
    writeFileSync(this.path(file), text);
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true });
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.directory, stdio: ['ignore', 'ignore', 'pipe'] });
  }
}

function newKey(name: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`];
}
