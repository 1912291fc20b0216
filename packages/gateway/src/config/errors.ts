import { formatPath, type Path } from './path.ts';

/** One thing that is wrong with a configuration, and where. */
export interface ConfigError {
  /** As the user named it: a path, `<stdin>` or `--config`. */
  readonly file: string;
  /** From 1; 0 where the error is about no place in the text. */
  readonly line: number;
  readonly column: number;
  readonly path: Path;
  /** The value as JSON; absent for secrets, for what came from the environment, and where a value says nothing. */
  readonly value?: string;
  /** One sentence, without the place and the value. */
  readonly message: string;
  /** Names or values that would be right. */
  readonly allowed?: readonly string[];
  /** The one that was probably meant. */
  readonly suggestion?: string;
}

/** An error that knows its path, not yet its place in a text. */
export interface Problem {
  readonly path: Path;
  readonly message: string;
  /** Which end of a pair the finger points at; the value unless said. */
  readonly at?: 'key' | 'value';
  /** Whether the value helps to understand it. */
  readonly showValue?: boolean;
  /** The value, where it is one of the configuration's own words and so never a secret. */
  readonly keyword?: string;
  /** The message where the value must not be seen but `message` holds it. */
  readonly hiddenMessage?: string;
  /** More about the value, said only where the value may be seen. */
  readonly detail?: string;
  readonly allowed?: readonly string[];
  readonly suggestion?: string;
}

/** Message of a known field or value that this build does not carry out: its path is all there is to say. */
export const NOT_SUPPORTED = 'not supported yet';

/** Writes errors one a line: `gateway.yaml:12:7: routes[0].policies.timout: unknown field; allowed: …; did you mean "timeout"?` */
export function formatErrors(errors: readonly ConfigError[]): string {
  const lines = errors.slice(0, SHOWN).map(formatError);
  if (errors.length > SHOWN) lines.push(`and ${errors.length - SHOWN} more errors`);
  return lines.join('\n');
}

/** Errors that are written out: one slip in a generated file may be thousands. */
const SHOWN = 100;

/** Writes one error as one line. */
export function formatError(error: ConfigError): string {
  const place = error.line > 0 ? `${error.file}:${error.line}:${error.column}` : error.file;
  const path = error.path.length > 0 ? formatPath(error.path) : '';
  const parts: string[] = [];
  if (error.message === NOT_SUPPORTED) {
    parts.push(`${place}: ${NOT_SUPPORTED}: ${path}${error.value === undefined ? '' : `: ${error.value}`}`);
  } else {
    const got = error.value === undefined ? '' : `, got ${error.value}`;
    parts.push(`${place}: ${path === '' ? '' : `${path}: `}${error.message}${got}`);
  }
  if (error.allowed && error.allowed.length > 0) parts.push(`allowed: ${error.allowed.join(', ')}`);
  if (error.suggestion !== undefined) parts.push(`did you mean ${JSON.stringify(error.suggestion)}?`);
  return parts.join('; ');
}

/** Orders errors as a reader meets them. */
export function byPlace(a: ConfigError, b: ConfigError): number {
  return a.line - b.line || a.column - b.column || (a.message < b.message ? -1 : a.message > b.message ? 1 : 0);
}
