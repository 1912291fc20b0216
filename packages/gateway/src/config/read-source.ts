import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { contentHash, type WatchedFile } from './files.ts';
import type { ConfigSource } from './sources.ts';

/** Text of a configuration, what to call it in messages, and the file to watch if it is one. */
export type SourceText =
  | { readonly ok: true; readonly text: string; readonly file: string; readonly watched: readonly WatchedFile[] }
  | { readonly ok: false; readonly message: string; readonly watched: readonly WatchedFile[] };

/** Reads the text of a source. Streams can be read once only; keep what this gives. */
export function readSource(source: ConfigSource): SourceText {
  if (source.type === 'text') return { ok: true, text: source.text, file: source.label, watched: [] };
  const label = source.type === 'file' ? source.path : source.label;
  const path = resolve(source.path);
  try {
    // descriptor 0 rather than /dev/stdin, which cannot be opened where standard input is a socket
    const content = readFileSync(label === '<stdin>' ? 0 : path);
    const watched = source.type === 'file' ? [{ path, sha256: contentHash(content) }] : [];
    return { ok: true, text: content.toString('utf8'), file: label, watched };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    const why = code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'it is a directory' : code;
    return {
      ok: false,
      message: `${label}: cannot read the configuration (${why})`,
      watched: source.type === 'file' ? [{ path, sha256: null }] : [],
    };
  }
}
