import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { CellBook } from './cell-book.ts';
import { CellLock, hashSpec } from './cells.ts';
import { backend, startSupervisor } from './fixtures/gateway.ts';
import type { Supervisor } from './supervisor.ts';

async function count(supervisor: Supervisor): Promise<unknown[]> {
  return (await supervisor.ask('count')).map((answer) => answer.value);
}

test('a counter stays exact over four workers, a reload and a worker killed with the lock in its hand', async () => {
  await using gateway = await startSupervisor(4);
  const { supervisor, log } = gateway;
  await supervisor.replace('file', [backend('counted', { counter: 'v1' })]);
  await supervisor.ask('add', 5_000);
  expect(await count(supervisor)).toEqual(Array(4).fill(20_000));

  const counting = supervisor.ask('add', 5_000);
  await supervisor.replace('file', [backend('counted', { counter: 'v1' }), backend('other')]);
  await counting;
  expect(await count(supervisor)).toEqual(Array(4).fill(40_000));

  await supervisor.ask('hold', null, 2);
  const waiting = Promise.all([0, 1, 3].map((index) => supervisor.ask('add', 1_000, index)));
  await supervisor.kill(2, 'test');
  await waiting;
  await log.line('worker 2 was replaced');
  expect(await count(supervisor)).toEqual(Array(4).fill(43_000));
  await supervisor.ask('add', 1_000);
  expect(await count(supervisor)).toEqual(Array(4).fill(47_000));
  const abandoned = await supervisor.ask('abandoned');
  expect(abandoned.filter((answer) => answer.value === true)).toHaveLength(1);
});

test('a resource that changes around an unchanged specification keeps its cell; another specification begins anew', async () => {
  await using gateway = await startSupervisor(2);
  const { supervisor } = gateway;
  await supervisor.replace('file', [backend('a', { counter: 'v1' })]);
  await supervisor.ask('add', 10);
  await supervisor.replace('file', [{ ...backend('a', { counter: 'v1' }), name: { namespace: 'x', name: 'a' } }]);
  expect(await count(supervisor)).toEqual([20, 20]);
  await supervisor.replace('file', [backend('a', { counter: 'v2' })]);
  expect(await count(supervisor)).toEqual([0, 0]);
  expect(supervisor.cellCount).toBe(2);
  await supervisor.replace('file', []);
  expect(supervisor.cellCount).toBe(0);
});

test('a change that is refused neither keeps the cells it asked for nor loses those that were there', async () => {
  await using gateway = await startSupervisor(2);
  const { supervisor } = gateway;
  await supervisor.replace('file', [backend('a', { counter: 'v1' })]);
  await supervisor.ask('add', 10);
  const refused = [backend('a', { counter: 'v2' }), backend('b', { refuse: 'no', worker: 1 })];
  await expect(supervisor.replace('file', refused)).rejects.toThrow('no');
  expect(supervisor.cellCount).toBe(2);
  expect(await count(supervisor)).toEqual([20, 20]);
});

test('a cell has one size, an owner, and a bound', async () => {
  const book = new CellBook();
  const ask = asker(book);
  const wish = { owners: ['route a'], spec: 'h', name: 'n', bytes: 8, lock: false };
  expect((await ask(wish)).cell?.byteLength).toBe(8);
  expect((await ask({ ...wish, bytes: 16 })).refused).toBe('cell "n" of route a has 8 bytes, not 16');
  expect((await ask({ ...wish, owners: [] })).refused).toBe('cell "n" belongs to no resource');
  expect((await ask({ ...wish, name: 'm', bytes: 1e9 })).refused).toContain('cannot have 1000000000 bytes');
  expect((await ask({ ...wish, name: 'm', bytes: 0.5 })).refused).toContain('cannot have 0.5 bytes');
});

test('a cell of several owners goes with the first of them', async () => {
  const book = new CellBook();
  const ask = asker(book);
  const wish = { spec: 'h', name: 'n', bytes: 8, lock: false };
  await ask({ ...wish, owners: ['policy p', 'route a'] });
  await ask({ ...wish, owners: ['policy p', 'route b'] });
  book.begin();
  book.commit({ upserts: [], removals: [{ kind: 'route', key: 'a' }] });
  expect(book.size).toBe(1);
  book.begin();
  book.commit({ upserts: [], removals: [{ kind: 'policy', key: 'p' }] });
  expect(book.size).toBe(0);
});

test('a lock knows its holder', () => {
  const memory = new SharedArrayBuffer(8);
  const one = new CellLock(memory, 1);
  const two = new CellLock(memory, 2);
  one.acquire();
  expect(two.tryAcquire()).toBe(false);
  expect(() => one.acquire()).toThrow('held by this worker already');
  expect(() => two.release()).toThrow('not held by this worker');
  expect(CellLock.releaseFor(memory, 2)).toBe(false);
  one.release();
  expect(two.tryAcquire()).toBe(true);
  expect(CellLock.releaseFor(memory, 2)).toBe(true);
  one.acquire();
  expect([one.takeAbandoned(), one.takeAbandoned()]).toEqual([true, false]);
});

test('whoever waits for a lock is woken when its holder dies', async () => {
  const memory = new SharedArrayBuffer(8);
  new CellLock(memory, 7).acquire();
  const source = `
    import { CellLock } from ${JSON.stringify(new URL('./cells.ts', import.meta.url).href)};
    import { parentPort, workerData } from 'node:worker_threads';
    parentPort.postMessage('waiting');
    new CellLock(workerData, 8).acquire();
    parentPort.postMessage('held');`;
  const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
  const worker = new Worker(url, { workerData: memory });
  const heard: string[] = [];
  const held = Promise.withResolvers<void>();
  worker.on('message', (text: string) => {
    heard.push(text);
    if (text === 'waiting') CellLock.releaseFor(memory, 7);
    else held.resolve();
  });
  await held.promise;
  await worker.terminate();
  expect(heard).toEqual(['waiting', 'held']);
});

test('the hash of a specification is that of its content', () => {
  expect(hashSpec({ a: 1, b: [1, 2], c: undefined })).toBe(hashSpec({ b: [1, 2], a: 1 }));
  expect(hashSpec({ a: 1 })).not.toBe(hashSpec({ a: '1' }));
  expect(hashSpec([1, 2])).not.toBe(hashSpec([2, 1]));
  expect(hashSpec([])).not.toBe(hashSpec({}));
});

/** Asks as a worker would, without its sleep. */
function asker(book: CellBook) {
  const { channel } = book.connect();
  return (request: object) =>
    new Promise<{ cell?: SharedArrayBuffer; refused?: string }>((resolve) => {
      channel.port.once('message', resolve);
      channel.port.postMessage(request);
    }).finally(() => channel.port.unref());
}
