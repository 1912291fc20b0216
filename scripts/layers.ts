import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/**
 * Who may import whom. A package lists the packages below it; a folder of the gateway lists the folders that it may use.
 * What is not listed is refused, so a new arrow is a decision that somebody makes here.
 */
const packages: Readonly<Record<string, readonly string[]>> = {
  http: [],
  regex: [],
  cel: ['regex'],
  llm: [],
  protos: [],
  simulator: [],
  gateway: ['http', 'regex', 'cel', 'llm', 'protos', 'simulator'],
};

/**
 * Folders of the data plane and the folders whose code each may load. What is imported as a type only is free: types say what
 * a layer is given, values say what it stands on.
 */
const folders: Readonly<Record<string, readonly string[]>> = {
  resources: [],
  telemetry: [],
  config: ['resources'],
  pipeline: ['resources', 'telemetry'],
  policies: ['resources', 'pipeline'],
  upstream: ['pipeline'],
  backends: ['pipeline'],
  plans: ['resources', 'telemetry', 'policies', 'pipeline', 'backends'],
  listen: ['resources', 'telemetry', 'pipeline', 'plans', 'upstream'],
  runtime: ['resources', 'telemetry'],
  admin: ['telemetry'],
  cli: ['config', 'resources', 'runtime', 'admin', 'telemetry'],
};

/** The registries: they know every policy, each where its kind of file belongs. */
const exceptions: readonly { readonly file: RegExp; readonly folder: string }[] = [
  { file: /^config\/(?:schema|translate)\//, folder: 'policies' },
  { file: /^policies\/.*schema\.ts$/, folder: 'config' },
  { file: /^pipeline\/phases\.ts$/, folder: 'policies' },
  // The retry loop is the pipeline's; what a retry is, is the policy's.
  { file: /^pipeline\/attempts\.ts$/, folder: 'policies' },
];

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
    if (!existsSync(source)) continue;
    for (const file of sources(source)) {
      const folder = name === 'gateway' ? (relative(source, file).split('/')[0] ?? '') : '';
      for (const { specifier, line, typeOnly } of imports(file)) {
        const message = judge(name, allowed, source, file, folder, specifier, typeOnly);
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
  typeOnly: boolean,
): string | null {
  if (specifier.startsWith('@agentgateway/')) {
    const target = specifier.slice('@agentgateway/'.length);
    if (target.includes('/')) return `reaches into ${specifier}: a package is used through its index`;
    return allowed.includes(target) ? null : `package ${name} must not import ${target}`;
  }
  if (!specifier.startsWith('.')) return null;
  const target = resolve(dirname(file), specifier);
  if (target === join(dirname(source), 'package.json')) return null;
  if (!target.startsWith(`${source}/`)) return `leaves the package by a relative path: ${specifier}`;
  if (name !== 'gateway' || typeOnly) return null;
  const to = relative(source, target).split('/')[0] ?? '';
  if (to === folder || to.endsWith('.ts') || folder.endsWith('.ts')) return null;
  const list = folders[folder];
  if (list === undefined) return `folder ${folder} has no place among the layers`;
  const place = relative(source, file);
  if (list.includes(to) || exceptions.some((own) => own.folder === to && own.file.test(place))) return null;
  return `${folder}/ must not import ${to}/`;
}

/** Code that ships: not tests, nor what only tests use. */
function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const file = join(entry.parentPath, entry.name);
    if (!entry.isFile() || !entry.name.endsWith('.ts') || entry.name.endsWith('.test.ts')) continue;
    if (
      /\/(?:testing|fixtures)\/|\/(?:testing|fixtures?)\.ts$|\/test-[^/]*\.ts$/.test(
        relative(folder, file).replace(/^/, '/'),
      )
    )
      continue;
    yield file;
  }
}

function* imports(file: string): Generator<{ specifier: string; line: number; typeOnly: boolean }> {
  const text = readFileSync(file, 'utf8');
  const lineAt = (index: number) => text.slice(0, index).split('\n').length;
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s+)?([^;'"]*?)\s*from\s+'([^']+)'/gm)) {
    const names = (match[2] ?? '').replace(/^\{|\}$/g, '').split(',');
    const typeOnly =
      match[1] !== undefined ||
      ((match[2] ?? '').startsWith('{') &&
        names.every((name) => name.trim() === '' || name.trim().startsWith('type ')));
    yield { specifier: match[3] as string, line: lineAt(match.index), typeOnly };
  }
  for (const match of text.matchAll(/\bimport\(\s*'([^']+)'/g)) {
    yield { specifier: match[1] as string, line: lineAt(match.index), typeOnly: false };
  }
  for (const match of text.matchAll(/^import\s+'([^']+)'/gm)) {
    yield { specifier: match[1] as string, line: lineAt(match.index), typeOnly: false };
  }
}
