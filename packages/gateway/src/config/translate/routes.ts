import type { BackendPolicy } from '../../policies/policy.ts';
import type { NamedMatch, PathMatch, RouteBackend, RouteMatch } from '../../resources/model.ts';
import type { Path } from '../path.ts';
import { present } from '../present.ts';
import type { RouteBackendConfig } from '../schema/backend.ts';
import type { MatchConfig, RouteConfig } from '../schema/route.ts';
import { backendTarget } from './backends.ts';
import { backendPolicies, mirrorPolicy, routeBackendPolicies, trafficPolicies } from './policies.ts';
import { backendByName } from './reference.ts';
import type { Translation } from './translation.ts';

/** Adds a route to a listener; `index` is the number of routes that the listener has already. */
export function addRoute(
  options: RouteConfig,
  index: number,
  listener: string,
  path: Path,
  translation: Translation,
): void {
  const namespace = options.namespace ?? 'default';
  const name = options.name ?? `route${index}`;
  const key = `${listener}/${namespace}/${name}`;
  const at = options.name == null ? path : [...path, 'name'];
  translation.claim('route', key, at, 'another route of this listener has this name');
  const policiesPath = [...path, 'policies'];
  const policies = options.policies ? trafficPolicies(options.policies, policiesPath, `route/${key}`, translation) : [];
  const mirror = mirrorPolicy(options.policies?.requestMirror, key, policiesPath, translation);
  if (mirror !== undefined) policies.push(mirror);
  const shared = options.policies ? routeBackendPolicies(options.policies, policiesPath, translation) : [];
  translation.add({
    kind: 'route',
    key,
    listener,
    name: { namespace, name },
    order: translation.nextRoute(),
    hostnames: options.hostnames,
    matches: options.matches
      ? options.matches.map((match, i) => routeMatch(match, [...path, 'matches', i], translation))
      : [ANY],
    backends: options.backends.map((backend, i) =>
      routeBackend(backend, `${key}/backend${i}`, shared, [...path, 'backends', i], translation),
    ),
    policies,
  });
}

const ANY: RouteMatch = { path: { pathPrefix: '/' }, headers: [], query: [] };

function routeMatch(match: MatchConfig, path: Path, translation: Translation): RouteMatch {
  return {
    path: pathMatch(match.path, [...path, 'path'], translation),
    ...present({ method: match.method }),
    headers: match.headers.map((header, i) => namedMatch(header, [...path, 'headers', i], translation)),
    query: match.query.map((parameter, i) => namedMatch(parameter, [...path, 'query', i], translation)),
  };
}

function pathMatch(match: MatchConfig['path'], path: Path, translation: Translation): PathMatch {
  if (match === undefined) return { pathPrefix: '/' };
  if (match === 'invalid') return { invalid: true };
  if (match.exact !== undefined) return { exact: match.exact };
  if (match.pathPrefix !== undefined) return { pathPrefix: match.pathPrefix };
  translation.checkRegex(match.regex!, [...path, 'regex']);
  return { regex: match.regex! };
}

function namedMatch(match: MatchConfig['headers'][number], path: Path, translation: Translation): NamedMatch {
  const { name, value } = match;
  if (value === 'invalid') return { name, value: { invalid: true } };
  if (value.exact !== undefined) return { name, value: { exact: value.exact } };
  translation.checkRegex(value.regex!, [...path, 'value', 'regex']);
  return { name, value: { regex: value.regex! } };
}

function routeBackend(
  options: RouteBackendConfig,
  name: string,
  shared: readonly BackendPolicy[],
  path: Path,
  translation: Translation,
): RouteBackend {
  const weight = options.weight ?? 1;
  const own = backendPolicies(options.policies, [...path, 'policies'], translation);
  const policies = [...own, ...shared];
  if (options.invalid === null) return { weight, target: { invalid: true }, policies };
  if (options.backend !== undefined) {
    return { weight, target: backendByName(options.backend, [...path, 'backend'], translation), policies };
  }
  const key = `/${name}`;
  const target = backendTarget(options, path, translation);
  translation.add({ kind: 'backend', key, name: { namespace: '', name }, target, policies: [] });
  return { weight, target: { backend: key }, policies };
}
