import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { TestLog } from './fixtures/gateway.ts';
import { announceReady, Shutdown } from './shutdown.ts';

function shutdown(steps: Partial<{ drain: () => Promise<void>; flush: () => Promise<void> }> = {}) {
  const order: string[] = [];
  const signals = new EventEmitter();
  const made = new Shutdown(
    {
      drain: steps.drain ?? (async () => void order.push('drain')),
      flush: steps.flush ?? (async () => void order.push('flush')),
    },
    new TestLog(),
    signals,
    (code) => order.push(`exit ${code}`),
  );
  return { made, order, signals };
}

test.each(['SIGTERM', 'SIGINT'] as const)('%s drains, then flushes, and lets go of the signals', async (signal) => {
  const { made, order, signals } = shutdown();
  signals.emit(signal);
  expect(await made.done).toBe(0);
  expect(order).toEqual(['drain', 'flush']);
  expect([signals.listenerCount('SIGTERM'), signals.listenerCount('SIGINT')]).toEqual([0, 0]);
});

test('it happens once, however often it is asked for', async () => {
  const { made, order, signals } = shutdown();
  made.quit('admin');
  signals.emit('SIGTERM');
  signals.emit('SIGTERM');
  await made.done;
  expect(order).toEqual(['drain', 'flush']);
});

test('SIGINT during a drain ends it on the spot', () => {
  const { order, signals } = shutdown({ drain: () => new Promise(() => {}) });
  signals.emit('SIGINT');
  expect(order).toEqual([]);
  signals.emit('SIGINT');
  expect(order).toEqual(['exit 0']);
});

test('a step that fails is told by the exit code and does not stop the others', async () => {
  const { made, order } = shutdown({ drain: () => Promise.reject(new Error('no')) });
  made.quit('admin');
  expect(await made.done).toBe(1);
  expect(order).toEqual(['flush']);
});

test('READY_FD must name an open descriptor', () => {
  expect(() => announceReady({})).not.toThrow();
  expect(() => announceReady({ READY_FD: 'x' })).toThrow('"x" is not a file descriptor');
  expect(() => announceReady({ READY_FD: '99999' })).toThrow('99999 is not open');
});

/** A gateway in a process of its own, from its readiness on. */
async function wholeGateway(...args: string[]) {
  const fixture = fileURLToPath(new URL('./fixtures/open-and-close.ts', import.meta.url));
  const watcher = createServer().listen(0, '127.0.0.1');
  await once(watcher, 'listening');
  const child = once(watcher, 'connection') as Promise<[Socket]>;
  const gateway = spawn(process.execPath, [fixture, ...args], {
    env: { ...process.env, READY_FD: '3', WATCH_PORT: String((watcher.address() as AddressInfo).port) },
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  });
  onTestFinished(() => {
    gateway.kill('SIGKILL');
    watcher.close();
  });
  const exited = once(gateway, 'exit');
  const stdout = gateway.stdout as Readable;
  const readyFd = once((gateway.stdio[3] as Readable).resume(), 'end');
  const [first] = (await once(stdout, 'data')) as [Buffer];
  const [, folder] = first.toString().trim().split(' ') as [string, string];
  const [childSocket] = await child;
  const childGone = new Promise((resolve) =>
    childSocket
      .on('error', () => {})
      .resume()
      .on('close', resolve),
  );
  await readyFd;
  expect(existsSync(folder)).toBe(true);
  const nothingIsLeft = async () => {
    expect(existsSync(folder)).toBe(false);
    await childGone;
  };
  return { gateway, stdout, exited, nothingIsLeft };
}

test('a whole gateway: READY_FD closes when it is ready, SIGTERM ends it, its children and its folder', async () => {
  const { gateway, stdout, exited, nothingIsLeft } = await wholeGateway();
  gateway.kill('SIGTERM');
  expect(await text(stdout)).toBe('flushed\n');
  expect(await exited).toEqual([0, null]);
  await nothingIsLeft();
});

test('a whole gateway: a second SIGINT ends it in the middle of its drain, and leaves nothing', async () => {
  const { gateway, stdout, exited, nothingIsLeft } = await wholeGateway('--never-drained');
  gateway.kill('SIGINT');
  expect(String(((await once(stdout, 'data')) as [Buffer])[0])).toBe('drains\n');
  gateway.kill('SIGINT');
  expect(await exited).toEqual([0, null]);
  await nothingIsLeft();
});
