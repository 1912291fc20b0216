import { connect, createServer, type Server } from 'node:net';
import { expect, test } from 'vitest';
import { backend, bind, settings, startSupervisor } from './fixtures/gateway.ts';
import { ChangeRefused, type Supervisor } from './supervisor.ts';

async function values(supervisor: Supervisor, topic: string, payload?: unknown, index?: number): Promise<unknown[]> {
  return (await supervisor.ask(topic, payload, index)).map((answer) => answer.value);
}

test('a change reaches every worker, and readiness comes with the first', async () => {
  await using gateway = await startSupervisor(3);
  const { supervisor } = gateway;
  let ready = false;
  void supervisor.ready.then(() => {
    ready = true;
  });
  await supervisor.ask('state');
  expect(ready).toBe(false);
  await supervisor.replace('file', [backend('a'), backend('b')]);
  await supervisor.ready;
  expect(await values(supervisor, 'state')).toEqual(Array(3).fill(['backend /a', 'backend /b']));
});

test('only what differs is sent, and what says the same sends nothing', async () => {
  await using gateway = await startSupervisor(2);
  const { supervisor } = gateway;
  await supervisor.replace('file', [backend('a')]);
  await supervisor.replace('file', [backend('a')]);
  await supervisor.replace('file', [backend('b')]);
  expect(await values(supervisor, 'history')).toEqual(Array(2).fill(['prepare', 'commit', 'prepare', 'commit']));
  expect(await values(supervisor, 'state')).toEqual(Array(2).fill(['backend /b']));
});

test('a change that one worker refuses happens in none, and the store goes on as it was', async () => {
  await using gateway = await startSupervisor(3);
  const { supervisor } = gateway;
  await supervisor.replace('file', [backend('a')]);
  const refused = supervisor.replace('file', [backend('a'), backend('b', { refuse: 'no such thing', worker: 1 })]);
  await expect(refused).rejects.toThrow(new ChangeRefused('no such thing'));
  expect(supervisor.store.snapshot().map((r) => r.key)).toEqual(['/a']);
  expect(await values(supervisor, 'state')).toEqual(Array(3).fill(['backend /a']));
  expect(await values(supervisor, 'history', null, 0)).toEqual([['prepare', 'commit', 'prepare', 'rollback']]);
  expect(await values(supervisor, 'history', null, 1)).toEqual([['prepare', 'commit', 'prepare']]);
  await supervisor.replace('file', [backend('c')]);
  expect(await values(supervisor, 'state')).toEqual(Array(3).fill(['backend /c']));
});

test('a refused first change can be followed by a good one', async () => {
  await using gateway = await startSupervisor(2);
  await expect(gateway.supervisor.replace('file', [backend('a', { refuse: 'bad' })])).rejects.toThrow('bad');
  await gateway.supervisor.replace('file', [backend('a')]);
  await gateway.supervisor.ready;
  expect(await values(gateway.supervisor, 'state')).toEqual(Array(2).fill(['backend /a']));
});

test('changes of a source that wait become one; sources do not mix', async () => {
  await using gateway = await startSupervisor(2);
  const { supervisor } = gateway;
  const first = supervisor.replace('file', [backend('a')]);
  await Promise.all([
    first,
    supervisor.replace('file', [backend('never')]),
    supervisor.apply('xds', { upserts: [backend('x'), backend('y')], removals: [] }),
    supervisor.replace('file', [backend('b')]),
    supervisor.apply('xds', { upserts: [], removals: [{ kind: 'backend', key: '/x' }] }),
  ]);
  expect(await values(supervisor, 'state')).toEqual(Array(2).fill(['backend /b', 'backend /y']));
  const [history] = await values(supervisor, 'history', null, 0);
  expect((history as string[]).length).toBeLessThanOrEqual(6);
});

test('a key of two sources is refused before any worker hears of it', async () => {
  await using gateway = await startSupervisor(1);
  await gateway.supervisor.replace('file', [backend('a')]);
  await expect(gateway.supervisor.replace('xds', [backend('a')])).rejects.toThrow('both file and xds');
  expect(await values(gateway.supervisor, 'history')).toEqual([['prepare', 'commit']]);
});

test('a worker that crashes is replaced with the current state while the others serve', async () => {
  await using gateway = await startSupervisor(3);
  const { supervisor, log } = gateway;
  await supervisor.replace('file', [backend('a')]);
  const before = await supervisor.ask('state');
  await supervisor.ask('crash', null, 1);
  await log.line('worker 1 died: Error: crashed as told');
  expect(await values(supervisor, 'state', null, 0)).toEqual([['backend /a']]);
  await log.line('worker 1 was replaced');
  const after = await supervisor.ask('state');
  expect(after.map((answer) => answer.value)).toEqual(Array(3).fill(['backend /a']));
  expect(after.map((answer) => answer.worker.index)).toEqual([0, 1, 2]);
  expect(after[1]?.worker.epoch).toBeGreaterThan(before[2]?.worker.epoch as number);
});

test.each(['prepare', 'commit'] as const)(
  'a worker that dies at %s neither stops the change nor spoils it',
  async (die) => {
    await using gateway = await startSupervisor(3);
    const { supervisor, log } = gateway;
    await supervisor.replace('file', [backend('a')]);
    await supervisor.replace('file', [backend('b', { die, worker: 2 })]);
    expect(await values(supervisor, 'state', null, 0)).toEqual([['backend /b']]);
    await log.line('worker 2 died: exit code');
    await supervisor.replace('file', [backend('c')]);
    await log.line('worker 2 was replaced');
    expect(await values(supervisor, 'state')).toEqual(Array(3).fill(['backend /c']));
  },
);

test('a worker that cannot commit what it prepared is not left in doubt: it is replaced', async () => {
  await using gateway = await startSupervisor(2);
  const { supervisor, log } = gateway;
  await supervisor.replace('file', [backend('a', { breakCommit: 'broken', worker: 1 })]);
  await log.line('worker 1 died: a prepared change could not be committed: broken');
  expect(await values(supervisor, 'state', null, 0)).toEqual([['backend /a']]);
  await supervisor.replace('file', [backend('b')]);
  await supervisor.ready;
  expect(await values(supervisor, 'state')).toEqual(Array(2).fill(['backend /b']));
});

test('a change that kills every worker is refused, and they come back with the state before it', async () => {
  await using gateway = await startSupervisor(2);
  const { supervisor, log } = gateway;
  await supervisor.replace('file', [backend('a')]);
  await expect(supervisor.replace('file', [backend('b', { die: 'prepare' })])).rejects.toThrow('every worker died');
  await log.line('worker 0 was replaced');
  await log.line('worker 1 was replaced');
  expect(await values(supervisor, 'state')).toEqual(Array(2).fill(['backend /a']));
});

test('a worker that hangs in a change is ended, and the change goes on without it', async () => {
  await using gateway = await startSupervisor(2, { changeTimeout: 1_000 });
  const { supervisor, log } = gateway;
  await supervisor.replace('file', [backend('a', { hang: 'prepare', worker: 1 })]);
  await log.line('worker 1 died: no end of "prepare" within 1000 ms');
  expect(await values(supervisor, 'state', null, 0)).toEqual([['backend /a']]);
});

test('a change may cure what kills all workers', async () => {
  const waits: number[] = [];
  await using gateway = await startSupervisor(1, {
    backoff: (crashes) => {
      waits.push(crashes);
      return 3_600_000;
    },
  });
  const { supervisor, log } = gateway;
  await supervisor.replace('file', [backend('a')]);
  await supervisor.kill(0, 'test');
  await log.line('worker 0 died: test');
  await supervisor.replace('file', [backend('b')]);
  expect(waits).toEqual([1]);
  expect(await values(supervisor, 'state')).toEqual([['backend /b']]);
});

test('workers that die again and again wait longer and longer', async () => {
  const waits: number[] = [];
  const third = Promise.withResolvers<void>();
  await using gateway = await startSupervisor(1, {
    backoff(crashes) {
      waits.push(crashes);
      if (crashes === 3) third.resolve();
      return crashes === 3 ? 3_600_000 : 0;
    },
  });
  const { supervisor } = gateway;
  await supervisor.replace('file', [backend('a', { die: 'commit' })]).catch(() => {});
  await third.promise;
  expect(waits).toEqual([1, 2, 3]);
});

test('workers share a port; port 0 is settled once for all', async () => {
  await using gateway = await startSupervisor(3);
  const { supervisor } = gateway;
  await supervisor.replace('file', [bind(0)]);
  const port = supervisor.ports.get('bind/0')?.port as number;
  expect(port).toBeGreaterThan(0);
  const seen = new Set<string>();
  // The kernel chooses the worker; every answer names the one port.
  for (let i = 0; i < 200 && seen.size < 3; i++) seen.add(await answer(port));
  expect([...seen].sort()).toEqual([`0 ${port}`, `1 ${port}`, `2 ${port}`]);
  await supervisor.kill(0, 'test');
  await gateway.log.line('worker 0 was replaced');
  expect(supervisor.ports.get('bind/0')?.port).toBe(port);
  const again = new Set<string>();
  for (let i = 0; i < 200 && again.size < 3; i++) again.add(await answer(port));
  expect([...again].sort()).toEqual([`0 ${port}`, `1 ${port}`, `2 ${port}`]);
});

test('a port that somebody else has, sharing or not, is refused by its address and changes nothing', async () => {
  for (const reusePort of [false, true]) {
    const other = await listenOn(0, reusePort);
    await using gateway = await startSupervisor(1);
    await gateway.supervisor.replace('file', [backend('a')]);
    await expect(gateway.supervisor.replace('file', [bind(other.port)])).rejects.toThrow(
      `cannot listen on 127.0.0.1:${other.port}: address already in use`,
    );
    expect(await values(gateway.supervisor, 'state')).toEqual([['backend /a']]);
    expect(await values(gateway.supervisor, 'history')).toEqual([['prepare', 'commit']]);
    other.server.close();
    await gateway.supervisor.replace('file', [bind(other.port)]);
    expect(await answer(other.port)).toBe(`0 ${other.port}`);
  }
});

test('a bind that moves to another key keeps its port', async () => {
  await using gateway = await startSupervisor(2);
  await gateway.supervisor.replace('file', [bind(0)]);
  const port = gateway.supervisor.ports.get('bind/0')?.port as number;
  await gateway.supervisor.replace('file', [bind(port)]);
  expect(await answer(port)).toContain(`${port}`);
  expect([...gateway.supervisor.ports.keys()]).toEqual([`bind/${port}`]);
});

test('metrics of all workers come together, log lines and the log level travel', async () => {
  await using gateway = await startSupervisor(2);
  const { supervisor, log } = gateway;
  await supervisor.replace('file', [backend('a')]);
  expect((await supervisor.metrics()).map((answer) => answer.value)).toEqual([{ serving: 1 }, { serving: 1 }]);
  expect(await values(supervisor, 'level')).toEqual(['info', 'info']);
  supervisor.setLogLevel('debug');
  expect(await values(supervisor, 'level')).toEqual(['debug', 'debug']);
  await supervisor.ask('log', 'hello from a worker', 0);
  await log.line('hello from a worker');
  await supervisor.kill(1, 'test');
  await log.line('worker 1 was replaced');
  expect(await values(supervisor, 'level')).toEqual(['debug', 'debug']);
  expect(await values(supervisor, 'nobody knows this')).toEqual([]);
});

test('session tokens are read by every worker and name their owner', async () => {
  await using gateway = await startSupervisor(2);
  const [token] = await values(gateway.supervisor, 'token', 'state', 1);
  const [opened] = await values(gateway.supervisor, 'open', token, 0);
  expect(opened).toEqual({ owner: { index: 1, epoch: 2, instance: gateway.supervisor.instance }, payload: 'state' });
});

test('a drain reaches every worker, refuses changes, and leaves nothing', async () => {
  const gateway = await startSupervisor(2);
  const { supervisor, log } = gateway;
  await supervisor.replace('file', [bind(0)]);
  const port = supervisor.ports.get('bind/0')?.port as number;
  const drained = supervisor.drain();
  await expect(supervisor.replace('file', [])).rejects.toThrow('shutting down');
  await drained;
  expect(log.lines).toContain('drain started');
  expect(log.lines.filter((line) => line.endsWith('drains')).sort()).toEqual(['worker 0 drains', 'worker 1 drains']);
  expect(log.lines.filter((line) => line.includes('died'))).toEqual([]);
  await expect(answer(port)).rejects.toThrow('ECONNREFUSED');
});

test('a worker that does not end its drain is ended', async () => {
  await using gateway = await startSupervisor(2, {
    settings: { ...settings(2), terminationDeadline: 0 },
    drainSlack: 100,
  });
  const { supervisor, log } = gateway;
  await supervisor.replace('file', [backend('a', { hang: 'drain', worker: 1 })]);
  await supervisor.drain();
  expect(log.lines).toContain('worker 1 died: the drain took too long');
});

test('where workers cannot share a port, one of them listens', async () => {
  await using gateway = await startSupervisor(3, { sharePorts: false });
  const { supervisor, log } = gateway;
  await supervisor.replace('file', [bind(0)]);
  const port = supervisor.ports.get('bind/0')?.port as number;
  for (let i = 0; i < 10; i++) expect(await answer(port)).toBe(`0 ${port}`);
  await supervisor.kill(0, 'test');
  await log.line('worker 0 was replaced');
  expect(await answer(port)).toBe(`0 ${port}`);
});

test('a gateway whose workers cannot start says why and leaves nothing', async () => {
  await expect(startSupervisor(2, { dataPlane: 'file:///nothing/here.ts' })).rejects.toThrow(
    /worker \d cannot start: .*nothing\/here/s,
  );
});

function answer(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

function listenOn(port: number, reusePort: boolean): Promise<{ server: Server; port: number }> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen({ host: '127.0.0.1', port, reusePort }, () => {
      resolve({ server, port: (server.address() as { port: number }).port });
    });
  });
}
