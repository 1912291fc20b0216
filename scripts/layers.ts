import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/**
 * Who may import whom. A package lists the packages below it; a folder of the gateway lists the folders that it may use.
 * What is not listed is refused, so a new arrow is a decision that somebody makes here.
 */
const packages: Readonly<Record<string, readonly string[]>> = {
  http: [],
  regex: [],
  llm: [],
  simulator: [],
  gateway: ['http', 'regex', 'llm'],
};

/**
 * Folders of the data plane, from the left of the picture in ARCHITECTURE.md to its right. `registry` files are the named
 * exception: they know every policy and every backend, and load them when a configuration asks.
 */
const folders: Readonly<Record<string, readonly string[]>> = {
  resources: ['policies'],
  config: ['resources', 'policies'],
  policies: ['resources', 'pipeline', 'config'],
  pipeline: ['resources', 'policies', 'backends', 'plans', 'telemetry', 'upstream'],
  backends: ['resources', 'policies', 'pipeline', 'upstream', 'telemetry'],
  plans: ['resources', 'policies', 'pipeline', 'backends', 'upstream'],
  upstream: ['resources', 'policies', 'pipeline', 'telemetry'],
  telemetry: ['pipeline', 'resources'],
  listen: ['resources', 'plans', 'pipeline', 'upstream', 'telemetry', 'runtime', 'policies', 'backends'],
  admin: ['resources', 'telemetry', 'policies'],
  runtime: ['resources', 'telemetry', 'listen', 'pipeline', 'admin'],
  cli: ['config', 'resources', 'runtime', 'admin', 'telemetry', 'listen'],
};

/** An import that the layering does not allow. */
export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** Reads every source file below `root` and lists the imports that cross a boundary the wrong way. */
export function findViolations(root: string): Violation[] {
  const violations: Violation[] = [];
  for (const [name, allowed] of Object.entries(packages)) {
    const source = join(root, 'packages', name, 'src');
    for (const file of sources(source)) {
      const folder = name === 'gateway' ? (relative(source, file).split('/')[0] ?? '') : '';
      for (const { specifier, line } of imports(file)) {
        const message = judge(name, allowed, source, file, folder, specifier);
        if (message !== null) violations.push({ file: relative(root, file), line, message });
      }
    }
  }
  return violations;
}

function judge(
  name: string,
  allowed: readonly string[],
  source: string,
  file: string,
  folder: string,
  specifier: string,
): string | null {
  if (specifier.startsWith('@agentgateway/')) {
    const target = specifier.slice('@agentgateway/'.length);
    if (target.includes('/')) return `reaches into ${specifier}: a package is used through its index`;
    return allowed.includes(target) ? null : `package ${name} must not import ${target}`;
  }
  if (!specifier.startsWith('.')) return null;
  const target = resolve(dirname(file), specifier);
  if (!target.startsWith(`${source}/`)) return `leaves the package by a relative path: ${specifier}`;
  if (name !== 'gateway') return null;
  const to = relative(source, target).split('/')[0] ?? '';
  if (to === folder || to.endsWith('.ts') || folder.endsWith('.ts')) return null;
  const list = folders[folder];
  if (list === undefined) return `folder ${folder} has no place among the layers`;
  return list.includes(to) ? null : `${folder}/ must not import ${to}/`;
}

function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts')) {
      yield join(entry.parentPath, entry.name);
    }
  }
}

function* imports(file: string): Generator<{ specifier: string; line: number }> {
  const text = readFileSync(file, 'utf8');
  for (const match of text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)) {
    yield { specifier: match[1] as string, line: text.slice(0, match.index).split('\n').length };
  }
}
