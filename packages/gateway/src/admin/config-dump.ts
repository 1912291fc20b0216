import type { BackendPolicy, FrontendPolicy, TrafficPolicy } from '../policies/policy.ts';
import type { Backend, Bind, Listener, NamedMatch, Resource, Route, TargetedPolicy } from '../resources/model.ts';
import type { ServerAddress, Settings } from '../resources/settings.ts';
import { redact } from '../telemetry/redact.ts';
import type { VersionInfo } from './version.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * What is in force, as operators and tools read it (spec 01 §4, spec 10 §8.1): the tree of binds, listeners and routes, then
 * policies and backends, everything by key, secrets redacted.
 */
export function configDump(resources: Iterable<Resource>, settings: Settings, version: VersionInfo): Json {
  const all = [...resources].sort((a, b) => compare(a.key, b.key));
  const listeners = all.filter((resource) => resource.kind === 'listener');
  const routes = all.filter((resource) => resource.kind === 'route');
  const dump = {
    workloads: [],
    services: [],
    binds: all.filter((resource) => resource.kind === 'bind').map((bind) => bindDump(bind, listeners, routes)),
    routes: { httpMesh: {}, tcpMesh: {}, routeGroups: {} },
    policies: all.filter((resource) => resource.kind === 'policy').map(policyDump),
    backends: all.filter((resource) => resource.kind === 'backend').map(backendDump),
    models: [],
    version,
    config: settingsDump(settings),
  };
  return redact(dump) as Json;
}

/** Settings without their secrets, addresses in the form in which the file has them. */
export function settingsDump(settings: Settings): Json {
  return redact({
    ...settings,
    adminAddr: addressText(settings.adminAddr),
    statsAddr: addressText(settings.statsAddr),
    readinessAddr: addressText(settings.readinessAddr),
  }) as Json;
}

function addressText(address: ServerAddress): string {
  if ('off' in address) return 'off';
  if ('path' in address) return `unix:${address.path}`;
  const [host = ''] = address.hosts;
  if (address.hosts.length > 1) return `localhost:${address.port}`;
  return socketAddress(host, address.port);
}

function socketAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function bindDump(bind: Bind, listeners: readonly Listener[], routes: readonly Route[]): Json {
  return {
    key: bind.key,
    address: socketAddress(bind.host, bind.port),
    protocol: bind.protocol,
    tunnelProtocol: bind.tunnelProtocol,
    mode: bind.mode,
    listeners: byKey(
      listeners.filter((listener) => listener.bind === bind.key),
      (listener) => listenerDump(listener, routes),
    ),
  };
}

function listenerDump(listener: Listener, routes: readonly Route[]): Json {
  return {
    key: listener.key,
    ...listener.name,
    hostname: listener.hostname,
    // Certificates are told by where they come from only.
    protocol: listener.protocol === 'HTTPS' ? { HTTPS: { certificateSource: 'Static' } } : listener.protocol,
    routes: byKey(
      routes.filter((route) => route.listener === listener.key),
      routeDump,
    ),
  };
}

function routeDump(route: Route): Json {
  return {
    key: route.key,
    ...route.name,
    hostnames: route.hostnames,
    matches: route.matches.map((match) => ({
      headers: match.headers.map(namedMatchDump),
      path: 'invalid' in match.path ? 'invalid' : match.path,
      ...(match.method === undefined ? {} : { method: match.method }),
      query: match.query.map(namedMatchDump),
    })),
    backends: route.backends.map(({ weight, target, policies }) => ({
      weight,
      ...('invalid' in target ? { invalid: null } : target),
      inlinePolicies: policies.map(policyForm),
    })),
    inlinePolicies: route.policies.map(policyForm),
  };
}

function namedMatchDump({ name, value }: NamedMatch): Json {
  return { name, value: 'invalid' in value ? 'invalid' : value };
}

function backendDump(backend: Backend): Json {
  const { type, ...target } = backend.target;
  return {
    key: backend.key,
    [type]: { ...backend.name, target },
    inlinePolicies: backend.policies.map(policyForm),
  };
}

function policyDump({ key, target, policy }: TargetedPolicy): Json {
  const form = policyForm(policy.policy);
  return {
    key,
    target,
    inheritance: 'default',
    policy: policy.family === 'traffic' ? { traffic: { phase: policy.phase, ...form } } : { [policy.family]: form },
  };
}

function policyForm(policy: BackendPolicy | FrontendPolicy | TrafficPolicy): Json {
  if ('spec' in policy) return { [policy.kind]: policy.spec };
  return { [policy.kind]: { conditional: policy.entries } };
}

function byKey<T extends { readonly key: string }>(items: readonly T[], dump: (item: T) => Json): Json {
  return Object.fromEntries(items.map((item) => [item.key, dump(item)]));
}

/** By code unit, so that the order is the same on every machine. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
