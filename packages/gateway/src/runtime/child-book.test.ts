import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { ChildBook } from './child-book.ts';
import { ChildClient } from './child-client.ts';
import { backend, startSupervisor, TestLog } from './fixtures/gateway.ts';
import type { ChildCommand, ChildExit, FromWorker } from './messages.ts';

const OWNER = 1;

/** A command that runs a script with Node. */
function script(source: string, more: Partial<ChildCommand> = {}): ChildCommand {
  return { command: process.execPath, args: ['-e', source], env: {}, clearEnv: false, ...more };
}

/** A book and a worker's client, joined without the threads between them. */
async function book(grace?: number) {
  const directory = await mkdtemp(join(tmpdir(), 'children-'));
  const log = new TestLog();
  const made = new ChildBook(directory, log, grace);
  onTestFinished(async () => {
    await made.close();
    await rm(directory, { recursive: true });
  });
  const post = (message: FromWorker) => {
    if (message.type === 'childEnd') made.end(message.child);
    if (message.type !== 'childStart') return;
    const onExit = (id: number, exit: ChildExit) => client.exited(id, exit);
    made.start(OWNER, message.command, onExit).then(
      (child) => client.started(message.request, child),
      (error: Error) => client.refused(message.request, error.message),
    );
  };
  const client = new ChildClient(post);
  return { book: made, client, log, directory };
}

/** A server that hears when the processes connected to it are gone: the system closes what a killed process had open. */
async function watcher() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  const joined = async (): Promise<Socket> => ((await once(server, 'connection')) as [Socket])[0];
  const join = `require('net').connect(${port}, '127.0.0.1').on('error', () => {});`;
  return { joined, join };
}

async function gone(socket: Socket): Promise<void> {
  socket.on('error', () => {});
  socket.resume();
  if (!socket.closed) await once(socket, 'close');
}

test('what goes in comes out, the end of the input ends the child, and the exit is told', async () => {
  const { client, book: children, log, directory } = await book();
  const child = await client.start(script('console.error("to the log"); process.stdin.pipe(process.stdout)'));
  child.stdio.end('x'.repeat(1_000_000));
  expect((await text(child.stdio)).length).toBe(1_000_000);
  expect(await child.exited).toEqual({ code: 0, signal: null });
  await log.line('to the log');
  await children.close();
  expect(children.size).toBe(0);
  expect(await readdir(directory)).toEqual([]);
});

test('a child that writes and ends at once is heard', async () => {
  const { client } = await book();
  const child = await client.start(script('console.log("bye"); process.exitCode = 3'));
  expect(await text(child.stdio)).toBe('bye\n');
  expect(await child.exited).toEqual({ code: 3, signal: null });
});

test('the environment is the gateway’s and more, or only what was given; the readiness hand-off is never in it', async () => {
  const { client } = await book();
  process.env.CHILD_BOOK_TEST = 'own';
  onTestFinished(() => {
    delete process.env.CHILD_BOOK_TEST;
  });
  const print = 'console.log(process.env.CHILD_BOOK_TEST, process.env.GIVEN, process.env.READY_FD)';
  const own = await client.start(script(print, { env: { GIVEN: 'given' } }));
  expect(await text(own.stdio)).toBe('own given undefined\n');
  const cleared = await client.start(script(print, { env: { GIVEN: 'given' }, clearEnv: true }));
  expect(await text(cleared.stdio)).toBe('undefined given undefined\n');
});

test('a command that does not exist is refused by its name', async () => {
  const { client, book: children } = await book();
  await expect(client.start({ ...script(''), command: '/no/such/command' })).rejects.toThrow(
    'cannot start /no/such/command: ',
  );
  expect(children.size).toBe(0);
});

test('a child that ignores SIGTERM is killed, and its grandchild with it', async () => {
  const { client } = await book(100);
  const { joined, join } = await watcher();
  const grandchild = `process.on('SIGTERM', () => {}); ${join}`;
  const child = await client.start(
    script(`
      process.on('SIGTERM', () => {});
      require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(grandchild)}], { stdio: 'ignore' });
      setInterval(() => {}, 1000);`),
  );
  const grandchildSocket = await joined();
  child.end();
  expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
  await gone(grandchildSocket);
});

test('a grandchild does not outlive a child that ends by itself', async () => {
  const { client, book: children } = await book();
  const { joined, join } = await watcher();
  const child = await client.start(
    script(`
      require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(join)}], { stdio: 'ignore' }).unref();
      process.stdin.once('data', () => process.exit(0));`),
  );
  const grandchildSocket = await joined();
  child.stdio.write('end');
  expect(await child.exited).toEqual({ code: 0, signal: null });
  await gone(grandchildSocket);
  await children.close();
});

test('a worker that lets go of its child, or is gone, ends it', async () => {
  const { client, book: children } = await book();
  const waiting = script('setInterval(() => {}, 1000)');
  const [dropped, owned] = await Promise.all([client.start(waiting), client.start(waiting)]);
  dropped.stdio.destroy();
  expect(await dropped.exited).toEqual({ code: null, signal: 'SIGTERM' });
  children.endOwned(OWNER + 1);
  children.endOwned(OWNER);
  expect(await owned.exited).toEqual({ code: null, signal: 'SIGTERM' });
});

test('a book that closes ends what is there and what is on its way', async () => {
  const { client, book: children } = await book();
  const waiting = script('setInterval(() => {}, 1000)');
  const child = await client.start(waiting);
  const late = expect(client.start(waiting)).rejects.toThrow('shutting down');
  await children.close();
  expect(await child.exited).toEqual({ code: null, signal: 'SIGTERM' });
  await late;
  await expect(client.start(waiting)).rejects.toThrow('shutting down');
  expect(children.size).toBe(0);
});

test('the child of a worker that is killed ends, wherever the worker stood', async () => {
  await using gateway = await startSupervisor(1);
  const { supervisor, log } = gateway;
  await supervisor.replace('file', [backend('a')]);
  const { joined, join } = await watcher();
  const connection = joined();
  const [pid] = await supervisor.ask('child', script(`${join} console.log(process.pid)`));
  expect(Number(pid?.value)).toBeGreaterThan(0);
  const socket = await connection;
  await supervisor.kill(0, 'test');
  await gone(socket);
  await log.line('worker 0 was replaced');
});

test('a socket of a child takes one connection', async () => {
  const { book: children } = await book();
  const started = await children.start(OWNER, script('process.stdin.resume()'), () => {});
  const first = connect(started.stdio);
  await once(first, 'connect');
  first.write('x');
  const second = connect(started.stdio);
  const [error] = (await once(second, 'error')) as [NodeJS.ErrnoException];
  expect(['ECONNREFUSED', 'ENOENT']).toContain(error.code);
  first.destroy();
});
