import { watch as fsWatch, readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { contentHash, type WatchedFile } from './files.ts';
import { type DirectoryEntries, entriesOnTheWay } from './path-entries.ts';

/** Times and ports of a watch; milliseconds. */
export interface WatchOptions {
  /** Quiet time after the last event before files are compared; 250 unless given. */
  readonly debounce?: number;
  /** How often files are compared where the file system cannot be watched; 2000 unless given. */
  readonly pollInterval?: number;
  /** Watches one directory; throws where that is not possible. */
  readonly watchDirectory?: WatchDirectory;
}

/** As `fs.watch` on a directory: tells which of its entries something happened to, null if that is not known. */
export type WatchDirectory = (
  path: string,
  onEvent: (entry: string | null) => void,
  onError: () => void,
) => { close(): void };

/** A set of files being watched. */
export interface FileWatch {
  /** Watches these from now on and no others: what a load that succeeded was made from. */
  replace(files: readonly WatchedFile[]): void;
  /** Watches these as well: what a load that failed looked at. */
  add(files: readonly WatchedFile[]): void;
  /** True while files are compared every so often because the file system gives no events. */
  readonly polling: boolean;
  close(): void;
}

/**
 * Calls `onChange` when the content of any of the files is no longer what was read, or a file has gone or come; however it
 * came about: written in place, renamed over, behind a symlink that was swapped, in a directory that was replaced.
 *
 * Directories are watched, not files, since most ways of writing replace the file. Each directory on the way to a file,
 * through every symlink, reports on the one entry that leads there. An event only says that it is time to compare.
 */
export function watchFiles(files: readonly WatchedFile[], onChange: () => void, options: WatchOptions = {}): FileWatch {
  const watch = new Watch(onChange, options);
  watch.add(files);
  return watch;
}

interface Watched {
  readonly identity: string;
  readonly handle: { close(): void };
}

class Watch implements FileWatch {
  readonly #onChange: () => void;
  readonly #debounce: number;
  readonly #pollInterval: number;
  readonly #watchDirectory: WatchDirectory;
  /** Content by path, as it was when somebody was last told. */
  #files = new Map<string, string | null>();
  #entries: DirectoryEntries = new Map();
  readonly #directories = new Map<string, Watched>();
  #timer: NodeJS.Timeout | undefined;
  #firstEvent = 0;
  #poll: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(onChange: () => void, options: WatchOptions) {
    this.#onChange = onChange;
    this.#debounce = options.debounce ?? 250;
    this.#pollInterval = options.pollInterval ?? 2000;
    this.#watchDirectory = options.watchDirectory ?? watchWithNode;
  }

  get polling(): boolean {
    return this.#poll !== undefined;
  }

  replace(files: readonly WatchedFile[]): void {
    this.#files = new Map();
    this.add(files);
  }

  add(files: readonly WatchedFile[]): void {
    for (const file of files) this.#files.set(file.path, file.sha256);
    this.#arm();
    // what happened between the reading and the watching had no witness
    if (this.#changed()) this.#schedule();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#poll);
    this.#poll = undefined;
    for (const { handle } of this.#directories.values()) handle.close();
    this.#directories.clear();
  }

  /** Watches what is on the way to the files now: paths change their meaning when links or directories are replaced. */
  #arm(): void {
    if (this.#closed) return;
    this.#entries = entriesOnTheWay([...this.#files.keys()]);
    for (const [path, { identity }] of this.#directories) {
      if (!this.#entries.has(path) || identityOf(path) !== identity) this.#drop(path);
    }
    let complete = true;
    for (const path of this.#entries.keys()) {
      if (!this.#directories.has(path)) complete = this.#watchOne(path) && complete;
    }
    this.#setPolling(!complete);
  }

  #watchOne(path: string): boolean {
    const identity = identityOf(path);
    if (identity === undefined) return true;
    try {
      const handle = this.#watchDirectory(
        path,
        (entry) => this.#onEvent(path, entry),
        () => this.#onError(path),
      );
      this.#directories.set(path, { identity, handle });
      return true;
    } catch {
      return false;
    }
  }

  #onEvent(directory: string, entry: string | null): void {
    if (this.#closed) return;
    // a directory reports its own end under its own name
    const itself = entry === basename(directory);
    // its successor may even have its inode number: watch it anew
    if (itself) this.#drop(directory);
    if (itself || entry === null || this.#entries.get(directory)?.has(entry)) this.#schedule();
  }

  #onError(directory: string): void {
    if (this.#closed) return;
    this.#drop(directory);
    this.#setPolling(true);
  }

  #drop(directory: string): void {
    this.#directories.get(directory)?.handle.close();
    this.#directories.delete(directory);
  }

  #setPolling(on: boolean): void {
    if (on === this.polling) return;
    if (on) {
      this.#poll = setInterval(() => this.#compare(), this.#pollInterval);
      return;
    }
    clearInterval(this.#poll);
    this.#poll = undefined;
  }

  /** Waits for quiet, but not for ever: a file that is written all the time is looked at now and then. */
  #schedule(): void {
    const now = performance.now();
    if (this.#timer === undefined) this.#firstEvent = now;
    else if (now - this.#firstEvent > 8 * this.#debounce) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#compare();
    }, this.#debounce);
  }

  #compare(): void {
    if (this.#closed) return;
    // armed before reading: what happens after the reading is seen
    this.#arm();
    if (this.#changed(true)) this.#onChange();
  }

  /** Whether any file is not as it was; with `remember`, it is so from now on. */
  #changed(remember = false): boolean {
    let changed = false;
    for (const [path, known] of this.#files) {
      const content = hashOf(path);
      if (content === known) continue;
      changed = true;
      if (remember) this.#files.set(path, content);
    }
    return changed;
  }
}

function hashOf(path: string): string | null {
  try {
    return contentHash(readFileSync(path));
  } catch {
    return null;
  }
}

/** Tells a directory from another one that took its path; undefined if there is none. */
function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

function watchWithNode(path: string, onEvent: (entry: string | null) => void, onError: () => void): { close(): void } {
  const watcher = fsWatch(path, { persistent: false }, (_type, entry) => onEvent(entry));
  watcher.on('error', onError);
  return watcher;
}
