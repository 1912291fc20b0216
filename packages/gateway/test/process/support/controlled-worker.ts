import { once } from 'node:events';
import { connect } from 'node:net';
import { isMainThread, workerData } from 'node:worker_threads';

// Loaded into every thread of a gateway under test: see WorkerControl.
const path = process.env.WORKER_CONTROL;
if (!isMainThread && path !== undefined) {
  const socket = connect(path);
  await once(socket, 'connect');
  socket.write(`worker ${workerData.worker.index}\n`);
  if (process.env.WORKER_HELD === '1') await once(socket, 'data');
  socket.on('data', () => {
    throw new Error('crashed by the test');
  });
  socket.on('error', () => {});
  socket.unref();
}
