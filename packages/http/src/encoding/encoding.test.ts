import zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type BodyConsumer, type BodyStream, BodyTooLarge, collect } from '../body.ts';
import { Headers } from '../headers.ts';
import { DecodingError, decodeBody, encodeBody } from './body.ts';
import { type ContentCoding, contentEncoding } from './encoding.ts';

const codings: ContentCoding[] = ['gzip', 'deflate', 'br', 'zstd'];

const compress: Record<ContentCoding, (bytes: Buffer) => Buffer> = {
  gzip: zlib.gzipSync,
  deflate: zlib.deflateSync,
  br: zlib.brotliCompressSync,
  zstd: zlib.zstdCompressSync,
};

/** A body whose producer is the test. */
class Source implements BodyStream {
  readonly length = undefined;
  consumer!: BodyConsumer;
  readonly log: string[] = [];
  read(consumer: BodyConsumer): void {
    this.consumer = consumer;
  }
  pause(): void {
    this.log.push('pause');
  }
  resume(): void {
    this.log.push('resume');
  }
  cancel(reason: Error): void {
    this.log.push(`cancel: ${reason.message}`);
  }
}

/** Bytes as a stream in chunks of `size`, each chunk overwritten after its call as a shared read buffer would be. */
function streamOf(bytes: Buffer, size: number): BodyStream {
  const source = new Source();
  source.read = (consumer) => {
    for (let at = 0; at < bytes.length; at += size) {
      const chunk = Buffer.from(bytes.subarray(at, at + size));
      consumer.onData(chunk);
      chunk.fill(0);
    }
    consumer.onEnd();
  };
  return source;
}

describe('content-encoding', () => {
  it.each([
    [[], null],
    [['identity'], null],
    [['gzip'], 'gzip'],
    [['X-GZIP'], 'gzip'],
    [['identity, br'], 'br'],
    [['identity', 'zstd'], 'zstd'],
    [['gzip, br'], 'unsupported'],
    [['gzip', 'gzip'], 'unsupported'],
    [['compress'], 'unsupported'],
    [[''], null],
  ])('%j is %s', (values, expected) => {
    const headers = Headers.of(...values.map((value): [string, string] => ['content-encoding', value]));
    expect(contentEncoding(headers)).toBe(expected);
  });
});

describe.each(codings)('%s', (coding) => {
  const text = Buffer.from('some text that repeats, some text that repeats. '.repeat(50));

  it('is decoded whole, and cut at every byte', async () => {
    const coded = compress[coding](text);
    expect(await collect(decodeBody(coded, coding), 1e6)).toEqual(text);
    expect(await collect(decodeBody(streamOf(coded, 1), coding), 1e6)).toEqual(text);
    for (let length = 1; length < coded.length; length++) {
      // Cut inside the trailer or the data alike: a part is never the whole.
      await expect(collect(decodeBody(streamOf(coded.subarray(0, length), 64), coding), 1e6)).rejects.toThrow(
        DecodingError,
      );
    }
  });

  it('round trips, with nothing and with trailers', async () => {
    expect(await collect(decodeBody(encodeBody(streamOf(text, 100), coding), coding), 1e6)).toEqual(text);
    expect(await collect(decodeBody(null, coding), 1)).toEqual(Buffer.alloc(0));
    const source = new Source();
    const events: string[] = [];
    const done = new Promise<void>((resolve) =>
      decodeBody(source, coding).read({
        onData: (chunk) => events.push(String(chunk)),
        onTrailers: (trailers) => events.push(`trailers ${trailers.get('a')}`),
        onEnd: resolve,
        onError() {},
      }),
    );
    source.consumer.onData(compress[coding](Buffer.from('x')));
    source.consumer.onTrailers(Headers.of(['a', '1']));
    source.consumer.onEnd();
    await done;
    expect(events).toEqual(['x', 'trailers 1']);
  });

  it('does not hold back an event, encoding or decoding', async () => {
    const source = new Source();
    const encoded = encodeBody(source, coding);
    let arrived: (text: string) => void = () => {};
    decodeBody(encoded, coding).read({
      onData: (chunk) => arrived(String(chunk)),
      onTrailers() {},
      onEnd() {},
      onError() {},
    });
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      const next = new Promise<string>((resolve) => {
        arrived = resolve;
      });
      source.consumer.onData(Buffer.from(event));
      expect(await next).toBe(event);
    }
  });

  it('of a bomb stops at the limit and cancels the source', async () => {
    const bomb = compress[coding](Buffer.alloc(50_000_000));
    const source = new Source();
    const decoded = decodeBody(source, coding, 100_000);
    let size = 0;
    const failed = new Promise<Error>((resolve) =>
      decoded.read({ onData: (chunk) => (size += chunk.length), onTrailers() {}, onEnd() {}, onError: resolve }),
    );
    source.consumer.onData(bomb);
    expect(await failed).toBeInstanceOf(BodyTooLarge);
    expect(size).toBeLessThanOrEqual(100_000);
    expect(source.log.at(-1)).toBe('cancel: body exceeded max buffer size of 100000 bytes');
  });

  it('pauses the source while its consumer is paused', async () => {
    const source = new Source();
    const decoded = decodeBody(source, coding);
    let size = 0;
    const ended = new Promise<void>((resolve, reject) =>
      decoded.read({ onData: (chunk) => (size += chunk.length), onTrailers() {}, onEnd: resolve, onError: reject }),
    );
    decoded.pause();
    const coded = compress[coding](Buffer.alloc(5_000_000));
    for (let at = 0; at < coded.length; at += 100) source.consumer.onData(coded.subarray(at, at + 100));
    const before = size;
    source.consumer.onEnd();
    decoded.resume();
    await ended;
    expect([before, size]).toEqual([0, 5_000_000]);
  });

  it('that is damaged, or whose source breaks, is an error', async () => {
    await expect(collect(decodeBody(Buffer.from('not coded at all'), coding), 1e6)).rejects.toThrow(
      `not valid ${coding}`,
    );
    const source = new Source();
    const events: string[] = [];
    const failed = new Promise<Error>((resolve) =>
      encodeAndDecode(source).read({
        onData: (chunk) => events.push(String(chunk)),
        onTrailers() {},
        onEnd() {},
        onError: resolve,
      }),
    );
    source.consumer.onData(Buffer.from('first part'));
    source.consumer.onError(new Error('connection lost'));
    expect((await failed).message).toBe('connection lost');
    expect(events.join('')).toBe('first part');
  });

  function encodeAndDecode(source: BodyStream): BodyStream {
    return decodeBody(encodeBody(source, coding), coding);
  }

  it('cancels its source', () => {
    const source = new Source();
    const decoded = decodeBody(source, coding);
    decoded.read({ onData() {}, onTrailers() {}, onEnd() {}, onError() {} });
    decoded.cancel(new Error('enough'));
    expect(source.log).toEqual(['cancel: enough']);
  });
});
