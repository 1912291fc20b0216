import type { AiProvider, BackendTarget } from '../../resources/model.ts';
import type { Path } from '../path.ts';
import { present } from '../present.ts';
import type { Ai, NamedBackend, NamedProvider, RouteBackendConfig } from '../schema/backend.ts';
import { backendPolicies } from './policies.ts';
import type { Translation } from './translation.ts';

/** `backends[]` to backends under `/<name>`. */
export function translateBackends(backends: readonly NamedBackend[], translation: Translation): void {
  // A backend's policies may name any of the others.
  for (const { name } of backends) translation.nameBackend(`/${name}`);
  for (const [index, backend] of backends.entries()) {
    const path = ['backends', index];
    const key = `/${backend.name}`;
    translation.claim('backend', key, [...path, 'name'], 'another backend has this name');
    const policies = backendPolicies(backend.policies, [...path, 'policies'], translation);
    const target = backendTarget(backend, path, translation);
    translation.add({ kind: 'backend', key, name: { namespace: '', name: backend.name }, target, policies });
  }
}

/** The target of a backend that stands for itself; a reference to another is not one. */
export function backendTarget(
  backend: Pick<RouteBackendConfig, 'host' | 'ai' | 'dynamic'>,
  path: Path,
  translation: Translation,
): BackendTarget {
  if (backend.host !== undefined) return { type: 'host', address: backend.host };
  if (backend.dynamic !== undefined) return { type: 'dynamic' };
  if (backend.ai !== undefined) return { type: 'ai', groups: providerGroups(backend.ai, [...path, 'ai'], translation) };
  return { type: 'invalid' };
}

function providerGroups(ai: Ai, path: Path, translation: Translation): AiProvider[][] {
  if (!('groups' in ai)) return [[provider(ai, path, translation)]];
  const names = new Set<string>();
  return ai.groups.map((group, g) =>
    group.providers.map((entry, p) => {
      const at = [...path, 'groups', g, 'providers', p];
      if (names.has(entry.name))
        translation.problem({ path: [...at, 'name'], message: 'another provider of this backend has this name' });
      names.add(entry.name);
      return provider(entry, at, translation);
    }),
  );
}

function provider(options: NamedProvider, path: Path, translation: Translation): AiProvider {
  const { hostOverride, pathOverride, pathPrefix } = options;
  return {
    name: options.name,
    provider: { type: 'openAI', ...present({ model: options.provider.openAI?.model }) },
    ...present({ hostOverride, pathOverride, pathPrefix }),
    policies: backendPolicies(options.policies, [...path, 'policies'], translation),
  };
}
