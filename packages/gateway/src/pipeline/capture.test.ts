import zlib from 'node:zlib';
import { type BodyConsumer, type BodyStream, collect, Headers, Response } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { testExchange } from '../policies/testing.ts';
import { captureRequest, captureResponse, recordRequest, recordResponse } from './capture.ts';
import { GatewayError } from './errors.ts';

/** A stream that delivers its chunks when it is read, and then ends or breaks. */
class Chunks implements BodyStream {
  readonly length = undefined;
  readonly #chunks: readonly string[];
  readonly #error: Error | null;
  /** Pieces handed over. */
  sent = 0;
  #consumer: BodyConsumer | null = null;
  #paused = false;

  constructor(chunks: readonly string[], error: Error | null = null) {
    this.#chunks = chunks;
    this.#error = error;
  }

  read(consumer: BodyConsumer): void {
    this.#consumer = consumer;
    this.#flow();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#flow();
  }

  cancel(): void {
    this.#consumer = null;
  }

  #flow(): void {
    while (!this.#paused && this.#consumer !== null) {
      const chunk = this.#chunks[this.sent];
      if (chunk === undefined) {
        const consumer = this.#consumer;
        this.#consumer = null;
        if (this.#error === null) consumer.onEnd();
        else consumer.onError(this.#error);
        return;
      }
      this.sent++;
      this.#consumer.onData(Buffer.from(chunk, 'latin1'));
    }
  }
}

const coded = (coding: string): [string, string][] => [['content-encoding', coding]];

/** What expressions see of a request's body that may be read up to a limit. */
function seen(body: Buffer | null, limit: number, headers: [string, string][] = []) {
  const exchange = testExchange({ method: 'POST', body, headers });
  exchange.maxBufferSize = limit;
  expect(captureRequest(exchange)).toBeUndefined();
  const { bytes, whole } = exchange.requestCapture as { bytes: Buffer; whole: boolean };
  return [bytes.toString(), whole];
}

test('a body in hand is captured at once, all of it or its beginning', () => {
  expect(seen(Buffer.from('hello'), 5)).toEqual(['hello', true]);
  expect(seen(Buffer.from('hello'), 4)).toEqual(['hell', false]);
  expect(seen(null, 4)).toEqual(['', true]);
  expect(seen(Buffer.from('hello'), 0)).toEqual(['', false]);
});

test('two mebibytes are captured where nobody says how much', () => {
  for (const [size, whole] of [
    [2 ** 21, true],
    [2 ** 21 + 1, false],
  ] as const) {
    const exchange = testExchange({ body: Buffer.alloc(size) });
    captureRequest(exchange);
    expect([exchange.requestCapture?.whole, exchange.requestCapture?.bytes.length]).toEqual([whole, 2 ** 21]);
  }
});

test('a stream is held until it is whole or too long, and goes on whole', async () => {
  for (const [limit, bytes, whole, sent] of [
    [6, 'abcdef', true, 3],
    [5, 'abcde', false, 3],
    [3, 'abc', false, 2],
  ] as const) {
    const stream = new Chunks(['ab', 'cd', 'ef']);
    const exchange = testExchange({ body: stream });
    exchange.maxBufferSize = limit;
    expect(await captureRequest(exchange)).toBeUndefined();
    expect(stream.sent).toBe(sent);
    expect([exchange.requestCapture?.bytes.toString(), exchange.requestCapture?.whole]).toEqual([bytes, whole]);
    expect(String(await collect(exchange.request.body, 100))).toBe('abcdef');
  }
});

test('it is captured once, and never from a request that switches protocols', async () => {
  const exchange = testExchange({ body: Buffer.from('first') });
  captureRequest(exchange);
  exchange.request.body = Buffer.from('second');
  captureRequest(exchange);
  recordRequest(exchange);
  expect(String(exchange.requestCapture?.bytes)).toBe('first');

  const upgrade = testExchange({ body: Buffer.from('x') });
  upgrade.upgrade = 'websocket';
  captureRequest(upgrade);
  recordRequest(upgrade);
  expect(upgrade.requestCapture).toBeNull();
  const switching = new Response(101, new Headers(), null);
  captureResponse(upgrade, switching);
  recordResponse(upgrade, switching);
  expect(upgrade.responseCapture).toBeNull();
});

test('a body that breaks off is the mistake of whoever sent it', async () => {
  const broken = () => new Chunks(['ab'], new Error('reset'));
  const exchange = testExchange({ body: broken() });
  const request = await captureRequest(exchange);
  expect([request instanceof GatewayError && request.code, exchange.requestCapture]).toEqual(['invalidRequest', null]);
  const response = await captureResponse(exchange, new Response(200, new Headers(), broken()));
  expect(response instanceof GatewayError && response.code).toBe('upstreamCallFailed');
});

test('a client that leaves ends the waiting', async () => {
  const exchange = testExchange({
    body: new (class extends Chunks {
      override read() {}
    })([]),
  });
  const waiting = captureRequest(exchange);
  exchange.abort.abort(new Error('gone'));
  await expect(waiting).rejects.toThrow('gone');
});

test('events are not held back', () => {
  const exchange = testExchange();
  const headers = Headers.of(['content-type', 'Text/Event-Stream; charset=utf-8']);
  const response = new Response(200, headers, new Chunks(['data: 1\n\n']));
  expect([captureResponse(exchange, response), exchange.responseCapture]).toEqual([undefined, null]);
});

const codings = {
  gzip: zlib.gzipSync,
  deflate: zlib.deflateSync,
  br: zlib.brotliCompressSync,
  zstd: zlib.zstdCompressSync,
} as const;

test.each(Object.entries(codings))('%s is decoded, and its beginning too where it is not all there', (name, encode) => {
  const text = Array.from({ length: 20_000 }, (_, i) => `line ${i * 7919}`).join('\n');
  const body = encode(Buffer.from(text));
  expect(seen(body, 1_000_000, coded(name))).toEqual([text, true]);
  expect(seen(body, 1_000_000, coded(` Identity, ${name.toUpperCase()}`))).toEqual([text, true]);

  const [longer, whole] = seen(body, 100_000, coded(name)) as [string, boolean];
  expect([text.startsWith(longer), longer.length, whole]).toEqual([true, 100_000, false]);
  // The last bytes are missing.
  const [cut, complete] = seen(body.subarray(0, -10), 1_000_000, coded(name)) as [string, boolean];
  expect([text.startsWith(cut), cut.length > 0, complete]).toEqual([true, true, false]);
});

test('what cannot be decoded is no content', () => {
  expect(seen(Buffer.from('not gzip at all'), 100, coded('gzip'))).toEqual(['', false]);
  expect(seen(Buffer.from('hello'), 100, coded('snappy'))).toEqual(['', false]);
  expect(seen(Buffer.from('hello'), 100, coded('gzip, br'))).toEqual(['', false]);
  expect(seen(Buffer.from('hello'), 100, coded('identity'))).toEqual(['hello', true]);
  expect(seen(null, 100, coded('gzip'))).toEqual(['', true]);
});

test('content that explodes is decoded up to the limit only', () => {
  for (const [name, encode] of Object.entries(codings)) {
    const bomb = encode(Buffer.alloc(5_000_000));
    const [bytes, whole] = seen(bomb, 100_000, coded(name)) as [string, boolean];
    expect([name, bytes.length <= 100_000, whole]).toEqual([name, true, false]);
  }
});

test('a recorded body is noted while it flows, and nothing waits for it', async () => {
  for (const [limit, bytes, whole] of [
    [6, 'abcdef', true],
    [3, 'abc', false],
  ] as const) {
    const exchange = testExchange({ body: new Chunks(['ab', 'cd', 'ef']) });
    exchange.maxBufferSize = limit;
    recordRequest(exchange);
    expect([String(exchange.requestCapture?.bytes), exchange.requestCapture?.whole]).toEqual(['', false]);
    expect(String(await collect(exchange.request.body, 100))).toBe('abcdef');
    expect([String(exchange.requestCapture?.bytes), exchange.requestCapture?.whole]).toEqual([bytes, whole]);
  }
  const broken = testExchange({ body: new Chunks(['ab'], new Error('reset')) });
  recordRequest(broken);
  await expect(collect(broken.request.body, 100)).rejects.toThrow('reset');
  expect([String(broken.requestCapture?.bytes), broken.requestCapture?.whole]).toEqual(['ab', false]);

  const exchange = testExchange();
  const packed = zlib.gzipSync(Buffer.from('answer')).toString('latin1');
  const response = new Response(200, Headers.of(...coded('gzip')), new Chunks([packed.slice(0, 9), packed.slice(9)]));
  recordResponse(exchange, response);
  await collect(response.body, 100);
  expect([String(exchange.responseCapture?.bytes), exchange.responseCapture?.whole]).toEqual(['answer', true]);
});
