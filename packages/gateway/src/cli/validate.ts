import { type Env, formatError, formatErrors, loadConfig, readSource } from '../config/index.ts';
import type { ConfigSource } from '../config/sources.ts';
import type { CompileRegex } from '../config/translate/translation.ts';

/** What `--validate-only` says and how it ends. */
export interface Verdict {
  readonly exitCode: 0 | 1;
  /** For standard output if all is well, for standard error otherwise; without the last newline. */
  readonly text: string;
  /** For standard error: what is right and probably not meant, one a line. */
  readonly warnings: readonly string[];
}

/** Checks a configuration as a start would, without opening a port or a connection (spec 01 §2.1). */
export async function validate(
  source: ConfigSource | undefined,
  env: Env,
  compileRegex: CompileRegex,
): Promise<Verdict> {
  if (source === undefined)
    return { exitCode: 0, text: 'No local configuration\nConfiguration is valid!', warnings: [] };
  const read = readSource(source);
  if (!read.ok) return { exitCode: 1, text: read.message, warnings: [] };
  const loaded = await loadConfig({ text: read.text, file: read.file, env, compileRegex });
  if (!loaded.ok) return { exitCode: 1, text: formatErrors(loaded.errors), warnings: [] };
  return { exitCode: 0, text: 'Configuration is valid!', warnings: loaded.warnings.map(formatError) };
}
