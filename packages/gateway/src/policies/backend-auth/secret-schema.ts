import type { Files } from '../../config/files.ts';
import type { Path } from '../../config/path.ts';

/** Content of a secret that stands in the file or in one of its own; undefined, with a problem, if there is none. */
export function readSecret(
  value: string | { readonly file: string },
  what: string,
  path: Path,
  files: Files,
): string | undefined {
  const text = typeof value === 'string' ? value : files.readTrimmed(value.file, [...path, 'file']);
  if (text !== undefined && text.trim() === '') {
    files.problem({ path, message: `${what} is empty` });
    return undefined;
  }
  return text;
}
