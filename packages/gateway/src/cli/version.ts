/** What is known about this build (spec 01 §2.1, `--version`). */
export interface BuildInfo {
  readonly version: string;
  /** Commit that the build was made from; `unknown` when run from source. */
  readonly git_revision: string;
  readonly runtime: 'node';
  readonly runtime_version: string;
  /** `source` or `bundle`. */
  readonly build_profile: string;
  readonly build_target: string;
}

/** The bare version, as `-V` prints it; the package's own (a test holds them together, since a bundle has no package file). */
export const VERSION = '0.1.0';

declare const AGENTGATEWAY_GIT_REVISION: string | undefined;

/** What `--version` prints. A bundle knows the commit it was made from: its builder defines `AGENTGATEWAY_GIT_REVISION`. */
export function buildInfo(): BuildInfo {
  const revision = typeof AGENTGATEWAY_GIT_REVISION === 'string' ? AGENTGATEWAY_GIT_REVISION : undefined;
  return {
    version: VERSION,
    git_revision: revision ?? 'unknown',
    runtime: 'node',
    runtime_version: process.version,
    build_profile: revision === undefined ? 'source' : 'bundle',
    build_target: `${process.platform}-${process.arch}`,
  };
}
