/** What this build is: one shape for the dump, the command line and the API, with the fields that clients of each look for. */
export interface VersionInfo {
  readonly version: string;
  readonly git_revision: string;
  /** Always empty: there is no such compiler here. */
  readonly rust_version: '';
  readonly build_profile: string;
  readonly build_target: string;
  readonly runtime_version: string;
  readonly gitRevision: string;
  readonly rustVersion: '';
  readonly buildProfile: string;
  readonly buildTarget: string;
  readonly runtimeVersion: string;
}

/** `profile` is `source` or `bundle`. */
export function versionInfo(version: string, gitRevision = 'unknown', profile = 'source'): VersionInfo {
  const target = `${process.platform}-${process.arch}`;
  const runtime = `node ${process.versions.node}`;
  return {
    version,
    git_revision: gitRevision,
    rust_version: '',
    build_profile: profile,
    build_target: target,
    runtime_version: runtime,
    gitRevision,
    rustVersion: '',
    buildProfile: profile,
    buildTarget: target,
    runtimeVersion: runtime,
  };
}
