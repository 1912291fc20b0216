import type { PolicyTarget, TargetedPolicy } from '../../resources/model.ts';
import type { Path } from '../path.ts';
import { present } from '../present.ts';
import type { MaybeConditional } from '../schema/conditional.ts';
import { gatewayPolicies } from '../schema/policies.ts';
import type { TargetedPolicyConfig } from '../schema/targeted.ts';
import { backendPolicies, mirrorPolicy, trafficPolicies } from './policies.ts';
import type { Translation } from './translation.ts';

/** `policies[]` to policies beside the tree, under `<namespace>/<name>` (spec 01 §3.3). */
export function translateTargeted(policies: readonly TargetedPolicyConfig[], translation: Translation): void {
  for (const [index, options] of policies.entries()) translateOne(options, ['policies', index], translation);
}

function translateOne(options: TargetedPolicyConfig, path: Path, translation: Translation): void {
  const key = `${options.name.namespace}/${options.name.name}`;
  translation.claim('policy', key, [...path, 'name', 'name'], 'another policy has this name');
  const target = targetOf(options.target);
  const found = policiesOf(options, key, [...path, 'policy'], translation);
  const [policy] = found;
  if (policy === undefined || found.length !== 1) {
    const message = "'policies' must contain exactly 1 policy";
    translation.problem({ path: [...path, 'policy'], at: 'key', message });
    return;
  }
  const { family } = policy;
  if (family === 'traffic' && options.phase === 'gateway' && !Object.hasOwn(gatewayPolicies, policy.policy.kind)) {
    const message = `unexpected gateway policy: ${policy.policy.kind} has no place in the gateway phase and never runs`;
    translation.warn({ path: [...path, 'phase'], message });
  }
  // A target that cannot be is in no tree: the policy stands for itself and is never met.
  if (target !== null) translation.add({ kind: 'policy', key, target, policy });
}

/** A policy for a backend becomes the backend's kind of it where there is one. */
function policiesOf(
  { policy: options, phase, target }: TargetedPolicyConfig,
  key: string,
  path: Path,
  translation: Translation,
): TargetedPolicy['policy'][] {
  const forBackend = target.backend !== undefined;
  if (forBackend) refuseConditions(options, path, translation);
  const { requestHeaderModifier, responseHeaderModifier, requestRedirect, ai, authorization, ...rest } = options;
  const extAuthz = withoutConditions(rest.extAuthz);
  const transformations = withoutConditions(rest.transformations);
  // Those that have conditions count as what they are: there is one policy.
  const others = {
    ...rest,
    ...(extAuthz === undefined ? {} : { extAuthz: undefined }),
    ...(transformations === undefined ? {} : { transformations: undefined }),
  };
  const ofBoth = { requestHeaderModifier, responseHeaderModifier, requestRedirect, ai, authorization };
  const both = { ...ofBoth, extAuthz, transformations };
  const { backendTLS, backendAuth } = options;
  const ofBackend = backendPolicies({ ...(forBackend ? both : {}), backendTLS, backendAuth }, path, translation);
  const ofTraffic = trafficPolicies(forBackend ? others : options, path, `policy/${key}`, translation);
  const mirror = mirrorPolicy(options.requestMirror, `policy/${key}`, path, translation);
  if (mirror !== undefined) ofTraffic.push(mirror);
  return [
    ...ofTraffic.map((policy): TargetedPolicy['policy'] => ({ family: 'traffic', phase, policy })),
    ...ofBackend.map((policy): TargetedPolicy['policy'] => ({ family: 'backend', policy })),
  ];
}

/** Kinds that may be conditional on a route, and run on backends without conditions. */
const conditionalKinds = ['transformations', 'extAuthz'] as const;

function refuseConditions(options: object, path: Path, translation: Translation): void {
  for (const kind of conditionalKinds) {
    const given = (options as Readonly<Record<string, unknown>>)[kind];
    if (typeof given !== 'object' || given === null || !('entries' in given)) continue;
    const message = `conditional ${kind} are not supported on backend-targeted policies`;
    translation.problem({ path: [...path, kind], at: 'key', message });
  }
}

/** The options where there are no conditions: those were refused. */
function withoutConditions<Options>(given: MaybeConditional<Options> | null | undefined): Options | undefined {
  return given != null && 'options' in given ? given.options : undefined;
}

function targetOf({ gateway, route, backend }: TargetedPolicyConfig['target']): PolicyTarget | null {
  if (gateway !== undefined) {
    const { gatewayName, gatewayNamespace, listenerName, port } = gateway;
    return {
      gateway: {
        name: gatewayName,
        namespace: gatewayNamespace,
        ...present({ listener: listenerName ?? undefined, port: port ?? undefined }),
      },
    };
  }
  if (route !== undefined) {
    // Rules are of routes that name theirs, and those are not built.
    return route.ruleName == null ? { route: { name: route.name, namespace: route.namespace } } : null;
  }
  if (backend === undefined || backend === 'invalid') return null;
  const { name, namespace, section } = backend.backend;
  return { backend: { name, namespace, ...present({ section: section ?? undefined }) } };
}
