import { enableCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';

/**
 * The entry of a worker thread. All it imports before the compile cache is on is this file: the cache is a thread's own,
 * and halves the time that the rest takes to load. In JavaScript, since Node's compiler of TypeScript takes 30 ms to load.
 */
if (parentPort === null) throw new Error('this module is the entry of a worker thread');
/** @type {import('./messages.ts').WorkerData} */
const data = workerData;
if (data.compileCache !== null) enableCompileCache(data.compileCache);
const { runWorker } = await import('./worker-main.ts');
await runWorker(data, parentPort);
