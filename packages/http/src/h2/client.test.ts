import http2 from 'node:http2';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Abort } from '../abort.ts';
import { type BodyConsumer, type BodyStream, collect } from '../body.ts';
import type { ResponseHandler } from '../client/connection.ts';
import { Headers } from '../headers.ts';
import { Request, type Response } from '../message.ts';
import { connectTcp } from '../socket-transport.ts';
import type { Transport } from '../transport.ts';
import { Http2ClientConnection, type Http2ClientOptions } from './client.ts';
import { next } from './test-server.ts';

const open: (() => unknown)[] = [];
afterEach(() => {
  for (const close of open.splice(0).reverse()) close();
});

type OnStream = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, raw: string[]) => void;

async function upstream(
  onStream: OnStream,
  options: http2.ServerOptions = {},
): Promise<{ port: number; sessions: http2.ServerHttp2Session[] }> {
  const server = http2.createServer(options);
  const sessions: http2.ServerHttp2Session[] = [];
  server.on('session', (session) => {
    session.on('error', () => {});
    sessions.push(session);
  });
  server.on('stream', ((
    stream: http2.ServerHttp2Stream,
    headers: http2.IncomingHttpHeaders,
    _flags: number,
    raw: string[],
  ) => {
    stream.on('error', () => {});
    onStream(stream, headers, raw);
  }) as never);
  server.listen(0, '127.0.0.1');
  await next(server, 'listening');
  open.push(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { port: (server.address() as net.AddressInfo).port, sessions };
}

async function dial(port: number, options: Http2ClientOptions = {}): Promise<Http2ClientConnection> {
  const connection = new Http2ClientConnection(await connectTcp({ host: '127.0.0.1', port }), options);
  open.push(() => connection.destroy(new Error('the test is over')));
  await connection.ready;
  return connection;
}

interface Outcome {
  response?: Response;
  transport?: Transport;
  error?: Error;
  retry?: { clean: boolean; bodyUntouched: boolean };
  informed: number[];
}

function send(connection: Http2ClientConnection, request: Request, abort: Abort | null = null): Promise<Outcome> {
  return new Promise((resolve) => {
    const informed: number[] = [];
    const handler: ResponseHandler = {
      onResponse: (response) => resolve({ response, informed }),
      onUpgrade: (response, transport) => resolve({ response, transport, informed }),
      onInform: (status) => informed.push(status),
      onError: (error, retry) => resolve({ error, retry, informed }),
    };
    connection.send(request, handler, abort);
  });
}

function get(
  path = '/',
  headers = new Headers(),
  body: Request['body'] = null,
  method = body === null ? 'GET' : 'POST',
): Request {
  return new Request(method, 'http', 'up.test', path, 'HTTP/1.1', headers, body);
}

function bodyOf(response: Response | undefined): Promise<{ text: string; trailers: Headers | null }> {
  return new Promise((resolve, reject) => {
    let text = '';
    let trailers: Headers | null = null;
    ((response as Response).body as BodyStream).read({
      onData: (chunk) => {
        text += chunk.toString('latin1');
      },
      onTrailers: (fields) => {
        trailers = fields;
      },
      onEnd: () => resolve({ text, trailers }),
      onError: reject,
    });
  });
}

describe('an upstream HTTP/2 connection', () => {
  it('sends what it is given without the fields of an HTTP/1 connection, and delivers trailers', async () => {
    let seen: string[] = [];
    const { port } = await upstream((stream, _headers, raw) => {
      seen = raw;
      stream.additionalHeaders({ ':status': 103 });
      stream.respond({ ':status': 200, 'x-a': ['1', '2'] }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end('answer');
    });
    const connection = await dial(port);
    const headers = Headers.of(
      ['host', 'other'],
      ['te', 'gzip, trailers'],
      ['connection', 'keep-alive, x-hop'],
      ['x-hop', '1'],
      ['transfer-encoding', 'chunked'],
      ['x-b', '\xe9'],
    );
    const outcome = await send(connection, get('/p?q', headers));
    expect(seen).toEqual([
      ':method',
      'GET',
      ':authority',
      'up.test',
      ':scheme',
      'http',
      ':path',
      '/p?q',
      'te',
      'trailers',
      'x-b',
      '\xe9',
    ]);
    expect(outcome.informed).toEqual([103]);
    expect(outcome.response?.headers.getAll('x-a')).toEqual(['1', '2']);
    const { text, trailers } = await bodyOf(outcome.response);
    expect([text, trailers?.get('grpc-status')]).toEqual(['answer', '0']);
  });

  it('frames request bodies by what they are', async () => {
    const { port } = await upstream((stream, headers) => {
      let body = '';
      stream.on('data', (chunk) => (body += chunk));
      stream.on('end', () => {
        stream.respond({ ':status': 200 });
        stream.end(`${headers['content-length']} ${body}`);
      });
    });
    const connection = await dial(port);
    const text = async (request: Request): Promise<string> =>
      (await bodyOf((await send(connection, request)).response)).text;
    expect(await text(get('/', new Headers(), Buffer.from('abc')))).toBe('3 abc');
    expect(await text(get('/', new Headers(), null, 'POST'))).toBe('0 ');
    expect(await text(get())).toBe('undefined ');
    const stream: BodyStream = {
      length: undefined,
      read(consumer) {
        consumer.onData(Buffer.from('one '));
        consumer.onData(Buffer.from('two'));
        consumer.onEnd();
      },
      pause() {},
      resume() {},
      cancel() {},
    };
    expect(await text(get('/', new Headers(), stream))).toBe('undefined one two');
  });

  it('counts its free streams and tells when one is freed', async () => {
    const replies: http2.ServerHttp2Stream[] = [];
    const arrived = Promise.withResolvers<void>();
    const { port } = await upstream(
      (stream) => {
        replies.push(stream);
        if (replies.length === 2) arrived.resolve();
      },
      { settings: { maxConcurrentStreams: 2 } },
    );
    const connection = await dial(port);
    expect(connection.capacity).toBe(2);
    const first = send(connection, get());
    void send(connection, get());
    expect(connection.capacity).toBe(0);
    await arrived.promise;
    const freed = new Promise<void>((resolve) => {
      connection.onChange = resolve;
    });
    replies[0]?.respond({ ':status': 204 }, { endStream: true });
    expect((await first).response?.body).toBeNull();
    await freed;
    expect([connection.capacity, connection.usable]).toEqual([1, true]);
  });

  it('never has more than 100 streams', async () => {
    const { port } = await upstream(() => {}, { settings: { maxConcurrentStreams: 1000 } });
    expect((await dial(port)).capacity).toBe(100);
  });

  it.each([
    ['CANCEL', http2.constants.NGHTTP2_CANCEL],
    ['INTERNAL_ERROR', http2.constants.NGHTTP2_INTERNAL_ERROR],
  ])('a response cut by %s is an error for its reader', async (name, code) => {
    const { port } = await upstream((stream) => {
      // Without it Node's own server sends a clean END_STREAM before the reset.
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.write('half', () => stream.close(code));
    });
    const outcome = await send(await dial(port), get());
    await expect(bodyOf(outcome.response)).rejects.toThrow(name === 'CANCEL' ? 'CANCEL' : 'INTERNAL_ERROR');
  });

  it('a response cut by the end of the connection is an error for its reader', async () => {
    const { port, sessions } = await upstream((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('half', () => sessions[0]?.socket.destroy());
    });
    const connection = await dial(port);
    const outcome = await send(connection, get());
    await expect(bodyOf(outcome.response)).rejects.toThrow();
    expect(connection.usable).toBe(false);
  });

  it('a response reset without an error before its end is not taken for a whole one', async () => {
    const server = net.createServer((socket) => {
      const settings = '000000040000000000';
      const headers = '000001010400000001' + '88';
      const data = `000004000000000001${Buffer.from('half').toString('hex')}`;
      const reset = '000004030000000001' + '00000000';
      socket.once('data', () => socket.write(Buffer.from(settings + headers + data + reset, 'hex')));
      socket.resume().on('error', () => {});
    });
    server.listen(0, '127.0.0.1');
    await next(server, 'listening');
    open.push(() => server.close());
    const { port } = server.address() as net.AddressInfo;
    const connection = new Http2ClientConnection(await connectTcp({ host: '127.0.0.1', port }));
    open.push(() => connection.destroy(new Error('the test is over')));
    const outcome = await send(connection, get());
    if (outcome.response !== undefined) await expect(bodyOf(outcome.response)).rejects.toThrow();
    else expect(outcome.error).toBeInstanceOf(Error);
  });

  it('a refused stream may be sent again', async () => {
    const { port } = await upstream((stream) => stream.close(http2.constants.NGHTTP2_REFUSED_STREAM));
    const outcome = await send(await dial(port), get());
    expect(outcome.retry).toEqual({ clean: true, bodyUntouched: true, unprocessed: true });
    expect(outcome.error?.message).toContain('REFUSED_STREAM');
  });

  it('aborting cancels both bodies in the same turn and resets the stream', async () => {
    const reset = Promise.withResolvers<number | undefined>();
    const { port } = await upstream((stream) => {
      stream.on('close', () => reset.resolve(stream.rstCode));
      stream.respond({ ':status': 200 });
      stream.write('x');
    });
    const log: string[] = [];
    const abort = new Abort();
    const body: BodyStream = {
      length: undefined,
      read: (consumer: BodyConsumer) => consumer.onData(Buffer.from('a')),
      pause() {},
      resume() {},
      cancel: (reason) => log.push(`request: ${reason.message}`),
    };
    const connection = await dial(port);
    const outcome = await send(connection, get('/', new Headers(), body), abort);
    bodyOf(outcome.response).catch((error: Error) => log.push(`response: ${error.message}`));
    abort.abort(new Error('enough'));
    expect(log).toEqual(['request: enough']);
    await Promise.resolve();
    expect(log).toContain('response: enough');
    expect(await reset.promise).toBe(http2.constants.NGHTTP2_CANCEL);
    expect(connection.usable).toBe(true);
  });

  it('cancelling the response body resets the stream', async () => {
    const reset = Promise.withResolvers<number | undefined>();
    const { port } = await upstream((stream) => {
      stream.on('close', () => reset.resolve(stream.rstCode));
      stream.respond({ ':status': 200 });
      stream.write('x');
    });
    const outcome = await send(await dial(port), get());
    ((outcome.response as Response).body as BodyStream).cancel(new Error('no more'));
    expect(await reset.promise).toBe(http2.constants.NGHTTP2_CANCEL);
  });

  it('a request body that breaks resets the stream with INTERNAL_ERROR', async () => {
    const reset = Promise.withResolvers<number | undefined>();
    const { port } = await upstream((stream) => stream.on('close', () => reset.resolve(stream.rstCode)));
    const body: BodyStream = {
      length: undefined,
      read(consumer) {
        consumer.onData(Buffer.from('half'));
        setImmediate(() => consumer.onError(new Error('client went away')));
      },
      pause() {},
      resume() {},
      cancel() {},
    };
    const outcome = await send(await dial(port), get('/', new Headers(), body));
    expect([outcome.error?.message, outcome.retry?.bodyUntouched]).toEqual(['client went away', false]);
    expect(await reset.promise).toBe(http2.constants.NGHTTP2_INTERNAL_ERROR);
  });

  it('is not usable after GOAWAY, and finishes what runs', async () => {
    const { port, sessions } = await upstream((stream) => {
      sessions[0]?.goaway();
      setImmediate(() => {
        stream.respond({ ':status': 200 });
        stream.end('last');
      });
    });
    const connection = await dial(port);
    const changes: boolean[] = [];
    connection.onChange = () => changes.push(connection.usable);
    const outcome = await send(connection, get());
    expect((await collect(outcome.response?.body ?? null, 10)).toString()).toBe('last');
    expect(changes).toContain(false);
    expect([connection.usable, connection.capacity]).toEqual([false, 0]);
  });

  it('a response body that is not read stops the server', async () => {
    let sending!: http2.ServerHttp2Stream;
    const { port, sessions } = await upstream((stream) => {
      sending = stream;
      stream.respond({ ':status': 200 });
      for (let i = 0; i < 40; i++) stream.write(Buffer.alloc(65_536));
      stream.end();
    });
    const connection = await dial(port, { windowSize: 100_000 });
    const outcome = await send(connection, get());
    // After round trips of the connection, what fits into the window has left; the rest must still be there.
    for (let i = 0; i < 3; i++) await new Promise((resolve) => sessions[0]?.ping(resolve as () => void));
    expect(sending.writableLength).toBeGreaterThan(0);
    expect((await collect(outcome.response?.body ?? null, 1e7)).length).toBe(40 * 65_536);
  });

  it('opens tunnels with CONNECT', async () => {
    const { port } = await upstream((stream, headers) => {
      expect(headers).toMatchObject({ ':method': 'CONNECT', ':authority': 'up.test' });
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    });
    const request = get('', new Headers(), null, 'CONNECT');
    const { transport } = await send(await dial(port), request);
    const text = await new Promise<string>((resolve) => {
      let got = '';
      transport?.start({
        onData: (chunk) => (got += chunk),
        onEnd() {},
        onDrain() {},
        onClose: () => resolve(got),
      });
      transport?.write('echo');
      transport?.end();
    });
    expect(text).toBe('echo');
  });

  it('is closed when its pings are not answered', async () => {
    const server = net.createServer((socket) => {
      socket.write(Buffer.from('0000000400000000000000000401' + '00000000', 'hex'));
      socket.resume().on('error', () => {});
    });
    server.listen(0, '127.0.0.1');
    await next(server, 'listening');
    open.push(() => server.close());
    const { port } = server.address() as net.AddressInfo;
    const connection = new Http2ClientConnection(await connectTcp({ host: '127.0.0.1', port }), {
      keepaliveInterval: 5,
      keepaliveTimeout: 5,
    });
    const outcome = await send(connection, get());
    expect(outcome.error).toBeInstanceOf(Error);
    expect(outcome.retry?.clean).toBe(true);
    expect(connection.usable).toBe(false);
  });
});
