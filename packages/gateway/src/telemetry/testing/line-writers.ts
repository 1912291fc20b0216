/**
 * Four threads that write numbered lines to standard output, some longer than a pipe keeps whole. Says `filled` on standard
 * error once every thread has handed over more than a pipe holds. Run by the test of the line writer.
 */
import { isMainThread, parentPort, threadId, Worker, workerData } from 'node:worker_threads';
import { LINE_LOCK_BYTES } from '../line-lock.ts';
import { LineWriter } from '../line-writer.ts';

const THREADS = 4;

if (isMainThread) {
  const lock = new SharedArrayBuffer(LINE_LOCK_BYTES);
  const count = Number(process.argv[2]);
  let filled = 0;
  for (let thread = 0; thread < THREADS; thread++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: { lock, count, thread } });
    worker.on('message', () => {
      filled += 1;
      if (filled === THREADS) process.stderr.write('filled\n');
    });
  }
} else {
  const { lock, count, thread } = workerData as { lock: SharedArrayBuffer; count: number; thread: number };
  const writer = new LineWriter({ fd: 1, lock, id: threadId + 1, capacity: 2_000, delay: 1 });
  for (let line = 0; line < count; line++) {
    const length = line % 100 === 0 ? 9_000 : 40 + (line % 60);
    writer.write(`${thread} ${line} ${String.fromCharCode(97 + thread).repeat(length)} ${length}\n`);
    if (line === 1_500) parentPort?.postMessage('filled');
  }
  writer[Symbol.dispose]();
}
