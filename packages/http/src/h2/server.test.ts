import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { type BodyConsumer, type BodyStream, collect } from '../body.ts';
import { Headers } from '../headers.ts';
import { type Request, Response } from '../message.ts';
import type { Handler, Reply } from '../server/handler.ts';
import { next, startServer, type TestServer } from './test-server.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function serve(handler: Handler, ...rest: unknown[]): Promise<TestServer> {
  const server = await startServer(handler, ...(rest as []));
  open.push(server);
  return server;
}

function client(server: TestServer, options: http2.ClientSessionOptions = {}): http2.ClientHttp2Session {
  const session = http2.connect(server.url, options);
  session.on('error', () => {});
  open.push({ close: () => session.destroy() });
  return session;
}

/** A body whose producer is the test. */
class Source implements BodyStream {
  readonly length: number | undefined;
  consumer!: BodyConsumer;
  readonly log: string[] = [];
  onResume: () => void = () => {};
  constructor(length?: number) {
    this.length = length;
  }
  read(consumer: BodyConsumer): void {
    this.consumer = consumer;
    this.log.push('read');
  }
  pause(): void {
    this.log.push('pause');
  }
  resume(): void {
    this.log.push('resume');
    this.onResume();
  }
  cancel(reason: Error): void {
    this.log.push(`cancel: ${reason.message}`);
  }
}

interface Answer {
  headers: http2.IncomingHttpHeaders & { ':status'?: number };
  body: string;
  trailers: http2.IncomingHttpHeaders | null;
}

function answer(stream: http2.ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let headers: Answer['headers'] = {};
    let trailers: Answer['trailers'] = null;
    const chunks: Buffer[] = [];
    stream.on('response', (fields) => {
      headers = fields as Answer['headers'];
    });
    stream.on('trailers', (fields) => {
      trailers = fields;
    });
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => {
      if (stream.rstCode === 0) resolve({ headers, body: Buffer.concat(chunks).toString('latin1'), trailers });
      else reject(new Error(`reset with ${stream.rstCode}`));
    });
  });
}

const ok = (text = 'ok'): Response => new Response(200, new Headers(), Buffer.from(text));

describe('requests over HTTP/2', () => {
  it('have their pseudo header fields in the request, their cookies in one line and their values as bytes', async () => {
    let seen!: Request;
    const server = await serve((request, reply) => {
      seen = request;
      reply.respond(ok());
    });
    const session = client(server);
    const stream = session.request({
      ':path': '/a?b=c',
      ':authority': 'Example.test:81',
      'x-one': ['1', '2'],
      cookie: ['a=1', 'b=2'],
      'x-latin': '\xe9',
    });
    await answer(stream);
    expect([seen.method, seen.scheme, seen.authority, seen.path, seen.version]).toEqual([
      'GET',
      'http',
      'Example.test:81',
      '/a?b=c',
      'HTTP/2.0',
    ]);
    expect([...seen.headers]).toEqual([
      ['x-one', '1'],
      ['x-one', '2'],
      ['cookie', 'a=1; b=2'],
      ['x-latin', '\xe9'],
    ]);
    expect(seen.body).toBeNull();
  });

  it('bring their body and trailers, and the response takes its own', async () => {
    const server = await serve((request, reply) => {
      const events: string[] = [];
      (request.body as BodyStream).read({
        onData: (chunk) => events.push(chunk.toString()),
        onTrailers: (trailers) => events.push(`trailers ${trailers.get('x-sum')}`),
        onEnd() {
          const source = new Source();
          const headers = Headers.of(
            ['connection', 'x-gone'],
            ['x-gone', '1'],
            ['transfer-encoding', 'chunked'],
            ['set-cookie', 'a'],
            ['set-cookie', 'b'],
            ['content-type', 'x'],
            ['content-type', 'y'],
          );
          reply.respond(new Response(200, headers, source));
          source.consumer.onData(Buffer.from(events.join('|')));
          source.consumer.onTrailers(Headers.of(['grpc-status', '0']));
          source.consumer.onEnd();
        },
        onError() {},
      });
    });
    const stream = client(server).request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '9' }));
    stream.end('hello');
    const { headers, body, trailers } = await answer(stream);
    expect(body).toBe('hello|trailers 9');
    expect(trailers).toMatchObject({ 'grpc-status': '0' });
    expect(headers['set-cookie']).toEqual(['a', 'b']);
    expect(Object.keys(headers)).toEqual([':status', 'set-cookie', 'content-type']);
  });

  it('without a body, with HEAD, 204 and 304 get the right framing', async () => {
    const server = await serve((request, reply) => {
      const status = Number(request.path.slice(1));
      reply.respond(
        new Response(
          status,
          Headers.of(['content-length', '5']),
          request.method === 'HEAD' ? null : Buffer.from('12345'),
        ),
      );
    });
    const session = client(server);
    const get = await answer(session.request({ ':path': '/200' }));
    expect([get.headers['content-length'], get.body]).toEqual(['5', '12345']);
    const head = await answer(session.request({ ':path': '/200', ':method': 'HEAD' }));
    expect([head.headers['content-length'], head.body]).toEqual(['5', '']);
    const empty = await answer(session.request({ ':path': '/204' }));
    expect([empty.headers['content-length'], empty.body]).toEqual([undefined, '']);
    const unchanged = await answer(session.request({ ':path': '/304' }));
    expect(unchanged.body).toBe('');
  });

  it('get interim responses, and 100 when their body is read', async () => {
    const server = await serve((request, reply) => {
      reply.inform(103, Headers.of(['link', '</a>']));
      void collect(request.body, 100).then((bytes) => reply.respond(ok(bytes.toString())));
    });
    const stream = client(server).request(
      { ':method': 'POST', ':path': '/', expect: '100-continue' },
      { endStream: false },
    );
    const seen: unknown[] = [];
    stream.on('headers', (fields) => seen.push(fields[':status']));
    stream.on('continue', () => {
      seen.push('continue');
      stream.end('sent after the word');
    });
    expect((await answer(stream)).body).toBe('sent after the word');
    expect(seen).toEqual([103, 'continue', 100]);
  });

  it('with too many fields are answered 431, with a host that differs 400', async () => {
    const server = await serve((_request, reply) => reply.respond(ok()), {}, { maxHeaders: 10 });
    const many = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`x-${i}`, '1']));
    const session = client(server);
    expect((await answer(session.request({ ':path': '/', ...many }))).headers[':status']).toBe(431);
    const raw = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'a', 'host', 'b'];
    expect((await answer(session.request(raw as never))).headers[':status']).toBe(400);
  });
});

describe('ends', () => {
  it('of the client reach onClosed and the response body in the same turn', async () => {
    const log: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const server = await serve((_request, reply) => {
      const source = new Source();
      source.cancel = () => log.push('body cancelled');
      reply.onClosed = (error) => {
        log.push(`closed ${(error as NodeJS.ErrnoException).code}`);
        resolve();
      };
      reply.respond(new Response(200, new Headers(), source));
      source.consumer.onData(Buffer.from('x'));
    });
    const stream = client(server).request({ ':path': '/' });
    stream.on('error', () => {});
    stream.once('data', () => stream.close(http2.constants.NGHTTP2_CANCEL));
    await promise;
    expect(log).toEqual(['body cancelled', 'closed ERR_HTTP2_STREAM_ERROR']);
  });

  it.each([undefined, 10])('of a response body that breaks never look clean (length %s)', async (length) => {
    const closed = Promise.withResolvers<Error | null>();
    const server = await serve((_request, reply) => {
      const source = new Source(length);
      reply.onClosed = closed.resolve;
      reply.respond(new Response(200, new Headers(), source));
      source.consumer.onData(Buffer.from('half'));
      setImmediate(() => source.consumer.onError(new Error('upstream broke')));
    });
    const stream = client(server).request({ ':path': '/' });
    await expect(answer(stream)).rejects.toThrow();
    expect(stream.rstCode).toBe(http2.constants.NGHTTP2_INTERNAL_ERROR);
    expect((await closed.promise)?.message).toBe('upstream broke');
  });

  it('of a response that HTTP/2 cannot carry are a reset, and its body is cancelled', async () => {
    const source = new Source();
    const closed = Promise.withResolvers<Error | null>();
    const server = await serve((_request, reply) => {
      reply.onClosed = closed.resolve;
      reply.respond(new Response(200, Headers.of(['x-bad', 'a\0b']), source));
    });
    await expect(answer(client(server).request({ ':path': '/' }))).rejects.toThrow();
    expect(await closed.promise).toBeInstanceOf(Error);
    expect(source.log.at(-1)).toMatch(/^cancel/);
  });

  it('of a response body that breaks let its last words leave first', async () => {
    const server = await serve((_request, reply) => {
      const source = new Source();
      reply.respond(new Response(200, new Headers(), source));
      // More than the window: it waits until the client has read.
      source.consumer.onData(Buffer.alloc(200_000, 'x'));
      source.consumer.onData(Buffer.from('then it broke'));
      source.consumer.onError(new Error('upstream broke'));
    });
    const stream = client(server).request({ ':path': '/' });
    let text = '';
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await expect(once(stream, 'end')).rejects.toThrow();
    expect(text).toMatch(/^x{200000}then it broke$/);
    expect(stream.rstCode).toBe(http2.constants.NGHTTP2_INTERNAL_ERROR);
  });

  it('without an answer reach the client as a reset', async () => {
    const server = await serve((_request, reply) => reply.destroy(new Error('no')));
    await expect(answer(client(server).request({ ':path': '/' }))).rejects.toThrow();
  });

  it('of a request that is cut reach its reader as an error', async () => {
    const failed = Promise.withResolvers<Error>();
    const server = await serve((request) => {
      collect(request.body, 100).catch(failed.resolve);
      stream.close(http2.constants.NGHTTP2_CANCEL);
    });
    // Without trailers to wait for, Node's own client sends a clean END_STREAM before the reset.
    const stream = client(server).request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true });
    stream.on('error', () => {});
    stream.write('half');
    expect((await failed.promise).message).toContain('CANCEL');
  });

  it('of the connection end every exchange on it', async () => {
    const closed: (Error | null)[] = [];
    const both = Promise.withResolvers<void>();
    const server = await serve((_request, reply) => {
      reply.onClosed = (error) => {
        closed.push(error);
        if (closed.length === 2) both.resolve();
      };
      if (server.served[0]?.active === 2) session.destroy();
    });
    const session = client(server);
    for (let i = 0; i < 2; i++) session.request({ ':path': '/' }).on('error', () => {});
    await both.promise;
    expect(closed.every((error) => error instanceof Error)).toBe(true);
    expect(server.served[0]?.active).toBe(0);
  });

  it('onClosed is null when all of the response was handed over, and the rest of the request is refused', async () => {
    const closed = Promise.withResolvers<Error | null>();
    const server = await serve((_request, reply) => {
      reply.onClosed = closed.resolve;
      reply.respond(ok('early'));
    });
    const stream = client(server).request({ ':method': 'POST', ':path': '/' });
    stream.write('never ends');
    expect((await answer(stream)).body).toBe('early');
    expect(await closed.promise).toBeNull();
  });
});

describe('backpressure', () => {
  it('a client that does not read stops the response body', async () => {
    const sources: Source[] = [];
    const paused = Promise.withResolvers<void>();
    const server = await serve((_request, reply) => {
      const source = new Source();
      sources.push(source);
      const chunk = Buffer.alloc(16_384);
      let running = true;
      const produce = (): void => {
        if (!running) return;
        source.consumer.onData(chunk);
        setImmediate(produce);
      };
      source.pause = () => {
        if (running) source.log.push('pause');
        running = false;
        paused.resolve();
      };
      source.resume = () => {
        source.log.push('resume');
        source.consumer.onEnd();
      };
      reply.respond(new Response(200, new Headers(), source));
      produce();
    });
    const stream = client(server).request({ ':path': '/' });
    await next(stream, 'response');
    await paused.promise;
    expect(sources[0]?.log).toEqual(['read', 'pause']);
    await answer(stream);
    expect(sources[0]?.log).toEqual(['read', 'pause', 'resume']);
  });

  it('a request body that is not read stops the client', async () => {
    let body!: BodyStream;
    let reply!: Reply;
    const begun = Promise.withResolvers<void>();
    const server = await serve((request, r) => {
      body = request.body as BodyStream;
      reply = r;
      begun.resolve();
    });
    const stream = client(server).request({ ':method': 'POST', ':path': '/' });
    const chunk = Buffer.alloc(65_536);
    while (stream.write(chunk));
    await begun.promise;
    // What fits into the windows has left after a round trip of the connection; the rest must still be here.
    await new Promise((resolve) => stream.session?.ping(resolve as () => void));
    for (let i = 0; i < 8; i++) stream.write(chunk);
    await new Promise((resolve) => stream.session?.ping(resolve as () => void));
    expect(stream.writableLength).toBeGreaterThan(0);
    let size = 0;
    body.read({
      onData: (c) => (size += c.length),
      onTrailers() {},
      onEnd: () => reply.respond(ok(String(size))),
      onError() {},
    });
    stream.end();
    const sent = Number((await answer(stream)).body);
    expect(sent).toBeGreaterThan(8 * 65_536);
  });
});

describe('connections', () => {
  it('drain: what runs is finished, then the connection ends', async () => {
    const replies: Reply[] = [];
    const arrived = Promise.withResolvers<void>();
    const server = await serve((_request, reply) => {
      replies.push(reply);
      arrived.resolve();
    });
    const session = client(server);
    const running = answer(session.request({ ':path': '/' }));
    await arrived.promise;
    const goaway = next(session, 'goaway');
    server.served[0]?.drain();
    await goaway;
    const closed = next(session, 'close');
    replies[0]?.respond(ok('finished'));
    expect((await running).body).toBe('finished');
    await closed;
    expect(server.listening.connections.size).toBeLessThanOrEqual(1);
  });

  it('bound the streams that are open at once', async () => {
    const server = await serve(() => {}, { maxConcurrentStreams: 3 });
    const session = client(server);
    const [settings] = (await next(session, 'remoteSettings')) as [http2.Settings];
    expect(settings.maxConcurrentStreams).toBe(3);
    expect(settings.enableConnectProtocol).toBeFalsy();
  });

  it('that open and reset streams rapidly are sent away', async () => {
    let handled = 0;
    const server = await serve((_request, reply) => {
      handled++;
      reply.onClosed = () => {};
    });
    const session = client(server);
    const goaway = next(session, 'goaway');
    const flood = (): void => {
      if (session.destroyed || session.closed) return;
      for (let i = 0; i < 50; i++) {
        const stream = session.request({ ':path': '/' });
        stream.on('error', () => {});
        stream.close(http2.constants.NGHTTP2_CANCEL);
      }
      setImmediate(flood);
    };
    flood();
    const [code] = await goaway;
    expect(code).toBe(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect(handled).toBeLessThan(400);
  });

  it('that do not answer keepalive pings are closed', async () => {
    const server = await serve(() => {}, { keepaliveInterval: 5, keepaliveTimeout: 5 });
    const socket = net.connect(server.port, '127.0.0.1');
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');
    socket.resume();
    await next(socket, 'close');
  });

  it('are closed after the idle time', async () => {
    const server = await serve((_request, reply) => reply.respond(ok()), {}, { idleTimeout: 10 });
    const session = client(server);
    await answer(session.request({ ':path': '/' }));
    await next(session, 'close');
  });

  it('carry bytes both ways after CONNECT', async () => {
    const closed = Promise.withResolvers<Error | null>();
    const server = await serve((request, reply) => {
      expect([request.method, request.authority, request.path, reply.upgradable]).toEqual(['CONNECT', 'x:1', '', true]);
      reply.onClosed = closed.resolve;
      const transport = reply.upgrade(new Response(200, new Headers(), null));
      transport.start({
        onData: (chunk) => transport.write(Buffer.from(chunk.toString().toUpperCase())),
        onEnd: () => transport.end(),
        onDrain() {},
        onClose() {},
      });
    });
    const stream = client(server).request({ ':method': 'CONNECT', ':authority': 'x:1' });
    await next(stream, 'response');
    stream.write('ping');
    expect(String((await next(stream, 'data'))[0])).toBe('PING');
    stream.end();
    await next(stream, 'close');
    expect(await closed.promise).toBeNull();
  });
});

describe('other clients', () => {
  const run = promisify(execFile);

  it('curl by prior knowledge', async () => {
    const server = await serve((request, reply) => {
      void collect(request.body, 1000).then((bytes) => reply.respond(ok(`${request.version} ${bytes}`)));
    });
    const { stdout } = await run('curl', ['-sS', '--http2-prior-knowledge', '-d', 'hello', server.url]);
    expect(stdout).toBe('HTTP/2.0 hello');
  });

  it('nghttp, many requests on one connection', async (context) => {
    const found = await run('nghttp', ['--version']).catch(() => null);
    if (found === null) context.skip('nghttp is not installed (Debian: nghttp2-client)');
    const server = await serve((_request, reply) => reply.respond(ok('x'.repeat(20_000))));
    const { stdout } = await run('nghttp', ['-ns', '-m20', server.url]);
    expect(stdout.match(/ 200 /g)?.length).toBe(20);
  });

  it('nghttp: bodies that are streamed end with END_STREAM, not with a reset', async (context) => {
    const found = await run('nghttp', ['--version']).catch(() => null);
    if (found === null) context.skip('nghttp is not installed (Debian: nghttp2-client)');
    const server = await serve((_request, reply) => {
      const body = new Source();
      reply.respond(new Response(200, new Headers(), body));
      // The window of a whole connection: the end has to wait for an update of it.
      body.consumer.onData(Buffer.alloc(65_535, 120));
      setImmediate(() => body.consumer.onEnd());
    });
    const { stdout } = await run('nghttp', ['-nsv', '-m5', server.url]);
    expect(stdout.match(/ 200 .*K \//g)?.length).toBe(5);
    expect(stdout).not.toContain('RST_STREAM');
  });
});

it('does not cut a response that waits for the window to refuse the rest of a request', async () => {
  const whole = Buffer.alloc(300_000, 120);
  const server = await serve((request, reply) => {
    if (request.path === '/echo') reply.respond(new Response(200, new Headers(), request.body));
    else reply.respond(new Response(200, new Headers(), whole));
  });
  const session = client(server, { settings: { initialWindowSize: 1000 } });
  const upload = session.request({ ':method': 'POST', ':path': '/refused' });
  upload.write('part');
  // The client has read nothing yet, and goes on sending.
  await next(upload, 'response');
  upload.write('another part');
  let length = 0;
  upload.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (!upload.closed) upload.write('more');
  });
  upload.on('error', () => {});
  await new Promise((resolve) => upload.once('close', resolve));
  expect([length, upload.rstCode]).toEqual([whole.length, http2.constants.NGHTTP2_NO_ERROR]);

  const echo = session.request({ ':method': 'POST', ':path': '/echo' });
  echo.end(whole);
  let back = 0;
  for await (const chunk of echo) back += (chunk as Buffer).length;
  expect(back).toBe(whole.length);
});

it('tells the end of an empty body to a reader that comes late', async () => {
  const ended = Promise.withResolvers<string>();
  const server = await serve((request, reply) => {
    const body = request.body as BodyStream;
    setImmediate(() => setImmediate(() => setImmediate(() => read(body, reply))));
  });
  const answer = (reply: Reply, outcome: string) => {
    ended.resolve(outcome);
    reply.respond(new Response(200, new Headers(), null));
  };
  const read = (body: BodyStream, reply: Reply) =>
    body.read({
      onData: () => answer(reply, 'data'),
      onTrailers() {},
      onEnd: () => answer(reply, 'end'),
      onError: (error) => answer(reply, error.message),
    });
  client(server).request({ ':method': 'POST' }).end();
  expect(await ended.promise).toBe('end');
});
