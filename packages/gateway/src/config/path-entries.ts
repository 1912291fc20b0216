import { lstatSync, readlinkSync } from 'node:fs';
import { dirname, parse, resolve, sep } from 'node:path';

/** Which entries of which directories lie on the way to some files. */
export type DirectoryEntries = Map<string, Set<string>>;

/** Links followed for one file: the kernel's own bound. */
const LINKS = 40;

/**
 * Walks to each of the files from the root and lists every directory on the way with the entry that leads on, through all
 * symlinks, and as far as the way exists.
 */
export function entriesOnTheWay(files: readonly string[]): DirectoryEntries {
  const entries: DirectoryEntries = new Map();
  for (const file of files) walk(file, entries);
  return entries;
}

function walk(file: string, entries: DirectoryEntries): void {
  let { current, rest } = start(file);
  let links = 0;
  while (rest.length > 0) {
    const name = rest.shift()!;
    let names = entries.get(current);
    if (names === undefined) {
      names = new Set();
      entries.set(current, names);
    }
    names.add(name);
    const path = resolve(current, name);
    const link = linkTarget(path);
    if (link === undefined) return;
    if (link === null) {
      current = path;
      continue;
    }
    if (++links > LINKS) return;
    const target = start(resolve(dirname(path), link));
    current = target.current;
    rest = [...target.rest, ...rest];
  }
}

function start(path: string): { current: string; rest: string[] } {
  const { root } = parse(path);
  return { current: root, rest: path.slice(root.length).split(sep).filter(Boolean) };
}

/** What a symlink points to, null for anything else, undefined if nothing is there. */
function linkTarget(path: string): string | null | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : null;
  } catch {
    return undefined;
  }
}
