import type { BackendReference, RouteBackend } from '../../resources/model.ts';
import { nearestName } from '../nearest.ts';
import type { Path } from '../path.ts';
import { present } from '../present.ts';
import type { BackendPolicies } from '../schema/policies.ts';
import type { ReferenceOptions } from '../schema/reference.ts';
import { backendPolicies } from './policies.ts';
import type { Translation } from './translation.ts';

/** The backend that a name means; one that does not exist is a problem. */
export function backendByName(name: string, path: Path, translation: Translation): RouteBackend['target'] {
  const key = translation.resolveBackend(name);
  if (key !== undefined) return { backend: key };
  const names = translation.backendNames;
  const bare = name.startsWith('/') ? name.slice(1) : name;
  translation.problem({
    path,
    message: 'no backend of this name in backends',
    showValue: true,
    ...(names.length > 0 ? { allowed: names.slice(0, 20) } : {}),
    ...present({ suggestion: nearestName(bare, names) }),
  });
  return { invalid: true };
}

/** The service that a policy asks, from the fields of `config/schema/reference.ts` among its own at `path`. */
export function backendReference(options: ReferenceOptions, path: Path, translation: Translation): BackendReference {
  const policies = backendPolicies(
    options.policies as Partial<BackendPolicies> | null | undefined,
    [...path, 'policies'],
    translation,
  );
  if (options.host !== undefined) {
    const { address, tls } = options.host;
    // https without a word on TLS is checked against the system's roots.
    if (tls && !policies.some(({ kind }) => kind === 'backendTLS')) policies.push({ kind: 'backendTLS', spec: {} });
    return { $backend: { address }, policies };
  }
  const found = backendByName(options.backend!, [...path, 'backend'], translation);
  // What is not there was told, and nothing of this translation is used.
  return { $backend: 'backend' in found ? found : { backend: '' }, policies };
}
