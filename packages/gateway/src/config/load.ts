import { readFileSync } from 'node:fs';
import type { Resource } from '../resources/model.ts';
import type { Settings } from '../resources/settings.ts';
import { type Document, readDocument } from './document.ts';
import { byPlace, type ConfigError, formatError, type Problem } from './errors.ts';
import type { Env } from './expand.ts';
import { Files, type ReadFile, type WatchedFile } from './files.ts';
import type { Path } from './path.ts';
import { problemsOf } from './problems.ts';
import { type Checker, expressionWarnings, withExpressions } from './schema/expression.ts';
import { type RootConfig, rootSchema } from './schema/root.ts';
import { isSecretPath } from './secret-paths.ts';
import { type Machine, readSettings, thisMachine } from './settings.ts';
import { translate } from './translate/translate.ts';
import { type CompileRegex, Translation } from './translate/translation.ts';

/** What a configuration is made from. */
export interface ConfigInput {
  readonly text: string;
  /** What messages call the text: its path, `<stdin>`, `--config`. */
  readonly file: string;
  readonly env: Env;
  /** Checks regular expressions. */
  readonly compileRegex: CompileRegex;
  /** Reads the files that the configuration names; the file system's own unless given. */
  readonly readFile?: ReadFile;
  /** Where relative paths start: the working directory unless given (spec 01 §2.2). */
  readonly directory?: string;
  readonly machine?: Machine;
}

/** A configuration, or everything that is wrong with it; the files are to be watched in either case. */
export type LoadedConfig =
  | {
      readonly ok: true;
      readonly settings: Settings;
      readonly resources: readonly Resource[];
      readonly files: readonly WatchedFile[];
      /** What is right and probably not meant. */
      readonly warnings: readonly ConfigError[];
    }
  | { readonly ok: false; readonly errors: readonly ConfigError[]; readonly files: readonly WatchedFile[] };

/** The language, once a file held an expression. */
let checker: Checker | null = null;

/**
 * Reads a configuration: text, environment, schema, referenced files, expressions, cross-checks. Collects all errors, throws none.
 *
 * A process whose file holds no expression never loads the language; the first one that does is read twice.
 */
export async function loadConfig(input: ConfigInput): Promise<LoadedConfig> {
  const first = withExpressions(checker, () => readConfig(input));
  if (!first.met || checker !== null) return first.value;
  ({ checker } = await import('./expressions.ts'));
  return withExpressions(checker, () => readConfig(input)).value;
}

/** The same within one turn of the loop; expressions are checked by whoever calls it (`withExpressions`). */
export function readConfig(input: ConfigInput): LoadedConfig {
  const document = readDocument(input.text, input.file, input.env, isSecretPath);
  if (document.data === null) return { ok: false, errors: sorted(document.errors), files: [] };
  const checked = check(document);
  const config = checked.root?.config ?? {};
  const { settings, problems, errors } = readSettings(config, input.env, input.machine ?? thisMachine());
  const found = [...document.errors, ...errors, ...report([...checked.problems, ...problems], document)];
  if (checked.root === undefined || document.errors.length > 0) return { ok: false, errors: sorted(found), files: [] };

  const files = new Files(input.readFile ?? readFileSync, input.directory ?? process.cwd());
  const translation = new Translation(files, input.compileRegex, settings.enableIpv6 ? '::' : '0.0.0.0', input.env);
  translate(checked.root, translation);
  found.push(...report(files.problems, document));
  if (found.length > 0) return { ok: false, errors: sorted(found), files: files.watched };
  const unclear = unclearExpressions(document.data, settings.customFunctions);
  const warnings = sorted(report([...translation.warnings, ...unclear], document));
  return { ok: true, settings, resources: translation.resources, files: files.watched, warnings };
}

/** Where in the data expressions stand that name what nobody knows. */
function unclearExpressions(data: unknown, customFunctions: string | undefined, path: Path = []): Problem[] {
  if (typeof data === 'string') return expressionWarnings(data, customFunctions).map((message) => ({ path, message }));
  if (typeof data !== 'object' || data === null) return [];
  const entries = Array.isArray(data) ? data.entries() : Object.entries(data);
  return [...entries].flatMap(([key, value]) => unclearExpressions(value, customFunctions, [...path, key]));
}

interface Checked {
  readonly root?: RootConfig;
  readonly problems: readonly Problem[];
}

function check(document: Document): Checked {
  let result = rootSchema.safeParse(document.data);
  if (!result.success) {
    // a variable that looks like a number may have been meant as a text
    let again = false;
    for (const problem of problemsOf(result.error.issues, document.data))
      again = document.useText(problem.path) || again;
    if (again) result = rootSchema.safeParse(document.data);
  }
  return result.success
    ? { root: result.data, problems: [] }
    : { problems: problemsOf(result.error.issues, document.data) };
}

function report(problems: readonly Problem[], document: Document): ConfigError[] {
  return problems.filter((problem) => !document.isBroken(problem.path)).map((problem) => document.report(problem));
}

/** By place, and each once: a route on two listeners has each of its mistakes twice. */
function sorted(errors: readonly ConfigError[]): ConfigError[] {
  const seen = new Set<string>();
  const once = errors.filter((error) => {
    const text = formatError(error);
    if (seen.has(text)) return false;
    seen.add(text);
    return true;
  });
  return once.sort(byPlace);
}
