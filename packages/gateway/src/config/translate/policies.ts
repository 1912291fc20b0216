import { aiPolicySpec } from '../../policies/ai/schema.ts';
import { apiKeySpec } from '../../policies/api-key/schema.ts';
import { authorizationSpec } from '../../policies/authorization/schema.ts';
import { backendAuthSpec } from '../../policies/backend-auth/schema.ts';
import { backendHttpSpec } from '../../policies/backend-http/schema.ts';
import { backendTcpSpec } from '../../policies/backend-tcp/schema.ts';
import { backendTlsSpec } from '../../policies/backend-tls/schema.ts';
import { basicAuthSpec } from '../../policies/basic-auth/schema.ts';
import { bufferSpec } from '../../policies/buffer/schema.ts';
import { corsSpec } from '../../policies/cors/schema.ts';
import { csrfSpec } from '../../policies/csrf/schema.ts';
import { delaySpec } from '../../policies/delay/schema.ts';
import { directResponseSpec } from '../../policies/direct-response/schema.ts';
import { extAuthzPolicy, extAuthzSpec } from '../../policies/ext-authz/schema.ts';
import { extProcPolicy } from '../../policies/ext-proc/schema.ts';
import { headerModifierSpec } from '../../policies/header-modifier/schema.ts';
import { jwtAuthSpec } from '../../policies/jwt/schema.ts';
import { localRateLimitPolicy } from '../../policies/local-rate-limit/schema.ts';
import { oidcSpec } from '../../policies/oidc/schema.ts';
import type { BackendPolicy, TrafficPolicy } from '../../policies/policy.ts';
import { remoteRateLimitPolicy } from '../../policies/remote-rate-limit/schema.ts';
import { requestRedirectSpec } from '../../policies/request-redirect/schema.ts';
import { retrySpec } from '../../policies/retry/schema.ts';
import { timeoutSpec } from '../../policies/timeout/schema.ts';
import { transformationsSpec } from '../../policies/transformations/schema.ts';
import { urlRewriteSpec } from '../../policies/url-rewrite/schema.ts';
import type { BackendTarget, PolicyTarget } from '../../resources/model.ts';
import type { Path } from '../path.ts';
import { conditionalPolicy } from '../schema/conditional.ts';
import type { BackendPolicies, GatewayPolicies, RoutePolicies } from '../schema/policies.ts';
import { backendByName } from './reference.ts';
import type { Translation } from './translation.ts';

/**
 * Traffic policies of a route, in the order of spec 01 §3.7 (g).
 *
 * @param owner Whose they are: `route/<key>`, `policy/<key>`.
 */
export function trafficPolicies(
  options: RoutePolicies,
  path: Path,
  owner: string,
  translation: Translation,
): TrafficPolicy[] {
  const policies: TrafficPolicy[] = [];
  const add = (policy: TrafficPolicy) => policies.push(policy);
  const { requestHeaderModifier, responseHeaderModifier, requestRedirect, urlRewrite, directResponse } = options;
  const { ai, csrf, localRateLimit, remoteRateLimit, buffer, timeout, retry, delay, oidc } = options;
  if (requestHeaderModifier) add({ kind: 'requestHeaderModifier', spec: headerModifierSpec(requestHeaderModifier) });
  if (responseHeaderModifier) add({ kind: 'responseHeaderModifier', spec: headerModifierSpec(responseHeaderModifier) });
  if (requestRedirect) add({ kind: 'requestRedirect', spec: requestRedirectSpec(requestRedirect) });
  if (urlRewrite) add({ kind: 'urlRewrite', spec: urlRewriteSpec(urlRewrite) });
  if (directResponse) add(conditionalPolicy('directResponse', directResponse, directResponseSpec));
  if (ai) add({ kind: 'ai', spec: aiPolicySpec(ai) });
  policies.push(...sharedPolicies(options, path, translation));
  if (csrf) add({ kind: 'csrf', spec: csrfSpec(csrf) });
  const limits = localRateLimit ? localRateLimitPolicy(localRateLimit) : undefined;
  if (limits !== undefined && ('entries' in limits || limits.spec.length > 0)) add(limits);
  if (remoteRateLimit) add(remoteRateLimitPolicy(remoteRateLimit, [...path, 'remoteRateLimit'], translation));
  if (buffer) add({ kind: 'buffer', spec: bufferSpec(buffer) });
  if (timeout) add({ kind: 'timeout', spec: timeoutSpec(timeout) });
  if (retry) add({ kind: 'retry', spec: retrySpec(retry) });
  if (delay) add({ kind: 'delay', spec: delaySpec(delay) });
  const login = oidc ? oidcSpec(oidc, [...path, 'oidc'], owner, translation) : undefined;
  if (login) add({ kind: 'oidc', spec: login });
  return policies;
}

/** Authentication that nobody said the mode of lets requests without credentials in: few mean that. */
function warnOfOpenDoors(
  policies: Readonly<Record<string, { readonly mode?: string | undefined } | null | undefined>>,
  path: Path,
  translation: Translation,
): void {
  for (const [kind, policy] of Object.entries(policies)) {
    if (policy == null || policy.mode !== undefined) continue;
    const message = 'no mode is set, so requests without credentials pass; write mode: strict, or mode: optional';
    translation.warn({ path: [...path, kind], at: 'key', message });
  }
}

/** Policies that are the same in the gateway phase and in the route phase. */
function sharedPolicies(
  { cors, jwtAuth, basicAuth, apiKey, extAuthz, authorization, extProc, transformations }: GatewayPolicies,
  path: Path,
  translation: Translation,
): TrafficPolicy[] {
  warnOfOpenDoors({ jwtAuth, basicAuth, apiKey }, path, translation);
  const policies: TrafficPolicy[] = [];
  if (cors) policies.push({ kind: 'cors', spec: corsSpec(cors) });
  const jwt = jwtAuth ? jwtAuthSpec(jwtAuth, [...path, 'jwtAuth'], translation.files) : undefined;
  if (jwt) policies.push({ kind: 'jwtAuth', spec: jwt });
  const basic = basicAuth ? basicAuthSpec(basicAuth, [...path, 'basicAuth'], translation.files) : undefined;
  if (basic) policies.push({ kind: 'basicAuth', spec: basic });
  if (apiKey) policies.push({ kind: 'apiKey', spec: apiKeySpec(apiKey) });
  if (extAuthz) policies.push(extAuthzPolicy(extAuthz, [...path, 'extAuthz'], translation));
  if (transformations) policies.push(conditionalPolicy('transformations', transformations, transformationsSpec));
  if (authorization) policies.push({ kind: 'authorization', spec: authorizationSpec(authorization) });
  if (extProc) policies.push(extProcPolicy(extProc, [...path, 'extProc'], translation));
  return policies;
}

/** Backend policies that a route gives to all its backends, after their own. */
export function routeBackendPolicies(options: RoutePolicies, path: Path, translation: Translation): BackendPolicy[] {
  return backendPolicies({ backendTLS: options.backendTLS, backendAuth: options.backendAuth }, path, translation);
}

/** Policies of a backend, a reference or a provider. */
export function backendPolicies(
  options: Partial<BackendPolicies> | null | undefined,
  path: Path,
  translation: Translation,
): BackendPolicy[] {
  const policies: BackendPolicy[] = [];
  if (options == null) return policies;
  const { requestHeaderModifier, responseHeaderModifier, requestRedirect, backendTLS, backendAuth, authorization, ai } =
    options;
  const { extAuthz, transformations } = options;
  const { files } = translation;
  if (requestHeaderModifier)
    policies.push({ kind: 'requestHeaderModifier', spec: headerModifierSpec(requestHeaderModifier) });
  if (responseHeaderModifier)
    policies.push({ kind: 'responseHeaderModifier', spec: headerModifierSpec(responseHeaderModifier) });
  if (requestRedirect) policies.push({ kind: 'requestRedirect', spec: requestRedirectSpec(requestRedirect) });
  const tls = backendTLS ? backendTlsSpec(backendTLS, [...path, 'backendTLS'], files) : undefined;
  if (tls) policies.push({ kind: 'backendTLS', spec: tls });
  const auth = backendAuth ? backendAuthSpec(backendAuth, [...path, 'backendAuth'], translation) : undefined;
  if (auth) policies.push({ kind: 'backendAuth', spec: auth });
  if (options.http) policies.push({ kind: 'http', spec: backendHttpSpec(options.http) });
  if (options.tcp) policies.push({ kind: 'tcp', spec: backendTcpSpec(options.tcp) });
  if (extAuthz) policies.push({ kind: 'extAuthz', spec: extAuthzSpec(extAuthz, [...path, 'extAuthz'], translation) });
  if (transformations) policies.push({ kind: 'transformations', spec: transformationsSpec(transformations) });
  if (authorization) policies.push({ kind: 'authorization', spec: authorizationSpec(authorization) });
  if (ai) policies.push({ kind: 'ai', spec: aiPolicySpec(ai) });
  return policies;
}

/** Puts the gateway-phase policies of a listener beside the tree, under `<prefix>/<i>` (spec 01 §3.3). */
export function addGatewayPolicies(
  options: GatewayPolicies | null | undefined,
  path: Path,
  prefix: string,
  target: PolicyTarget,
  translation: Translation,
): void {
  if (options == null) return;
  const policies = sharedPolicies(options, path, translation);
  const login = options.oidc ? oidcSpec(options.oidc, [...path, 'oidc'], `policy/${prefix}`, translation) : undefined;
  if (login) policies.push({ kind: 'oidc', spec: login });
  for (const [index, policy] of policies.entries()) {
    translation.add({
      kind: 'policy',
      key: `${prefix}/${index}`,
      target,
      policy: { family: 'traffic', phase: 'gateway', policy },
    });
  }
}

/** A mirror's own host becomes a backend of its owner's: a route, a policy. */
export function mirrorPolicy(
  options: RoutePolicies['requestMirror'],
  owner: string,
  path: Path,
  translation: Translation,
): TrafficPolicy | undefined {
  if (options == null) return undefined;
  const { percentage } = options;
  const { host, backend } = options.backend;
  if (host !== undefined) {
    const name = `${owner}/mirror`;
    const target: BackendTarget = { type: 'host', address: host };
    translation.add({ kind: 'backend', key: `/${name}`, name: { namespace: '', name }, target, policies: [] });
    return { kind: 'requestMirror', spec: { backend: `/${name}`, percentage } };
  }
  const at = [...path, 'requestMirror', 'backend', 'backend'];
  const found = backendByName(backend!, at, translation);
  if ('invalid' in found) return undefined;
  const resource = translation.resources.find(({ kind, key }) => kind === 'backend' && key === found.backend);
  if (resource?.kind === 'backend' && resource.target.type === 'host') {
    return { kind: 'requestMirror', spec: { backend: found.backend, percentage } };
  }
  translation.problem({ path: at, message: 'only a backend with a host can be a mirror', showValue: true });
  return undefined;
}
