import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BodyConsumer, BodyStream } from '../body.ts';
import { Headers } from '../headers.ts';
import { MemoryTransport } from '../memory-transport.ts';
import { Response } from '../message.ts';
import { defaultServerOptions } from '../server/handler.ts';
import { Http1ClientConnection } from './client.ts';
import { get, info, readBody, turns } from './fixtures.ts';
import { serveHttp1 } from './server.ts';

/** Produces `size` bytes from one chunk, as fast as it is let. */
class Source implements BodyStream {
  readonly length: number | undefined;
  pauses = 0;
  #left: number;
  #paused = false;
  #consumer: BodyConsumer | null = null;
  readonly #chunk = Buffer.alloc(65_536, 7);

  constructor(size: number, announced: boolean) {
    this.#left = size;
    this.length = announced ? size : undefined;
  }

  read(consumer: BodyConsumer): void {
    this.#consumer = consumer;
    this.#flow();
  }

  pause(): void {
    this.pauses++;
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
    while (!this.#paused && this.#left > 0) {
      const count = Math.min(this.#left, this.#chunk.length);
      this.#left -= count;
      this.#consumer?.onData(this.#chunk.subarray(0, count));
    }
    if (this.#left > 0) return;
    const consumer = this.#consumer;
    this.#consumer = null;
    consumer?.onEnd();
  }
}

const SIZE = 256 * 1024 * 1024;

test.each([true, false])(
  'a large body passes both codecs in flat memory, both ways (announced: %s)',
  async (announced) => {
    const [near, far] = MemoryTransport.pair();
    serveHttp1(
      far,
      info,
      (request, reply) => reply.respond(new Response(200, new Headers(), request.body)),
      defaultServerOptions,
    );
    const client = new Http1ClientConnection(near);
    const source = new Source(SIZE, announced);
    const before = process.memoryUsage().rss;
    let read = 0;
    let wrong = 0;
    await new Promise<void>((resolve, reject) => {
      client.send(
        get('/', new Headers(), 'POST', source),
        {
          onResponse({ body }) {
            (body as BodyStream).read({
              onData(chunk) {
                read += chunk.length;
                if (chunk[0] !== 7 || chunk[chunk.length - 1] !== 7) wrong++;
              },
              onTrailers() {},
              onEnd: resolve,
              onError: reject,
            });
          },
          onUpgrade() {},
          onInform() {},
          onError: reject,
        },
        null,
      );
    });
    expect(read).toBe(SIZE);
    expect(wrong).toBe(0);
    expect(source.pauses).toBeGreaterThan(100);
    expect(Math.max(near.mostWaiting, far.mostWaiting)).toBeLessThan(300_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
  },
);

const name = fc.stringMatching(/^[a-z!#$%&'*+.^_`|~0-9-]{1,12}$/).map((text) => `x-${text}`);
const value = fc.stringMatching(/^[\x21-\x7e\x80-\xff]([\x20-\x7e\x80-\xff]{0,20}[\x21-\x7e\x80-\xff])?$/);
const fields = fc.array(fc.tuple(name, value), { maxLength: 8 });
const content = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));

test('what one codec writes the other reads', async () => {
  await fc.assert(
    fc.asyncProperty(fields, content, fc.boolean(), fields, content, async (asked, body, announced, told, answer) => {
      const [near, far] = MemoryTransport.pair();
      const seen: unknown[] = [];
      serveHttp1(
        far,
        info,
        (request, reply) => {
          const headers = [...request.headers].filter(([key]) => key.startsWith('x-'));
          readBody(request.body, ({ text, end }) => {
            seen.push([headers, text, end]);
            reply.respond(new Response(201, Headers.of(...told), answer));
          });
        },
        defaultServerOptions,
      );
      const client = new Http1ClientConnection(near);
      const stream: BodyStream = {
        length: announced ? body.length : undefined,
        read(consumer) {
          consumer.onData(body);
          consumer.onEnd();
        },
        pause() {},
        resume() {},
        cancel() {},
      };
      client.send(
        get('/', Headers.of(...asked), 'PUT', stream),
        {
          onResponse(response) {
            const headers = [...response.headers].filter(([key]) => key.startsWith('x-'));
            const { text, end } = readBody(response.body);
            seen.push([response.status, headers, text, end]);
          },
          onUpgrade() {},
          onInform() {},
          onError() {},
        },
        null,
      );
      await turns(6);
      expect(seen).toEqual([
        [asked, body.toString('latin1'), 'end'],
        [201, told, answer.toString('latin1'), 'end'],
      ]);
    }),
    { seed: 1, numRuns: 300 },
  );
});
