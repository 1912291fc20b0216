import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex, duplexPair } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { Abort } from './abort.ts';
import { DuplexTransport, TransportDuplex } from './duplex-transport.ts';
import { canonicalAddress, type Listening, type ListenOptions, type ListenTarget, listen } from './server/listen.ts';
import { connectTcp, type SocketTransport } from './socket-transport.ts';
import { type Splice, splice } from './splice.ts';
import type { ConnectionInfo, Transport } from './transport.ts';

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** What a transport tells, as a list. */
class Log {
  readonly events: string[] = [];
  readonly closed: Promise<Error | null>;
  #close!: (error: Error | null) => void;
  #waiting: (() => void)[] = [];

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#close = resolve;
    });
  }
  onData(chunk: Buffer): void {
    this.#add(chunk.toString('latin1'));
  }
  onEnd(): void {
    this.#add('<end>');
  }
  onDrain(): void {
    this.#add('<drain>');
  }
  onClose(error: Error | null): void {
    this.#add(`<close ${(error as NodeJS.ErrnoException | null)?.code ?? error?.message ?? null}>`);
    this.#close(error);
  }
  #add(event: string): void {
    this.events.push(event);
    for (const wake of this.#waiting.splice(0)) wake();
  }
  async until(text: string): Promise<void> {
    while (!this.events.join('').includes(text)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

async function listening(
  onConnection: (transport: SocketTransport, info: ConnectionInfo) => void,
  target: ListenTarget = { host: '127.0.0.1', port: 0 },
  options: ListenOptions = {},
): Promise<Listening> {
  const found = await listen(target, options, onConnection);
  open.push(async () => {
    for (const each of found.connections) each.destroy();
    await found.close();
  });
  return found;
}

/** Both ends of a TCP connection: the dialled one and the accepted one. */
async function pair(): Promise<[dialled: SocketTransport, accepted: SocketTransport]> {
  const accepted = Promise.withResolvers<SocketTransport>();
  const { address } = await listening(accepted.resolve);
  const dialled = await connectTcp({ host: address.host, port: address.port });
  open.push(() => dialled.destroy());
  return [dialled, await accepted.promise];
}

/** The same over in-process duplexes, and over a Duplex made from a transport. */
async function duplexes(): Promise<[Transport, Transport]> {
  const [a, b] = duplexPair();
  a.allowHalfOpen = true;
  b.allowHalfOpen = true;
  open.push(() => a.destroy());
  return [new DuplexTransport(a), new DuplexTransport(b)];
}

async function wrapped(): Promise<[Transport, Transport]> {
  const [a, b] = await pair();
  return [new DuplexTransport(new TransportDuplex(a)), new DuplexTransport(new TransportDuplex(b))];
}

describe.each([
  ['a socket', pair],
  ['a duplex', duplexes],
  ['a duplex over a transport', wrapped],
])('a transport over %s', (_name, make) => {
  it('carries bytes and latin1 text both ways, and ends one side at a time', async () => {
    const [a, b] = await make();
    const [atA, atB] = [new Log(), new Log()];
    a.start(atA);
    b.start(atB);
    a.write('caf\xe9 ');
    a.write(Buffer.from('bytes'));
    a.end();
    await atB.until('<end>');
    expect(atB.events.join('')).toBe('caf\xe9 bytes<end>');
    b.write('late answer');
    b.end();
    await atA.closed;
    await atB.closed;
    expect(atA.events.join('')).toBe('late answer<end><close null>');
    expect(atB.events.join('')).toBe('caf\xe9 bytes<end><close null>');
  });

  it('delivers nothing before it is started', async () => {
    const [a, b] = await make();
    const atA = new Log();
    a.start(atA);
    a.write('early');
    b.write('answer');
    const atB = new Log();
    b.start(atB);
    await atB.until('early');
    await atA.until('answer');
  });

  it('can be handed to another consumer', async () => {
    const [a, b] = await make();
    const [first, second] = [new Log(), new Log()];
    b.start(first);
    a.start(new Log());
    a.write('one');
    await first.until('one');
    b.start(second);
    a.write('two');
    a.end();
    await second.until('<end>');
    expect(first.events).toEqual(['one']);
    b.end();
    await second.closed;
  });

  it('makes a writer wait for a reader that is paused', async () => {
    const [a, b] = await make();
    const [atA, atB] = [new Log(), new Log()];
    a.start(atA);
    b.start(atB);
    b.pause();
    const chunk = Buffer.alloc(1_048_576, 120);
    let written = 0;
    while (written < 64 && a.write(chunk)) written++;
    expect(written).toBeLessThan(64);
    expect(atA.events).toEqual([]);
    b.resume();
    await atA.until('<drain>');
    expect(atB.events.length).toBeGreaterThan(0);
  });

  it('is closed for its consumer when destroyed, once', async () => {
    const [a, b] = await make();
    const [atA, atB] = [new Log(), new Log()];
    a.start(atA);
    b.start(atB);
    a.destroy();
    expect(await atA.closed).toBeNull();
    expect(atA.events).toEqual(['<close null>']);
    b.destroy();
    await atB.closed;
    const late = new Log();
    a.start(late);
    if (a instanceof DuplexTransport) await late.closed;
  });
});

describe('connectTcp', () => {
  it('keeps the codes of errors', async () => {
    const { address, close } = await listening(() => {});
    await close();
    await expect(connectTcp({ host: '127.0.0.1', port: address.port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(connectTcp({ path: '/nowhere/socket' })).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(connectTcp({ host: 'localhost', port: 1 })).rejects.toThrow('not an IP address');
  });

  it('gives up when aborted or late', async () => {
    const aborted = new Abort();
    aborted.abort(new Error('before'));
    await expect(connectTcp({ host: '127.0.0.1', port: 9 }, { signal: aborted })).rejects.toThrow('before');
    const signal = new Abort();
    const connecting = connectTcp({ host: '192.0.2.1', port: 9 }, { signal });
    signal.abort(new Error('while connecting'));
    await expect(connecting).rejects.toThrow('while connecting');
    // An address of documentation that nothing answers; where the network refuses it at once there is nothing to wait for.
    const late = connectTcp({ host: '192.0.2.1', port: 9 }, { timeout: 5 });
    await expect(late).rejects.toMatchObject({
      code: expect.stringMatching(/^(ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ECONNREFUSED)$/),
    });
  });

  it('tells what broke the connection', async () => {
    const [dialled, accepted] = await pair();
    const log = new Log();
    dialled.start(log);
    accepted.start(new Log());
    accepted.socket.resetAndDestroy();
    expect(await log.closed).toMatchObject({ code: 'ECONNRESET' });
  });

  it('resets the connection when destroyed for a reason, so that nobody takes it for an orderly end', async () => {
    const [dialled, accepted] = await pair();
    const [log, own] = [new Log(), new Log()];
    dialled.start(log);
    accepted.start(own);
    accepted.write('half');
    await log.until('half');
    accepted.destroy(new Error('broken'));
    expect((await own.closed)?.message).toBe('broken');
    expect(await log.closed).toMatchObject({ code: 'ECONNRESET' });
    expect(log.events).toEqual(['half', '<close ECONNRESET>']);
  });

  it('takes keep-alive', async () => {
    const { address } = await listening(
      () => {},
      { host: '127.0.0.1', port: 0 },
      { keepAlive: { enabled: true, time: 1000 } },
    );
    const keepAlive = { enabled: true, time: 180_000, interval: 180_000, retries: 9 };
    const transport = await connectTcp({ host: '127.0.0.1', port: address.port }, { keepAlive });
    transport.destroy();
  });
});

describe('listen', () => {
  it('serves unix sockets', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'listen-'));
    open.push(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'socket');
    const found = await listening((transport) => transport.write('hi'), { path });
    expect(found.path).toBe(path);
    const transport = await connectTcp({ path });
    const log = new Log();
    transport.start(log);
    await log.until('hi');
    transport.destroy();
  });

  it('tells canonical addresses and counts connections', async () => {
    expect([canonicalAddress('::ffff:1.2.3.4'), canonicalAddress('::1'), canonicalAddress(undefined)]).toEqual([
      '1.2.3.4',
      '::1',
      '',
    ]);
    const infos: ConnectionInfo[] = [];
    const both = Promise.withResolvers<void>();
    const { address, connections } = await listening(
      (_transport, info) => {
        infos.push(info);
        if (infos.length === 2) both.resolve();
      },
      { host: '::', port: 0 },
    );
    for (let i = 0; i < 2; i++) {
      const transport = await connectTcp({ host: '127.0.0.1', port: address.port });
      open.push(() => transport.destroy());
    }
    await both.promise;
    expect(infos[0]).toMatchObject({
      remoteAddress: '127.0.0.1',
      localAddress: '127.0.0.1',
      localPort: address.port,
      tls: null,
    });
    expect((infos[1]?.id ?? 0) - (infos[0]?.id ?? 0)).toBe(1);
    expect(connections.size).toBe(2);
  });

  it('refuses a port that is taken, shares one with reusePort, and stops accepting at once', async () => {
    const first = await listening(() => {}, { host: '127.0.0.1', port: 0 }, { reusePort: true });
    const { port } = first.address;
    await expect(listen({ host: '127.0.0.1', port }, {}, () => {})).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const second = await listening(() => {}, { host: '127.0.0.1', port }, { reusePort: true });
    await first.close();
    await second.close();
    await expect(connectTcp({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('lets accepted connections live after close', async () => {
    const accepted = Promise.withResolvers<SocketTransport>();
    const found = await listening(accepted.resolve);
    const dialled = await connectTcp({ host: '127.0.0.1', port: found.address.port });
    open.push(() => dialled.destroy());
    const server = await accepted.promise;
    await found.close();
    const log = new Log();
    dialled.start(log);
    server.write('still here');
    await log.until('still here');
  });
});

describe('splice', () => {
  async function spliced(): Promise<{
    left: Transport;
    right: Transport;
    joint: Splice;
    ended: Promise<Error | null>;
  }> {
    const [left, a] = await pair();
    const [right, b] = await pair();
    const { promise, resolve } = Promise.withResolvers<Error | null>();
    return { left, right, joint: splice(a, b, resolve), ended: promise };
  }

  it('copies both ways, passes ends on one by one and counts', async () => {
    const { left, right, joint, ended } = await spliced();
    const [atLeft, atRight] = [new Log(), new Log()];
    left.start(atLeft);
    right.start(atRight);
    left.write('question');
    left.end();
    await atRight.until('<end>');
    right.write('the answer');
    right.end();
    await atLeft.until('<end>');
    expect(await ended).toBeNull();
    expect([atRight.events[0], atLeft.events[0], joint.sent, joint.received]).toEqual([
      'question',
      'the answer',
      8,
      10,
    ]);
  });

  it('makes a fast sender wait for a slow receiver', async () => {
    const { left, right } = await spliced();
    const [atLeft, atRight] = [new Log(), new Log()];
    left.start(atLeft);
    right.start(atRight);
    right.pause();
    const chunk = Buffer.alloc(1_048_576, 120);
    let written = 0;
    while (written < 64 && left.write(chunk)) written++;
    expect(written).toBeLessThan(64);
    right.resume();
    await atLeft.until('<drain>');
  });

  it('breaks one side when the other breaks', async () => {
    const { left, right, ended } = await spliced();
    const [atLeft, atRight] = [new Log(), new Log()];
    left.start(atLeft);
    right.start(atRight);
    (left as SocketTransport).socket.resetAndDestroy();
    expect(await ended).toMatchObject({ code: 'ECONNRESET' });
    await atRight.closed;
  });

  it('can be cut', async () => {
    const { left, right, joint, ended } = await spliced();
    const [atLeft, atRight] = [new Log(), new Log()];
    left.start(atLeft);
    right.start(atRight);
    joint.destroy(new Error('deadline'));
    expect((await ended)?.message).toBe('deadline');
    await atLeft.closed;
    await atRight.closed;
  });
});

describe('a duplex over a transport', () => {
  it('begins with the bytes that were read before', async () => {
    const [a, b] = await pair();
    const duplex = new TransportDuplex(b, Buffer.from('head '));
    a.start(new Log());
    a.write('tail');
    a.end();
    const chunks: string[] = [];
    for await (const chunk of duplex) chunks.push(String(chunk));
    expect(chunks.join('')).toBe('head tail');
    expect(duplex).toBeInstanceOf(Duplex);
  });

  it('leaves nothing open', async () => {
    const [a, b] = await pair();
    const [atA, atB] = [new Log(), new Log()];
    a.start(atA);
    b.start(atB);
    a.destroy();
    await atA.closed;
    b.destroy();
    await atB.closed;
    expect(a.socket.destroyed && b.socket.destroyed).toBe(true);
  });
});
