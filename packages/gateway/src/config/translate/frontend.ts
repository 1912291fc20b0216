import { authorizationSpec } from '../../policies/authorization/schema.ts';
import { extAuthzSpec } from '../../policies/ext-authz/schema.ts';
import { frontendHttpSpec } from '../../policies/frontend-http/schema.ts';
import { frontendTcpSpec } from '../../policies/frontend-tcp/schema.ts';
import type { FrontendPolicy } from '../../policies/policy.ts';
import type { RootConfig } from '../schema/root.ts';
import { GATEWAY, type Translation } from './translation.ts';

/** `frontendPolicies` to policies on the whole gateway, under `frontend/<kind>`. */
export function translateFrontend(options: RootConfig['frontendPolicies'], translation: Translation): void {
  const policies: FrontendPolicy[] = [];
  if (options?.http) policies.push({ kind: 'http', spec: frontendHttpSpec(options.http) });
  if (options?.tcp) policies.push({ kind: 'tcp', spec: frontendTcpSpec(options.tcp) });
  if (options?.networkAuthorization)
    policies.push({ kind: 'networkAuthorization', spec: authorizationSpec(options.networkAuthorization) });
  if (options?.networkExtAuthz) {
    const path = ['frontendPolicies', 'networkExtAuthz'];
    policies.push({ kind: 'networkExtAuthz', spec: extAuthzSpec(options.networkExtAuthz, path, translation) });
  }
  for (const policy of policies) {
    translation.add({
      kind: 'policy',
      key: `frontend/${policy.kind}`,
      target: { gateway: { name: GATEWAY, namespace: GATEWAY } },
      policy: { family: 'frontend', policy },
    });
  }
}
