import type { BackendTarget } from '../resources/model.ts';
import type { CompileBackend } from './backend.ts';

type BackendType = BackendTarget['type'];

/**
 * Kind of backend to the module that compiles it. Loaded when a configuration first names the kind: a gateway without
 * models never loads the model code.
 */
const loaders: Readonly<Record<Exclude<BackendType, 'extension' | 'invalid'>, () => Promise<CompileBackend>>> = {
  host: async () => (await import('./http/backend.ts')).compileHostBackend,
  dynamic: async () => (await import('./http/backend.ts')).compileDynamicBackend,
  ai: async () => (await import('./llm/compile.ts')).compileLlmBackend,
};

/** Kinds that an extension brings, by the name that the resource gives. */
const extensions = new Map<string, CompileBackend>();

export function registerBackendExtension(name: string, compile: CompileBackend): void {
  extensions.set(name, compile);
}

const loaded = new Map<BackendType, CompileBackend>();

/** Loads what these targets need, so that {@link backendCompiler} can answer at once. */
export async function loadBackends(targets: Iterable<BackendTarget>): Promise<void> {
  const missing = new Set<BackendType>();
  for (const { type } of targets) if (!loaded.has(type)) missing.add(type);
  for (const type of missing) {
    if (type === 'extension' || type === 'invalid') continue;
    loaded.set(type, await loaders[type]());
  }
}

/** The compiler of a target's kind; null for targets that lead nowhere. */
export function backendCompiler(target: BackendTarget): CompileBackend | null {
  if (target.type === 'invalid') return null;
  if (target.type === 'extension') return extensions.get(target.name) ?? null;
  return loaded.get(target.type) ?? null;
}
