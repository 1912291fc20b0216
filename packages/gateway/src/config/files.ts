import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import type { Problem } from './errors.ts';
import type { Path } from './path.ts';

/** A file that the configuration was made from: watching it starts from what was read, so no change is missed. */
export interface WatchedFile {
  /** Absolute. */
  readonly path: string;
  /** SHA-256 of the content that was read, in hexadecimal; null if it could not be read. */
  readonly sha256: string | null;
}

/** Reads a whole file; throws as `node:fs` does. */
export type ReadFile = (path: string) => Buffer;

/** Reads the files that a configuration names, each once, and collects what is wrong with them. */
export class Files {
  readonly problems: Problem[] = [];
  readonly #readFile: ReadFile;
  readonly #directory: string;
  readonly #read = new Map<string, { readonly text?: string; readonly failure?: string }>();
  readonly #watched: WatchedFile[] = [];

  /** Relative paths are taken from `directory`. */
  constructor(readFile: ReadFile, directory: string) {
    this.#readFile = readFile;
    this.#directory = directory;
  }

  /** Every file that was named, also those that are missing: their appearing is a change. */
  get watched(): readonly WatchedFile[] {
    return this.#watched;
  }

  problem(problem: Problem): void {
    this.problems.push(problem);
  }

  /** Content of the file as UTF-8; undefined, with a problem at `at`, if it cannot be read. */
  read(path: string, at: Path): string | undefined {
    const absolute = resolve(this.#directory, path);
    let known = this.#read.get(absolute);
    if (known === undefined) {
      known = this.#load(absolute);
      this.#read.set(absolute, known);
    }
    if (known.text === undefined) this.problem({ path: at, message: known.failure!, showValue: true });
    return known.text;
  }

  /** As `read`, without the white space at both ends: for secrets, which editors and mounts end with a newline. */
  readTrimmed(path: string, at: Path): string | undefined {
    return this.read(path, at)?.trim();
  }

  #load(path: string): { readonly text: string } | { readonly failure: string } {
    try {
      const content = this.#readFile(path);
      this.#watched.push({ path, sha256: contentHash(content) });
      return { text: content.toString('utf8') };
    } catch (error) {
      this.#watched.push({ path, sha256: null });
      return { failure: `cannot read the file (${reason(error)})` };
    }
  }
}

/** Hash by which a file's content is compared with what was read before. */
export function contentHash(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}

function reason(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  if (code === 'EISDIR') return 'it is a directory';
  return code ?? 'unreadable';
}
