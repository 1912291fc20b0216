import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readFrame, type SseEvent, SseFrames, SseFrameTooLarge, singleDataStart } from './sse.ts';

interface Read {
  readonly frames: string[];
  readonly events: SseEvent[];
  readonly rest: string;
}

function read(chunks: readonly Buffer[], limit = 1 << 20): Read {
  const frames: string[] = [];
  const events: SseEvent[] = [];
  const reader = new SseFrames(limit, {
    onFrame(bytes, from, to) {
      frames.push(bytes.toString('utf8', from, to));
      const event = readFrame(bytes, from, to);
      if (event !== null) events.push(event);
    },
  });
  for (const chunk of chunks) {
    // The chunk is overwritten behind the reader's back, as a shared read buffer is.
    const copy = Buffer.from(chunk);
    reader.push(copy);
    copy.fill(0x21);
  }
  return { frames, events, rest: reader.rest.toString() };
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return sorted.slice(1).map((end, i) => bytes.subarray(sorted[i] as number, end));
}

const streams: readonly [name: string, text: string, data: string[]][] = [
  ['LF', 'data: a\n\ndata: b\n\n', ['a', 'b']],
  ['CRLF', 'data: a\r\n\r\ndata: b\r\n\r\n', ['a', 'b']],
  ['CR', 'data: a\r\rdata: b\r\r', ['a', 'b']],
  ['mixed line ends', 'data: a\n\r\ndata: b\r\n\ndata: c\r\r\ndata: d\n\r', ['a', 'b', 'c', 'd']],
  ['a byte order mark', '\ufeffdata: a\n\n', ['a']],
  ['comments', ': hello\n\ndata: a\n: between\n\n:\n\n', ['a']],
  ['several data lines', 'data: a\ndata:b\ndata:  c\ndata\n\n', ['a\nb\n c\n']],
  ['blank lines between', '\n\ndata: a\n\n\n\r\n\ndata: b\n\n', ['a', 'b']],
  ['text beyond ASCII', 'data: é😀\n\n', ['é😀']],
];

describe.each(streams)('%s', (_, text, data) => {
  const bytes = Buffer.from(text);

  test('is read whole', () => {
    expect(read([bytes]).events.map((event) => event.data)).toEqual(data);
  });

  test('is read the same cut at every byte, and no byte is lost', () => {
    for (let at = 0; at <= bytes.length; at++) {
      const { events, frames, rest } = read([bytes.subarray(0, at), bytes.subarray(at)]);
      expect(events.map((event) => event.data)).toEqual(data);
      expect(frames.join('') + rest).toBe(text);
    }
    const { events, frames, rest } = read(Array.from(bytes, (byte) => Buffer.of(byte)));
    expect(events.map((event) => event.data)).toEqual(data);
    expect(frames.join('') + rest).toBe(Buffer.from(text).toString());
  });
});

test('any stream in any pieces gives the events of the whole, and every byte back', () => {
  const line = fc.oneof(
    fc.string().map((text) => `data: ${text.replaceAll(/[\r\n]/g, '')}`),
    fc.constantFrom('data', 'event: e', 'id: 7', ': c', 'retry: 5', ''),
  );
  const ends = fc.constantFrom('\n', '\r\n', '\r');
  fc.assert(
    fc.property(fc.array(fc.tuple(line, ends)), fc.array(fc.nat()), (lines, places) => {
      const text = lines.map(([content, end]) => content + end).join('');
      const bytes = Buffer.from(text);
      const whole = read([bytes]);
      const pieces = read(cut(bytes, places));
      expect(pieces.events).toEqual(whole.events);
      expect(pieces.frames.join('') + pieces.rest).toBe(bytes.toString());
    }),
    { numRuns: 500 },
  );
});

test('fields of an event are read', () => {
  const { events } = read([Buffer.from('event: error\nid: 5\nretry: 100\nretry: x\nother: y\ndata: {}\n\n')]);
  expect(events).toEqual([{ event: 'error', data: '{}', id: '5', retry: 100 }]);
});

test('a frame is handed over by the push that completes it', () => {
  const seen: string[] = [];
  const reader = new SseFrames(100, { onFrame: (bytes, from, to) => seen.push(bytes.toString('utf8', from, to)) });
  reader.push(Buffer.from('data: a\n\ndata: b'));
  expect(seen).toEqual(['data: a\n\n']);
  expect(reader.rest.toString()).toBe('data: b');
  reader.push(Buffer.from('\n\n'));
  expect(seen).toEqual(['data: a\n\n', 'data: b\n\n']);
  expect(reader.rest.length).toBe(0);
});

test.each([1, 7, 1000])('a frame over the limit is refused, in chunks of %i', (size) => {
  const bytes = Buffer.from(`data: fits\n\ndata: ${'x'.repeat(200)}\n\n`);
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  expect(() => read(chunks, 100)).toThrow(SseFrameTooLarge);
  expect(() => read(chunks, 208)).not.toThrow();
});

test('a usual frame tells where its data begins', () => {
  const at = (text: string) => singleDataStart(Buffer.from(text), 0, text.length);
  expect([at('data: x\n\n'), at('data:x\n\n'), at('event: e\n\n'), at('data\n\n'), at('\n')]).toEqual([
    6, 5, -1, -1, -1,
  ]);
});
