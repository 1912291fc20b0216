import { formatErrors } from './errors.ts';
import type { Env } from './expand.ts';
import { checker } from './expressions.ts';
import { type LoadedConfig, readConfig } from './load.ts';
import { withExpressions } from './schema/expression.ts';
import type { CompileRegex } from './translate/translation.ts';

/** Stands for the regex engine in tests of the loading. */
export const compileRegex: CompileRegex = (source) => {
  try {
    new RegExp(source);
    return { ok: true };
  } catch {
    return { ok: false, message: 'missing parenthesis' };
  }
};

/** Loads a text as `gateway.yaml` on a machine of four CPUs, with files that are given as texts. */
export function load(text: string, env: Env = {}, files: Readonly<Record<string, string>> = {}): LoadedConfig {
  const input = {
    text,
    file: 'gateway.yaml',
    env,
    compileRegex,
    directory: '/etc/gateway',
    machine: { cpus: 4, ipv6Loopback: true, hostname: 'host' },
    readFile: (path: string) => {
      const content = files[path];
      if (content === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return Buffer.from(content);
    },
  };
  return withExpressions(checker, () => readConfig(input)).value;
}

/** Loads what must be right. */
export function loaded(text: string, env: Env = {}, files: Readonly<Record<string, string>> = {}) {
  const result = load(text, env, files);
  if (!result.ok) throw new Error(formatErrors(result.errors));
  return result;
}

/** Messages of what must be wrong, one a line. */
export function refused(text: string, env: Env = {}, files: Readonly<Record<string, string>> = {}): string[] {
  const result = load(text, env, files);
  return result.ok ? [] : formatErrors(result.errors).split('\n');
}

/** What is said about policies of a route that must be wrong, without the place in the file. */
export function refusedPolicy(fields: string): string[] {
  const lines = refused(`gateways: {default: {port: 3000}}\nroutes:\n- policies: {${fields}}\n`);
  return lines.map((line) => line.replace(/^gateway\.yaml:3:\d+: /, '').replace('routes[0].policies.', ''));
}
