import { Abort, type BodyConsumer, type BodyStream, Headers } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { hold } from './hold.ts';

/** A stream that a test drives, which notes what is done to it. */
class Source implements BodyStream {
  readonly length = undefined;
  readonly done: string[] = [];
  to: BodyConsumer | null = null;

  read(consumer: BodyConsumer): void {
    this.to = consumer;
  }

  pause(): void {
    this.done.push('pause');
  }

  resume(): void {
    this.done.push('resume');
  }

  cancel(reason: Error): void {
    this.done.push(`cancel ${reason.message}`);
  }

  /** The same memory each time, as a codec's reads are. */
  data(text: string): void {
    shared.fill(0);
    this.to?.onData(shared.subarray(0, shared.write(text)));
  }
}
const shared = Buffer.alloc(16);

function consumer(on: (chunk: string) => void = () => {}) {
  const events: string[] = [];
  return {
    events,
    onData(chunk: Buffer) {
      events.push(chunk.toString());
      on(chunk.toString());
    },
    onTrailers: (trailers: Headers) => events.push(`trailers ${trailers.get('t')}`),
    onEnd: () => events.push('end'),
    onError: (error: Error) => events.push(`error ${error.message}`),
  };
}

test('what fits comes as one piece', async () => {
  const source = new Source();
  const held = hold(source, 5, new Abort());
  source.data('ab');
  source.data('cde');
  source.to?.onEnd();
  const all = Buffer.from('abcde');
  expect(await held).toEqual({ whole: true, body: all, bytes: all });
  const empty = new Source();
  const nothing = hold(empty, 5, new Abort());
  empty.to?.onEnd();
  expect(await nothing).toEqual({ whole: true, body: null, bytes: Buffer.alloc(0) });
});

test('trailers stay with it', async () => {
  const source = new Source();
  const held = hold(source, 5, new Abort());
  source.data('ab');
  source.to?.onTrailers(Headers.of(['t', '1']));
  source.to?.onEnd();
  const { whole, body } = await held;
  const reader = consumer();
  (body as BodyStream).read(reader);
  expect([whole, ...reader.events]).toEqual([true, 'ab', 'trailers 1', 'end']);
});

test('what does not fit stops its source, and flows on from its first byte', async () => {
  const source = new Source();
  const held = hold(source, 3, new Abort());
  source.data('ab');
  source.data('cd');
  source.data('ef');
  const { whole, body } = await held;
  expect([whole, ...source.done]).toEqual([false, 'pause']);
  const reader = consumer();
  (body as BodyStream).read(reader);
  source.data('gh');
  source.to?.onEnd();
  expect(reader.events).toEqual(['ab', 'cd', 'ef', 'gh', 'end']);
  expect(source.done).toEqual(['pause', 'resume']);
});

test('a slow reader is not flooded with what was held, nor with what follows', async () => {
  const source = new Source();
  const held = hold(source, 1, new Abort());
  for (const text of ['a', 'b', 'c']) source.data(text);
  const body = (await held).body as BodyStream;
  const reader = consumer(() => body.pause());
  body.read(reader);
  source.data('d');
  source.to?.onEnd();
  const seen = [reader.events.length];
  for (let i = 0; i < 4; i++) {
    body.resume();
    seen.push(reader.events.length);
  }
  expect(seen).toEqual([1, 2, 3, 4, 5]);
  expect(reader.events).toEqual(['a', 'b', 'c', 'd', 'end']);
});

test('a reader may cancel in the midst of what was held', async () => {
  const source = new Source();
  const held = hold(source, 1, new Abort());
  source.data('a');
  source.data('b');
  const body = (await held).body as BodyStream;
  const reader = consumer(() => body.cancel(new Error('enough')));
  body.read(reader);
  expect(reader.events).toEqual(['a']);
  expect(source.done).toEqual(['pause', 'cancel enough']);
});

test('what breaks breaks for whoever has it', async () => {
  const early = new Source();
  const held = hold(early, 9, new Abort());
  early.to?.onError(new Error('broke'));
  await expect(held).rejects.toThrow('broke');

  const late = new Source();
  const over = hold(late, 1, new Abort());
  late.data('ab');
  const body = (await over).body as BodyStream;
  late.to?.onError(new Error('broke'));
  const reader = consumer();
  body.read(reader);
  expect(reader.events).toEqual(['ab', 'error broke']);
});

test('nobody waits for a body once the exchange is over', async () => {
  const source = new Source();
  const abort = new Abort();
  const held = hold(source, 9, abort);
  source.data('a');
  abort.abort(new Error('gone'));
  await expect(held).rejects.toThrow('gone');
  expect(source.done).toEqual(['cancel gone']);
  const late = new Source();
  await expect(hold(late, 9, abort)).rejects.toThrow('gone');
  expect([late.to, late.done]).toEqual([null, ['cancel gone']]);
});
