import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BodyConsumer, type BodyStream, isStream } from '../body.ts';
import { Headers } from '../headers.ts';
import { replayable } from './replay.ts';

/** A source that is driven by hand. It reuses the memory of its chunks, as a socket does. */
class Source implements BodyStream {
  readonly length: number | undefined;
  readonly calls: string[] = [];
  consumer: BodyConsumer | null = null;
  readonly #scratch = Buffer.alloc(1 << 17);
  constructor(length?: number) {
    this.length = length;
  }
  read(consumer: BodyConsumer): void {
    this.calls.push('read');
    this.consumer = consumer;
  }
  pause(): void {
    this.calls.push('pause');
  }
  resume(): void {
    this.calls.push('resume');
  }
  cancel(reason: Error): void {
    this.calls.push(`cancel ${reason.message}`);
    this.consumer = null;
  }
  push(text: string): void {
    const size = this.#scratch.write(text);
    this.consumer?.onData(this.#scratch.subarray(0, size));
    this.#scratch.fill(0);
  }
}

class Sink implements BodyConsumer {
  text = '';
  readonly events: string[] = [];
  onData(chunk: Buffer): void {
    this.text += chunk.toString();
  }
  onTrailers(trailers: Headers): void {
    this.events.push(`trailers ${trailers.get('a')}`);
  }
  onEnd(): void {
    this.events.push('end');
  }
  onError(error: Error): void {
    this.events.push(error.message);
  }
}

function read(body: unknown): { body: BodyStream; sink: Sink } {
  if (!isStream(body as never)) throw new Error('not a stream');
  const sink = new Sink();
  (body as BodyStream).read(sink);
  return { body: body as BodyStream, sink };
}

const stop = new Error('stop');

describe('a body in hand', () => {
  test('nothing, and bytes up to the limit, can be had for ever', () => {
    const bytes = Buffer.alloc(65_536);
    const [none, some] = [replayable(null), replayable(bytes)];
    expect([none.next(), none.next(), none.canReplay()]).toEqual([null, null, true]);
    expect(some.next()).toBe(bytes);
    expect(some.next()).toBe(bytes);
  });

  test('a byte more can be had once', () => {
    const replay = replayable(Buffer.alloc(65_537));
    replay.next();
    expect(replay.canReplay()).toBe(false);
    expect(() => replay.next()).toThrow('cannot be sent again');
  });
});

describe('a stream', () => {
  test('the second try gets what the first had read, then the rest, trailers and end', () => {
    const source = new Source();
    const replay = replayable(source);
    const first = read(replay.next());
    source.push('one ');
    first.body.cancel(stop);
    const second = read(replay.next());
    expect(second.sink.text).toBe('one ');
    source.push('two');
    source.consumer?.onTrailers(Headers.of(['a', 'b']));
    source.consumer?.onEnd();
    expect([second.sink.text, second.sink.events]).toEqual(['one two', ['trailers b', 'end']]);
    expect(first.sink.text).toBe('one ');
    const third = read(replay.next());
    expect([third.sink.text, third.sink.events]).toEqual(['one two', ['trailers b', 'end']]);
    expect(source.calls).toEqual(['read', 'pause', 'resume']);
  });

  test('no other try while one is still reading', () => {
    const source = new Source();
    const replay = replayable(source);
    const first = read(replay.next());
    source.push('x');
    expect(replay.canReplay()).toBe(false);
    first.body.cancel(stop);
    expect(replay.canReplay()).toBe(true);
  });

  test('a try that was never read does not stand in the way', () => {
    const source = new Source();
    const replay = replayable(source);
    const unread = replay.next() as BodyStream;
    const { sink } = read(replay.next());
    source.push('x');
    expect(sink.text).toBe('x');
    expect(() => unread.read(new Sink())).toThrow('latest try');
  });

  test('more than the limit goes through, and ends the chance of another try', () => {
    const source = new Source();
    const replay = replayable(source, 4);
    const first = read(replay.next());
    source.push('1234');
    source.push('5');
    source.push('67');
    expect(first.sink.text).toBe('1234567');
    first.body.cancel(stop);
    expect(replay.canReplay()).toBe(false);
    expect(source.calls).toEqual(['read', 'cancel stop']);
  });

  test('exactly the limit can be had again', () => {
    const source = new Source();
    const replay = replayable(source, 4);
    const first = read(replay.next());
    source.push('1234');
    first.body.cancel(stop);
    expect(read(replay.next()).sink.text).toBe('1234');
  });

  test('a declared length over the limit keeps nothing from the start', () => {
    const source = new Source(5);
    const replay = replayable(source, 4);
    const first = read(replay.next());
    source.push('1');
    expect(first.body.length).toBe(5);
    first.body.cancel(stop);
    expect([replay.canReplay(), source.calls]).toEqual([false, ['read', 'cancel stop']]);
  });

  test('the last try keeps nothing and passes its cancelling on', () => {
    const source = new Source();
    const replay = replayable(source);
    read(replay.next()).body.cancel(stop);
    const last = read(replay.next(true));
    source.push('x');
    expect(replay.canReplay()).toBe(false);
    last.body.cancel(stop);
    expect(source.calls.at(-1)).toBe('cancel stop');
  });

  test('releasing cancels a source that waits, and leaves one that is read to its reader', () => {
    const waiting = new Source();
    const one = replayable(waiting);
    read(one.next()).body.cancel(stop);
    one.release(new Error('done'));
    expect(waiting.calls.at(-1)).toBe('cancel done');

    const busy = new Source();
    const other = replayable(busy);
    const { body, sink } = read(other.next());
    other.release(new Error('done'));
    busy.push('still here');
    expect([sink.text, busy.calls]).toEqual(['still here', ['read']]);
    body.cancel(stop);
    expect(busy.calls.at(-1)).toBe('cancel stop');
  });

  test('a pause during what is kept holds it; a pause behind it reaches the source', () => {
    const source = new Source();
    const replay = replayable(source);
    const first = read(replay.next());
    source.push('a');
    source.push('b');
    first.body.cancel(stop);
    const second = replay.next() as BodyStream;
    const seen: string[] = [];
    second.read({
      onData(chunk) {
        seen.push(chunk.toString());
        second.pause();
      },
      onTrailers() {},
      onEnd() {},
      onError() {},
    });
    expect(seen).toEqual(['a']);
    second.resume();
    expect(seen).toEqual(['a', 'b']);
    expect(source.calls.filter((call) => call === 'resume')).toEqual([]);
    second.resume();
    expect(source.calls.at(-1)).toBe('resume');
    source.push('c');
    expect([seen.at(-1), source.calls.at(-1)]).toEqual(['c', 'pause']);
  });

  test('what the source still had in hand between two tries is not lost', () => {
    const source = new Source();
    const replay = replayable(source);
    read(replay.next()).body.cancel(stop);
    source.push('late');
    expect(read(replay.next()).sink.text).toBe('late');
  });

  test('and if it is too much, there is no other try', () => {
    const source = new Source();
    const replay = replayable(source, 3);
    read(replay.next()).body.cancel(stop);
    source.push('late');
    expect(replay.canReplay()).toBe(false);
    expect(source.calls.at(-1)).toMatch(/^cancel/);
  });

  test('a source that breaks ends the try and the chance of another', () => {
    const source = new Source();
    const replay = replayable(source);
    const { sink } = read(replay.next());
    source.push('x');
    source.consumer?.onError(new Error('client left'));
    expect([sink.events, replay.canReplay()]).toEqual([['client left'], false]);
  });

  test('any order of data, pauses and tries gives every try a prefix, and the last one everything', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('data' as const), size: fc.integer({ min: 1, max: 9 }) }),
      fc.record({ kind: fc.constantFrom('pause' as const, 'resume' as const, 'again' as const), size: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 60 }), (steps, limit) => {
        const source = new Source();
        const replay = replayable(source, limit);
        let { body, sink } = read(replay.next());
        let sent = '';
        for (const { kind, size } of steps) {
          if (kind === 'pause') body.pause();
          else if (kind === 'resume') body.resume();
          else if (kind === 'again') {
            body.cancel(stop);
            if (!replay.canReplay()) {
              expect(sent.length).toBeGreaterThan(limit);
              expect(sent.startsWith(sink.text)).toBe(true);
              return;
            }
            ({ body, sink } = read(replay.next()));
          } else {
            const text = String.fromCharCode(97 + (sent.length % 26)).repeat(size);
            sent += text;
            source.push(text);
          }
          expect(sent.startsWith(sink.text)).toBe(true);
        }
        body.resume();
        source.consumer?.onEnd();
        expect([sink.text, sink.events]).toEqual([sent, ['end']]);
      }),
      { seed: 7, numRuns: 2_000 },
    );
  });
});
