import { accessLogSpec } from '../../policies/access-log/schema.ts';
import { authorizationSpec } from '../../policies/authorization/schema.ts';
import { extAuthzSpec } from '../../policies/ext-authz/schema.ts';
import { frontendHttpSpec } from '../../policies/frontend-http/schema.ts';
import { frontendTcpSpec } from '../../policies/frontend-tcp/schema.ts';
import type { FrontendPolicy } from '../../policies/policy.ts';
import { tracingSpec } from '../../policies/tracing/schema.ts';
import type { RootConfig } from '../schema/root.ts';
import { deprecatedTracing } from './deprecated-tracing.ts';
import { GATEWAY, type Translation } from './translation.ts';

/** `frontendPolicies` to policies on the whole gateway, under `frontend/<kind>`. */
export function translateFrontend({ frontendPolicies: options, config }: RootConfig, translation: Translation): void {
  const policies: FrontendPolicy[] = [];
  if (options?.http) policies.push({ kind: 'http', spec: frontendHttpSpec(options.http) });
  if (options?.tcp) policies.push({ kind: 'tcp', spec: frontendTcpSpec(options.tcp) });
  if (options?.networkAuthorization)
    policies.push({ kind: 'networkAuthorization', spec: authorizationSpec(options.networkAuthorization) });
  if (options?.networkExtAuthz) {
    const path = ['frontendPolicies', 'networkExtAuthz'];
    policies.push({ kind: 'networkExtAuthz', spec: extAuthzSpec(options.networkExtAuthz, path, translation) });
  }
  const accessLog = options?.accessLog ?? options?.logging;
  const deprecated = deprecatedAccessLog(config?.logging);
  const logged = accessLog ?? deprecated;
  if (logged)
    policies.push({
      kind: 'accessLog',
      spec: accessLogSpec(logged, ['frontendPolicies', options?.accessLog ? 'accessLog' : 'logging'], translation),
    });
  if (accessLog && deprecated) {
    const message = 'cannot use deprecated config.logging together with frontendPolicies.accessLog; move it there';
    translation.problem({ path: ['config', 'logging'], message });
  }
  const tracing = options?.tracing;
  if (tracing)
    policies.push({ kind: 'tracing', spec: tracingSpec(tracing, ['frontendPolicies', 'tracing'], translation) });
  if (config?.tracing) {
    const spec = tracing ? null : deprecatedTracing(config.tracing, translation);
    if (spec !== null) policies.push({ kind: 'tracing', spec });
    const message = 'cannot use deprecated config.tracing together with frontendPolicies.tracing; move it there';
    if (tracing) translation.problem({ path: ['config', 'tracing'], at: 'key', message });
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

type Logging = NonNullable<RootConfig['config']>['logging'];

/** What `config.logging` said before there were policies for it (spec 10 §2.4); null where it says nothing of it. */
function deprecatedAccessLog(logging: Logging) {
  if (logging?.filter == null && logging?.fields == null) return null;
  return { ...logging.fields, filter: logging.filter };
}
