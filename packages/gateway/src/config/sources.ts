import { accessSync, constants, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Env } from './expand.ts';

/** Where the configuration comes from (spec 01 §2.1). */
export type ConfigSource =
  /** Read again when it changes. */
  | { readonly type: 'file'; readonly path: string }
  /** Read once: standard input, or a file descriptor. */
  | { readonly type: 'stream'; readonly path: string; readonly label: string }
  /** Given on the command line. */
  | { readonly type: 'text'; readonly text: string; readonly label: string };

/** The source that a `--file` names: `-` and file descriptors are read once. */
export function fileSource(path: string): ConfigSource {
  if (path === '-' || path === '/dev/stdin') return { type: 'stream', path: '/dev/stdin', label: '<stdin>' };
  if (/^\/(?:dev\/fd|proc\/self\/fd)\/\d+$/.test(path)) return { type: 'stream', path, label: path };
  return { type: 'file', path };
}

/** The source, or why there is none. */
export type DefaultSource = { readonly source: ConfigSource; readonly created: boolean } | { readonly error: string };

/** What is written where there is no configuration yet: a gateway that answers, to be changed by hand. */
export const DEFAULT_CONFIG = `# yaml-language-server: $schema=https://agentgateway.dev/schema/config
gateways:
  default:
    port: 4000
routes:
- name: welcome
  policies:
    directResponse:
      status: 200
      body: "agentgateway is running. This answer comes from its configuration file: put your routes there.\\n"
`;

/**
 * The source without `--file` and `--config`: `config.yaml` in `/config` or in the user's own configuration directory,
 * created if it is not there. `containerDirectory` is `/config` but for tests.
 */
export function defaultSource(env: Env, containerDirectory = '/config'): DefaultSource {
  if (env.LOCAL_XDS_PATH) return { error: 'not supported yet: environment variable LOCAL_XDS_PATH' };
  if (env.KUBERNETES_SERVICE_HOST) {
    return {
      error: 'configuration is required when running in Kubernetes; pass --config, --file, or set LOCAL_XDS_PATH',
    };
  }
  const directory = configDirectory(env, containerDirectory);
  if ('error' in directory) return directory;
  const path = join(directory.path, 'config.yaml');
  try {
    const created = writeIfMissing(path, DEFAULT_CONFIG);
    return { source: { type: 'file', path }, created };
  } catch (error) {
    return {
      error: `cannot create ${path} (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}); pass --file`,
    };
  }
}

function configDirectory(env: Env, container: string): { readonly path: string } | { readonly error: string } {
  if (isDirectory(container)) {
    if (isWritable(container)) return { path: container };
    return { error: `${container} is not writable; mount it writable, or pass --file` };
  }
  if (env.AGENTGATEWAY_ENV === 'container') {
    return { error: `${container} is not mounted; mount a directory there, or pass --file or --config` };
  }
  if (env.XDG_CONFIG_HOME) return { path: join(env.XDG_CONFIG_HOME, 'agentgateway') };
  if (env.HOME) return { path: join(env.HOME, '.config', 'agentgateway') };
  return { error: 'HOME is not set, so there is no default configuration; pass --file or --config' };
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Tried, not asked: permissions say little about mounts. */
function isWritable(directory: string): boolean {
  const probe = join(directory, `.agentgateway-write-test-${process.pid}`);
  try {
    writeFileSync(probe, '', { flag: 'wx' });
    rmSync(probe);
    return true;
  } catch {
    return false;
  }
}

function writeIfMissing(path: string, text: string): boolean {
  try {
    accessSync(path, constants.F_OK);
    return false;
  } catch {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
    return true;
  }
}
