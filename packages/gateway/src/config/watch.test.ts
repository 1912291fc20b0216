import {
  appendFileSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { verifies } from '../../test/verifies.ts';
import { contentHash, type WatchedFile } from './files.ts';
import { type FileWatch, type WatchDirectory, type WatchOptions, watchFiles } from './watch.ts';

let directory: string;
const watches: FileWatch[] = [];

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'config-watch-')));
});

afterEach(() => {
  for (const watch of watches.splice(0)) watch.close();
  rmSync(directory, { recursive: true, force: true });
});

function at(...names: string[]): string {
  return join(directory, ...names);
}

function asRead(path: string): WatchedFile {
  try {
    return { path, sha256: contentHash(readFileSync(path)) };
  } catch {
    return { path, sha256: null };
  }
}

/** A watch whose changes are awaited one by one; each tells what the files held when it was told. */
function watching(paths: readonly string[], options: WatchOptions = {}) {
  const seen: (string | null)[][] = [];
  let wake = () => {};
  const contents = () =>
    paths.map((path) => {
      try {
        return readFileSync(path, 'utf8');
      } catch {
        return null;
      }
    });
  const watch = watchFiles(
    paths.map(asRead),
    () => {
      seen.push(contents());
      wake();
    },
    { debounce: 5, ...options },
  );
  watches.push(watch);
  /** Reads changes until the files hold what is expected. */
  const until = async (...expected: (string | null)[]) => {
    for (;;) {
      const change = seen.shift();
      if (change !== undefined && expected.every((text, i) => change[i] === text)) return;
      if (change === undefined)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  };
  return { watch, seen, until };
}

test('written in place', async () => {
  writeFileSync(at('f'), 'one');
  const { until } = watching([at('f')]);
  writeFileSync(at('f'), 'two');
  await until('two');
  appendFileSync(at('f'), '+');
  await until('two+');
});

test('CFG-51: renamed over, as editors do', async () => {
  verifies('CFG-51');
  writeFileSync(at('f'), 'one');
  const { until } = watching([at('f')]);
  for (const text of ['two', 'three', 'four']) {
    writeFileSync(at('f.tmp'), text);
    renameSync(at('f.tmp'), at('f'));
    await until(text);
  }
});

test('written in parts: the last part is seen as well', async () => {
  writeFileSync(at('f'), 'one');
  const { until } = watching([at('f')]);
  const file = openSync(at('f'), 'w');
  writeSync(file, 'par');
  await until('par');
  writeSync(file, 'tial');
  closeSync(file);
  await until('partial');
});

test('CFG-51: the data directory of a projected volume is swapped', async () => {
  verifies('CFG-51');
  const put = (version: string, text: string) => {
    mkdirSync(at(version));
    writeFileSync(at(version, 'config.yaml'), text);
    symlinkSync(version, at('..data_tmp'));
    renameSync(at('..data_tmp'), at('..data'));
  };
  put('..v1', 'one');
  symlinkSync('..data/config.yaml', at('config.yaml'));
  const { until } = watching([at('config.yaml')]);
  put('..v2', 'two');
  rmSync(at('..v1'), { recursive: true });
  await until('two');
  put('..v3', 'three');
  rmSync(at('..v2'), { recursive: true });
  await until('three');
});

test('CFG-51: removed, and there again', async () => {
  verifies('CFG-51');
  writeFileSync(at('f'), 'one');
  const { until } = watching([at('f')]);
  unlinkSync(at('f'));
  await until(null);
  writeFileSync(at('f'), 'two');
  await until('two');
});

test('not there yet, nor its directory', async () => {
  const { until } = watching([at('a', 'b', 'f')]);
  mkdirSync(at('a', 'b'), { recursive: true });
  writeFileSync(at('a', 'b', 'f'), 'one');
  await until('one');
});

test('its directory is replaced, twice', async () => {
  mkdirSync(at('d'));
  writeFileSync(at('d', 'f'), 'one');
  const { until } = watching([at('d', 'f')]);
  for (const text of ['two', 'three']) {
    mkdirSync(at('new'));
    writeFileSync(at('new', 'f'), text);
    renameSync(at('d'), at(`old-${text}`));
    renameSync(at('new'), at('d'));
    await until(text);
    writeFileSync(at('d', 'f'), `${text}, in place`);
    await until(`${text}, in place`);
  }
});

test('its directory is removed and made again', async () => {
  mkdirSync(at('d'));
  writeFileSync(at('d', 'f'), 'one');
  const { until } = watching([at('d', 'f')]);
  rmSync(at('d'), { recursive: true });
  await until(null);
  mkdirSync(at('d'));
  writeFileSync(at('d', 'f'), 'two');
  await until('two');
  writeFileSync(at('d', 'f'), 'three');
  await until('three');
});

test('a change of a file behind a link', async () => {
  mkdirSync(at('real'));
  writeFileSync(at('real', 'f'), 'one');
  symlinkSync('real/f', at('link'));
  const { until } = watching([at('link')]);
  writeFileSync(at('real', 'f'), 'two');
  await until('two');
});

test('every file counts, others do not, and the same content again is no change', async () => {
  writeFileSync(at('a'), 'one');
  writeFileSync(at('b'), 'one');
  const { seen, until } = watching([at('a'), at('b')]);
  writeFileSync(at('other'), 'x');
  writeFileSync(at('a'), 'one');
  writeFileSync(at('b'), 'two');
  await until('one', 'two');
  writeFileSync(at('other'), 'y');
  writeFileSync(at('a.tmp'), 'one');
  renameSync(at('a.tmp'), at('a'));
  writeFileSync(at('b'), 'three');
  await until('one', 'three');
  expect(seen).toEqual([]);
});

test('what changed between the reading and the watching is told', async () => {
  writeFileSync(at('f'), 'new');
  const told = await new Promise<boolean>((resolve) => {
    const read = { path: at('f'), sha256: contentHash('old') };
    watches.push(watchFiles([read], () => resolve(true), { debounce: 5 }));
  });
  expect(told).toBe(true);
});

test('files are added and replaced', async () => {
  writeFileSync(at('a'), 'one');
  writeFileSync(at('b'), 'one');
  const { watch, until, seen } = watching([at('a'), at('b')]);
  watch.replace([asRead(at('b'))]);
  writeFileSync(at('a'), 'two');
  writeFileSync(at('b'), 'two');
  await until('two', 'two');
  watch.add([asRead(at('a'))]);
  writeFileSync(at('a'), 'three');
  await until('three', 'two');
  expect(seen).toEqual([]);
});

test('where a directory cannot be watched, files are compared every so often', async () => {
  writeFileSync(at('f'), 'one');
  const watchDirectory: WatchDirectory = () => {
    throw new Error('no watches left');
  };
  const { watch, until } = watching([at('f')], { watchDirectory, pollInterval: 5 });
  expect(watch.polling).toBe(true);
  writeFileSync(at('f'), 'two');
  await until('two');
});

test('a watch that breaks is replaced by comparing, until it can be watched again', async () => {
  writeFileSync(at('f'), 'one');
  let fail = () => {};
  let broken = false;
  const watchDirectory: WatchDirectory = (_path, _onEvent, onError) => {
    if (broken) throw new Error('still broken');
    fail = onError;
    return { close() {} };
  };
  const { watch, until } = watching([at('f')], { watchDirectory, pollInterval: 5 });
  expect(watch.polling).toBe(false);
  broken = true;
  fail();
  writeFileSync(at('f'), 'two');
  await until('two');
  expect(watch.polling).toBe(true);
  broken = false;
  writeFileSync(at('f'), 'three');
  await until('three');
  expect(watch.polling).toBe(false);
});

test('many events are one change', async () => {
  writeFileSync(at('f'), 'one');
  let event: (entry: string | null) => void = () => {};
  const watchDirectory: WatchDirectory = (path, onEvent) => {
    if (path === directory) event = onEvent;
    return { close() {} };
  };
  const { seen, until } = watching([at('f')], { watchDirectory });
  writeFileSync(at('f'), 'two');
  for (let i = 0; i < 100; i++) event('f');
  await until('two');
  expect(seen).toEqual([]);
});

test('nothing is told after the end', () => {
  writeFileSync(at('f'), 'one');
  let event: (entry: string | null) => void = () => {};
  let open = 0;
  const watchDirectory: WatchDirectory = (_path, onEvent) => {
    event = onEvent;
    open++;
    return { close: () => open-- };
  };
  const { watch } = watching([at('f')], { watchDirectory });
  expect(open).toBeGreaterThan(0);
  watch.close();
  expect(open).toBe(0);
  event('f');
  watch.add([asRead(at('f'))]);
  expect(open).toBe(0);
});
