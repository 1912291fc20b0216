import type { Body, BodyConsumer, BodyStream } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { Direction, type DirectionHost, type Outcome } from './direction.ts';
import type { Event } from './machine.ts';
import type { Modes } from './spec.ts';

const KIB = 1024;
const duplex: Modes = { headers: true, body: 'fullDuplexStreamed', trailers: true };
const answered: Event = { type: 'headersAnswer', mutation: null, modes: duplex };

/** A body that notes what is asked of it. */
class Source implements BodyStream {
  readonly length = undefined;
  readonly calls: string[] = [];
  consumer!: BodyConsumer;

  read(consumer: BodyConsumer): void {
    this.consumer = consumer;
  }

  pause(): void {
    this.calls.push('pause');
  }

  resume(): void {
    this.calls.push('resume');
  }

  cancel(reason: Error): void {
    this.calls.push(`cancel: ${reason.message}`);
  }
}

/** The other side of a direction: what was sent and released. */
class Host implements DirectionHost {
  canSend = true;
  sent = 0;
  released: Body = null;
  drains = 0;

  sendHeaders(): void {}
  sendTrailers(): void {}
  mutateHead(): void {}
  mutateTrailers(): void {}
  onTooLate(): void {}
  onDismiss(): void {}
  onFailOpen(): void {}

  sendBody(bytes: Buffer): void {
    this.sent += bytes.length;
  }

  release(body: Body): null {
    this.released = body;
    return null;
  }

  onBreak(): Error {
    return new Error('broken');
  }

  onDrained(): void {
    this.drains++;
  }
}

function begin(): { source: Source; host: Host; direction: Direction; outcomes: Outcome[] } {
  const source = new Source();
  const host = new Host();
  const direction = new Direction(host, source, { modes: duplex, limit: 1, failOpen: false });
  const outcomes: Outcome[] = [];
  expect(direction.start((outcome) => outcomes.push(outcome))).toBeNull();
  return { source, host, direction, outcomes };
}

const piece = (bytes: number): Event => ({
  type: 'bodyAnswer',
  mutation: null,
  body: { streamed: true, bytes: Buffer.alloc(bytes), end: false },
});

/** Reads a body, and stops after every chunk. */
class SlowReader implements BodyConsumer {
  bytes = 0;
  error: Error | null = null;
  readonly #body: BodyStream;

  constructor(body: Body) {
    this.#body = body as BodyStream;
    this.#body.read(this);
  }

  onData(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.#body.pause();
  }

  onTrailers(): void {}
  onEnd(): void {}

  onError(error: Error): void {
    this.error = error;
  }

  more(): void {
    this.#body.resume();
  }
}

test('a next hop that does not read stops the body at its source, before it stops the processor', () => {
  const { source, host, direction, outcomes } = begin();
  source.consumer.onData(Buffer.alloc(10));
  direction.on(answered);
  expect(outcomes).toEqual(['released']);
  const reader = new SlowReader(host.released);
  direction.on(piece(10));
  for (let i = 0; i < 4; i++) direction.on(piece(16 * KIB));
  expect(source.calls).toEqual([]);
  direction.on(piece(1));
  expect([source.calls, direction.full, reader.bytes]).toEqual([['pause'], false, 10]);
  for (let i = 0; i < 61; i++) direction.on(piece(16 * KIB));
  expect(direction.full).toBe(true);
  reader.more();
  reader.more();
  expect([direction.full, host.drains > 0, source.calls]).toEqual([false, true, ['pause']]);
  while (reader.bytes < 62 * 16 * KIB) reader.more();
  expect(source.calls).toEqual(['pause', 'resume']);
});

test('a processor that does not keep up stops the body at its source', () => {
  const { source, host, direction } = begin();
  host.canSend = false;
  source.consumer.onData(Buffer.alloc(10));
  expect([source.calls, host.sent]).toEqual([['pause'], 10]);
  host.canSend = true;
  direction.sendable();
  expect(source.calls).toEqual(['pause', 'resume']);
});

test("chunks are the source's again after the call", () => {
  const source = new Source();
  const host = new Host();
  const modes: Modes = { headers: false, body: 'buffered', trailers: true };
  const direction = new Direction(host, source, { modes, limit: 10, failOpen: false });
  direction.start(() => {});
  const lent = Buffer.from('abc');
  source.consumer.onData(lent);
  lent.fill('x');
  source.consumer.onEnd();
  direction.on({ type: 'bodyAnswer', mutation: null, body: null });
  expect(String(host.released)).toBe('abc');
});

test('a next hop that wants no more ends the body at its source, with its reason', () => {
  const { source, host, direction } = begin();
  direction.on(answered);
  (host.released as BodyStream).cancel(new Error('enough'));
  expect([source.calls, direction.over]).toEqual([['cancel: enough'], true]);
  direction.on(piece(10));
  source.consumer.onData(Buffer.alloc(10));
  expect(host.sent).toBe(0);
});

test('an exchange that is over stops the source and tells the reader', () => {
  const { source, host, direction } = begin();
  direction.on(answered);
  const reader = new SlowReader(host.released);
  direction.stop(new Error('over'));
  expect([source.calls, reader.error?.message]).toEqual([['cancel: over'], 'over']);
});

test('what waits is not told when the body breaks off', () => {
  const { host, direction } = begin();
  direction.on(answered);
  const reader = new SlowReader(host.released);
  direction.on(piece(10));
  direction.on(piece(10));
  direction.on({ type: 'lost', reason: 'gone', unsent: false });
  expect([reader.bytes, reader.error?.message]).toEqual([10, 'broken']);
});

test('a body in hand is one chunk and the end', () => {
  const host = new Host();
  const direction = new Direction(host, Buffer.from('abc'), { modes: duplex, limit: 1, failOpen: false });
  expect(direction.start(() => {})).toBeNull();
  expect([host.sent, direction.took]).toEqual([3, true]);
  const empty = new Direction(host, Buffer.alloc(0), {
    modes: { ...duplex, headers: false },
    limit: 1,
    failOpen: false,
  });
  expect(empty.start(() => {})).toBe('released');
});
