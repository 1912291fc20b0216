import type { BackendPolicy } from '../policies/policy.ts';
import type { ConnectionOptions } from '../upstream/upstream.ts';

/** What a backend's policies say of connections to it. */
export function connectionOptions(policies: readonly BackendPolicy[]): ConnectionOptions {
  let options: ConnectionOptions = {};
  for (const policy of policies) {
    if (policy.kind === 'backendTLS') options = { ...options, tls: policy.spec };
    else if (policy.kind === 'http') options = { ...options, http: policy.spec };
    else if (policy.kind === 'tcp') options = { ...options, tcp: policy.spec };
  }
  return options;
}
