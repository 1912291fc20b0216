import { describe, expect, test } from 'vitest';
import { Abort } from '../abort.ts';
import { MemoryTransport } from '../memory-transport.ts';
import { turn } from '../test-clock.ts';
import type { Transport, TransportHandler } from '../transport.ts';
import type { UpstreamError } from './errors.ts';
import { openTunnel } from './tunnel.ts';

class Reader implements TransportHandler {
  text = '';
  closed = false;
  onData(chunk: Buffer): void {
    this.text += chunk.toString('latin1');
  }
  onEnd(): void {}
  onDrain(): void {}
  onClose(): void {
    this.closed = true;
  }
}

async function scene(authorization: string | null = null, host = 'target.test') {
  const [near, far] = MemoryTransport.pair();
  const proxy = new Reader();
  far.start(proxy);
  const abort = new Abort();
  const outcome: { tunnel: Transport | null; error: UpstreamError | null } = { tunnel: null, error: null };
  openTunnel(near, { host, port: 443, authorization }, abort).then(
    (tunnel) => {
      outcome.tunnel = tunnel;
    },
    (error) => {
      outcome.error = error;
    },
  );
  await settle();
  return { near, far, proxy, abort, outcome };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
}

describe('CONNECT', () => {
  test('asks for host and port, with the credential that the proxy wants', async () => {
    const { proxy } = await scene('Basic my-key');
    expect(proxy.text).toBe(
      'CONNECT target.test:443 HTTP/1.1\r\nHost: target.test:443\r\nProxy-Authorization: Basic my-key\r\n\r\n',
    );
  });

  test('puts an IPv6 address in brackets', async () => {
    const { proxy } = await scene(null, '::1');
    expect(proxy.text).toBe('CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n');
  });

  const answer = 'HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nhello';
  test.each(Array.from({ length: answer.length - 1 }, (_, i) => i + 1))(
    'the bytes behind the head are the tunnel, cut at %i',
    async (cut) => {
      const { far, outcome } = await scene();
      far.write(answer.slice(0, cut));
      await settle();
      far.write(answer.slice(cut));
      await settle();
      const reader = new Reader();
      outcome.tunnel?.start(reader);
      await settle();
      expect(reader.text).toBe('hello');
    },
  );

  test.each([
    ['HTTP/1.0 200\r\n\r\n', true],
    ['HTTP/1.1 200 \r\n\r\n', true],
    ['HTTP/1.1 201 Created\r\n\r\n', false],
    ['HTTP/2 200 OK\r\n\r\n', false],
    ['HTTP/1.1 2000\r\n\r\n', false],
    ['200 OK\r\n\r\n', false],
  ])('%j', async (head, good) => {
    const { far, outcome } = await scene();
    far.write(head);
    await settle();
    expect(outcome.tunnel !== null).toBe(good);
    if (!good) expect(outcome.error?.message).toContain('tunnel failed');
  });

  test.each([
    ['HTTP/1.1 407 Proxy Authentication Required\r\n\r\n', 'Connect: tunnel required auth'],
    ['HTTP/1.1 502 Bad Gateway\r\n\r\n', 'Connect: tunnel failed: status 502'],
    [
      `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(8_192)}`,
      "Connect: tunnel failed: the proxy's head is larger than 8192 bytes",
    ],
  ])('%#: is refused, and the connection closed', async (head, message) => {
    const { far, near, outcome } = await scene();
    far.write(head);
    await settle();
    expect([outcome.error?.kind, outcome.error?.message, near.destroyed]).toEqual(['Tunnel', message, true]);
  });

  test('a head of exactly the limit passes', async () => {
    const { far, outcome } = await scene();
    const start = 'HTTP/1.1 200 OK\r\nx: ';
    far.write(`${start}${'y'.repeat(8_192 - start.length - 4)}\r\n\r\n`);
    await settle();
    expect(outcome.tunnel).not.toBe(null);
  });

  test('an end before the answer is told as such', async () => {
    const { far, outcome, near } = await scene();
    far.write('HTTP/1.1 200');
    far.end();
    await settle();
    expect([outcome.error?.message, near.destroyed]).toEqual(['Connect: tunnel unexpected eof', true]);
  });

  test('an abort closes it in the same turn', async () => {
    const { near, abort, outcome } = await scene();
    abort.abort(new Error('no time left'));
    expect(near.destroyed).toBe(true);
    await settle();
    expect(outcome.error?.message).toBe('Canceled: no time left');
  });
});
