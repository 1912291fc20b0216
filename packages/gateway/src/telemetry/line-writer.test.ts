import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { LINE_LOCK_BYTES, LineLock, releaseDeadWriter } from './line-lock.ts';
import { LineWriter } from './line-writer.ts';

const script = fileURLToPath(new URL('./testing/line-writers.ts', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'line-writer-'));
afterAll(() => rmSync(directory, { recursive: true }));

const COUNT = 5_000;

/** Every line whole, none lost, each thread's in its order. */
function expectAll(output: string): void {
  const next = [0, 0, 0, 0];
  const lines = output.split('\n');
  expect(lines.pop()).toBe('');
  for (const line of lines) {
    const match = /^([0-3]) (\d+) ((\w)\4*) (\d+)$/.exec(line);
    if (match === null) throw new Error(`torn line: ${line.slice(0, 200)}`);
    const thread = Number(match[1]);
    if (Number(match[2]) !== next[thread] || match[3]?.length !== Number(match[5])) {
      throw new Error(`lost or changed: ${line.slice(0, 200)}`);
    }
    next[thread] = (next[thread] ?? 0) + 1;
  }
  expect(next).toEqual([COUNT, COUNT, COUNT, COUNT]);
}

function shell(command: string, ...args: string[]) {
  return spawn('sh', ['-c', command, 'sh', process.execPath, script, String(COUNT), ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
}

test('four threads into one pipe that is read slowly: every line whole, none lost', async () => {
  // The reader starts when the pipe is full and the threads' queues fill up behind it.
  const child = shell('"$1" "$2" "$3" | { read go <&3; cat; }');
  const output = text(child.stdout!);
  let said = '';
  child.stderr!.on('data', (chunk) => {
    said += chunk;
    if (said.includes('filled')) (child.stdio[3] as NodeJS.WritableStream).end('go\n');
  });
  expectAll(await output);
});

test('four threads into one socket', async () => {
  const child = shell('exec "$1" "$2" "$3"');
  expectAll(await text(child.stdout!));
});

test('four threads into one file', () => {
  const file = join(directory, 'lines');
  execFileSync('sh', ['-c', '"$1" "$2" "$3" > "$4"', 'sh', process.execPath, script, String(COUNT), file], {
    stdio: 'ignore',
  });
  expectAll(readFileSync(file, 'utf8'));
});

function fifo(name: string): string {
  const path = join(directory, name);
  execFileSync('mkfifo', [path]);
  return path;
}

function writer(fd: number, options: { capacity?: number; memory?: SharedArrayBuffer } = {}) {
  const lock = options.memory ?? new SharedArrayBuffer(LINE_LOCK_BYTES);
  return new LineWriter({
    fd,
    lock,
    id: 1,
    delay: 0,
    ...(options.capacity === undefined ? {} : { capacity: options.capacity }),
  });
}

test('a full pipe costs no waiting until the queue is full, and nothing is lost', async () => {
  const fd = openSync(fifo('full'), constants.O_RDWR | constants.O_NONBLOCK);
  const lines = writer(fd);
  let expected = '';
  for (let i = 0; i < 3_000; i++) {
    const line = `${i} ${'x'.repeat(95)}\n`;
    expected += line;
    lines.write(line);
  }
  expect(lines.flush(5)).toBe(false);
  let read = '';
  const buffer = Buffer.alloc(10_000);
  while (read.length < expected.length) {
    try {
      read += buffer.toString('latin1', 0, readSync(fd, buffer));
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('EAGAIN');
      await turn();
    }
  }
  expect(read).toBe(expected);
  expect(lines.flush(0)).toBe(true);
  expect(lines.lost).toBe(0);
  lines[Symbol.dispose]();
  closeSync(fd);
});

test('an output that nobody reads any more loses lines but breaks nothing', () => {
  const path = fifo('gone');
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const lines = writer(fd);
  lines.write('one\n');
  expect(lines.flush()).toBe(true);
  closeSync(reader);
  lines.write('two\n');
  expect(lines.flush()).toBe(true);
  lines.write('three\n');
  expect(lines.lost).toBe(2);
  lines[Symbol.dispose]();
  closeSync(fd);
});

test('what a dead thread began is ended before the next line', () => {
  const memory = new SharedArrayBuffer(LINE_LOCK_BYTES);
  const dead = new LineLock(memory, 2);
  expect(dead.tryAcquire()).toBe(true);
  dead.begin();

  const path = join(directory, 'torn');
  const fd = openSync(path, 'w');
  const lines = writer(fd, { memory });
  lines.write('mine\n');
  expect(lines.flush(5)).toBe(false);
  releaseDeadWriter(memory, 3);
  expect(lines.flush(5)).toBe(false);
  releaseDeadWriter(memory, 2);
  expect(lines.flush()).toBe(true);
  lines.write('next\n');
  lines[Symbol.dispose]();
  closeSync(fd);
  expect(readFileSync(path, 'utf8')).toBe('\nmine\nnext\n');
});
