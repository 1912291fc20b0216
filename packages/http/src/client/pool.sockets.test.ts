import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Abort } from '../abort.ts';
import { type Body, type BodyStream, collect } from '../body.ts';
import { HostsFile } from '../dns/hosts-file.ts';
import { Dns } from '../dns/resolver.ts';
import { Headers } from '../headers.ts';
import { Request, type Response } from '../message.ts';
import { turn } from '../test-clock.ts';
import { createAuthority, type TestAuthority } from '../tls/test-certificates.ts';
import { Upgraded } from './call.ts';
import { Destination, type DestinationOptions } from './destination.ts';
import { destinationTls } from './dial.ts';
import type { UpstreamError } from './errors.ts';
import { UpstreamPool } from './pool.ts';

const nothing = { idle: 0, active: 0, connecting: 0, pending: 0, inFlight: 0 };
let authority: TestAuthority;
let leaf: { cert: string; key: string };
beforeAll(() => {
  authority = createAuthority();
  leaf = authority.issue('DNS:upstream.test', 'IP:127.0.0.1');
});

const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Listens on a free port; every socket is known, and at the end all of them must be closed by the pool. */
async function listen(server: net.Server) {
  const sockets = new Set<net.Socket>();
  let accepted = 0;
  server.on('connection', (socket: net.Socket) => {
    accepted++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(async () => {
    server.close();
    // Not `once`: it would take a reset for a failure of the test.
    for (const socket of sockets) await new Promise((resolve) => socket.once('close', resolve));
  });
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    get accepted() {
      return accepted;
    },
  };
}

function newPool(connects: string[] = []) {
  const dns = new Dns({
    query: { query: async () => ({ addresses: ['127.0.0.1'], ttl: 60 }) },
    hosts: new HostsFile('/nonexistent'),
    search: { search: [], ndots: 1 },
    family: 'V4Only',
  });
  const pool = new UpstreamPool({ resolver: dns, onConnect: (_, transport) => connects.push(transport) });
  ends.push(() => {
    pool.destroy();
    dns.close();
    expect(pool.counters()).toEqual(nothing);
  });
  return pool;
}

const to = (port: number, options: Partial<DestinationOptions> = {}) =>
  new Destination({ target: { host: 'upstream.test', port }, ...options });

function request(method = 'GET', path = '/', body: Body = null, version: 'HTTP/1.1' | 'HTTP/2.0' = 'HTTP/1.1') {
  return new Request(method, 'http', 'upstream.test', path, version, new Headers(), body);
}

async function textOf(answer: Response | Upgraded): Promise<string> {
  if (answer instanceof Upgraded) throw new Error('upgraded');
  return (await collect(answer.body, 1 << 20)).toString();
}

async function errorOf(promise: Promise<unknown>): Promise<UpstreamError> {
  return promise.then(
    () => {
      throw new Error('it went well');
    },
    (error) => error,
  );
}

/** Waits for a state that the other side brings about; the test's own time limit is the end of it. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

describe('HTTP/1.1 against node:http', () => {
  test('a hundred requests one after the other take one connection', async () => {
    const server = await listen(http.createServer((incoming, response) => response.end(incoming.url)));
    const connects: string[] = [];
    const pool = newPool(connects);
    for (let i = 0; i < 100; i++) {
      expect(await textOf(await pool.send(request('GET', `/${i}`), to(server.port)))).toBe(`/${i}`);
    }
    expect([server.accepted, connects]).toEqual([1, ['plaintext']]);
    expect(pool.counters()).toEqual({ ...nothing, idle: 1 });
  });

  test('a thousand at once share eight', async () => {
    const server = await listen(http.createServer((incoming, response) => response.end(incoming.url)));
    const pool = newPool();
    const destination = to(server.port, { maxConnections: 8 });
    const texts = await Promise.all(
      Array.from({ length: 1_000 }, async (_, i) => textOf(await pool.send(request('GET', `/${i}`), destination))),
    );
    expect(texts).toEqual(Array.from({ length: 1_000 }, (_, i) => `/${i}`));
    expect(server.accepted).toBe(8);
  });

  /** Answers the first request of its first connection, then closes that one as soon as the second request comes. */
  function forgetful() {
    const requests: string[] = [];
    let connections = 0;
    const server = net.createServer((socket) => {
      const number = ++connections;
      let seen = 0;
      socket.on('data', (data) => {
        requests.push(`${number} ${data.toString().split(' ')[0]}`);
        if (number === 1 && ++seen === 2) socket.resetAndDestroy();
        else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      });
    });
    return { server, requests };
  }

  test('what a dying connection swallowed is sent once more', async () => {
    const { server, requests } = forgetful();
    const { port } = await listen(server);
    const pool = newPool();
    await textOf(await pool.send(request(), to(port)));
    expect(await textOf(await pool.send(request(), to(port)))).toBe('ok');
    expect(requests).toEqual(['1 GET', '1 GET', '2 GET']);
  });

  test.each<[string, () => Body]>([
    ['bytes', () => Buffer.from('x')],
    ['a stream', () => streamOf('x')],
  ])('but not a POST whose body, %s, went with it', async (_, body) => {
    const { server, requests } = forgetful();
    const { port } = await listen(server);
    const pool = newPool();
    await textOf(await pool.send(request(), to(port)));
    const error = await errorOf(pool.send(request('POST', '/', body()), to(port)));
    expect(error.kind).toBe('SendRequest');
    expect(requests.filter((line) => line.endsWith('POST'))).toEqual(['1 POST']);
    expect(pool.counters()).toEqual(nothing);
  });

  test('a connection that the server closed while idle is not used', async () => {
    const server = await listen(http.createServer((_, response) => response.end('ok')));
    const pool = newPool();
    await textOf(await pool.send(request(), to(server.port)));
    for (const socket of server.sockets) socket.end();
    await until(() => pool.counters().idle === 0);
    expect(await textOf(await pool.send(request('POST', '/', Buffer.from('x')), to(server.port)))).toBe('ok');
    expect(server.accepted).toBe(2);
  });

  test('an upgrade hands the connection over', async () => {
    const plain = http.createServer();
    plain.on('upgrade', (_, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nfirst ');
      socket.on('data', (data) => socket.end(data));
    });
    const server = await listen(plain);
    const pool = newPool();
    const upgrade = request();
    upgrade.headers.append('connection', 'upgrade');
    upgrade.headers.append('upgrade', 'echo');
    const answer = await pool.send(upgrade, to(server.port));
    expect(answer).toBeInstanceOf(Upgraded);
    expect(pool.counters()).toEqual(nothing);
    const { transport } = answer as Upgraded;
    let text = '';
    const over = Promise.withResolvers<void>();
    transport.start({
      onData: (chunk) => {
        text += chunk.toString();
        if (text === 'first ') transport.write('then');
      },
      onEnd: () => transport.end(),
      onDrain() {},
      onClose: () => over.resolve(),
    });
    await over.promise;
    expect(text).toBe('first then');
  });

  test('aborted while connecting, waiting, sent, or in the body: nothing is left', async () => {
    const inBody = Promise.withResolvers<void>();
    const server = await listen(
      http.createServer((incoming, response) => {
        if (incoming.url !== '/body') return;
        response.write('first');
        inBody.resolve();
      }),
    );
    const pool = newPool();
    const destination = to(server.port, { target: { address: '127.0.0.1', port: server.port }, maxConnections: 1 });
    const reason = new Error('client left');

    const connecting = new Abort();
    const one = pool.send(request(), destination, { abort: connecting });
    expect(pool.counters()).toEqual({ ...nothing, connecting: 1, pending: 1, inFlight: 1 });
    connecting.abort(reason);
    expect((await errorOf(one)).cause).toBe(reason);
    await until(() => pool.counters().idle === 1);

    const [sent, waiting] = [new Abort(), new Abort()];
    const two = errorOf(pool.send(request('GET', '/hang'), destination, { abort: sent }));
    const three = errorOf(pool.send(request(), destination, { abort: waiting }));
    expect(pool.counters()).toMatchObject({ active: 1, pending: 1, inFlight: 2 });
    waiting.abort(reason);
    expect(pool.counters()).toMatchObject({ active: 1, pending: 0, inFlight: 1 });
    sent.abort(reason);
    expect(pool.counters()).toEqual(nothing);
    expect([(await two).kind, (await three).kind]).toEqual(['Canceled', 'Canceled']);

    const reading = new Abort();
    const response = (await pool.send(request('GET', '/body'), destination, { abort: reading })) as Response;
    await inBody.promise;
    const body = collect(response.body, 1_000);
    reading.abort(reason);
    expect(pool.counters()).toEqual(nothing);
    await expect(body).rejects.toBe(reason);
    await until(() => server.sockets.size === 0);
  });

  test('the sender leaving after the response still reaches the body of a request with a time limit', async () => {
    const server = await listen(http.createServer((_, response) => response.write('first')));
    const pool = newPool();
    const abort = new Abort();
    const response = (await pool.send(request(), to(server.port), { abort, timeout: 20_000 })) as Response;
    const body = collect(response.body, 1_000);
    abort.abort(new Error('client left'));
    await expect(body).rejects.toThrow('client left');
    expect(pool.counters()).toEqual(nothing);
  });

  test('PROXY-49: a refused connect says so', async () => {
    const closed = net.createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, 'close');
    const pool = newPool();
    const error = await errorOf(pool.send(request(), to(port)));
    expect([error.kind, error.message.startsWith('Connect: connect ECONNREFUSED')]).toEqual(['Connect', true]);
    expect(pool.counters()).toEqual(nothing);
  });

  test('a TLS peer that never answers is given up in time, and closed', async () => {
    const server = await listen(net.createServer((socket) => void socket.resume()));
    const pool = newPool();
    const secure = to(server.port, { tls: destinationTls({ root: authority.ca }), connectTimeout: 50 });
    expect((await errorOf(pool.send(request(), secure))).kind).toBe('ConnectTimeout');
    await until(() => server.sockets.size === 0);
    expect(pool.counters()).toEqual(nothing);
  });
});

describe('HTTP/2 against node:http2', () => {
  const echo = (incoming: http2.Http2ServerRequest, response: http2.Http2ServerResponse): void => {
    response.end(`${incoming.httpVersion} ${incoming.url}`);
  };

  test('PROXY-65: a hundred at once take one connection, prior knowledge', async () => {
    const server = await listen(http2.createServer(echo));
    const pool = newPool();
    const destination = to(server.port, { version: 'http2' });
    const burst = async (count: number) =>
      Promise.all(Array.from({ length: count }, async () => textOf(await pool.send(request(), destination))));
    expect(new Set(await burst(100))).toEqual(new Set(['2.0 /']));
    expect(server.accepted).toBe(1);
    await burst(101);
    expect(server.accepted).toBe(2);
  });

  test('PROXY-63: under TLS the peer chooses, whatever the client spoke', async () => {
    const connects: string[] = [];
    const server = await listen(http2.createSecureServer({ ...leaf, allowHTTP1: true }, echo));
    const pool = newPool(connects);
    const secure = destinationTls({ root: authority.ca });
    const auto = to(server.port, { tls: secure });
    const only1 = to(server.port, { tls: secure, version: 'http1' });
    const alpn1 = to(server.port, {
      tls: destinationTls({ root: authority.ca, alpn: ['http/1.1'] }),
      version: 'http2',
    });
    expect(await textOf(await pool.send(request(), auto))).toBe('2.0 /');
    expect(await textOf(await pool.send(request('GET', '/', null, 'HTTP/2.0'), only1))).toBe('1.1 /');
    expect(await textOf(await pool.send(request('GET', '/', null, 'HTTP/2.0'), alpn1))).toBe('1.1 /');
    expect(connects).toEqual(['tls', 'tls', 'tls']);
  });

  test('PROXY-65: a peer that offers both and settles on HTTP/1.1: one probes, then ten in all', async () => {
    const held: http.ServerResponse[] = [];
    const plain = http.createServer((_, response) => void held.push(response));
    let accepted = 0;
    const server = await listen(
      tls.createServer({ ...leaf, ALPNProtocols: ['http/1.1'] }, (socket) => {
        accepted++;
        plain.emit('connection', socket);
      }),
    );
    const pool = newPool();
    const destination = to(server.port, { tls: destinationTls({ root: authority.ca }) });
    const all = Array.from({ length: 10 }, () => pool.send(request(), destination));
    expect(pool.counters().inFlight).toBe(10);
    await until(() => held.length === 10);
    expect(accepted).toBe(10);
    for (const response of held) response.end('ok');
    expect(new Set(await Promise.all(all.map(async (answer) => textOf(await answer))))).toEqual(new Set(['ok']));
  });

  test('a certificate of somebody else is an error of TLS', async () => {
    const server = await listen(http2.createSecureServer({ ...authority.issue('DNS:other.test') }, echo));
    const pool = newPool();
    const error = await errorOf(pool.send(request(), to(server.port, { tls: destinationTls({ root: authority.ca }) })));
    expect([error.kind, error.message.startsWith('Connect: ')]).toEqual(['Tls', true]);
    expect(pool.counters()).toEqual(nothing);
  });

  test('a connection that goes away is replaced; what ran on it finishes', async () => {
    const held: http2.Http2ServerResponse[] = [];
    const sessions: http2.ServerHttp2Session[] = [];
    const h2 = http2.createServer((incoming, response) => {
      if (incoming.url === '/held') held.push(response);
      else response.end('ok');
    });
    h2.on('session', (session) => sessions.push(session));
    const server = await listen(h2);
    const pool = newPool();
    const destination = to(server.port, { version: 'http2' });
    const first = pool.send(request('GET', '/held'), destination);
    await until(() => held.length === 1);
    sessions[0]?.goaway(0);
    await until(() => pool.counters().idle === 0 && pool.counters().active === 1 && server.accepted === 1);
    for (;;) {
      await textOf(await pool.send(request(), destination));
      if (server.accepted === 2) break;
    }
    held[0]?.end('late');
    expect(await textOf(await first)).toBe('late');
    await until(() => pool.counters().active === 0);
  });
});

describe('through a proxy', () => {
  /** A proxy that writes down what it is asked, and refuses who has no credential. */
  async function proxy(secure = false) {
    const asked: string[] = [];
    const handler = http.createServer((incoming, response) => {
      asked.push(
        `${incoming.method} ${incoming.url} ${incoming.headers.host} ${incoming.headers['proxy-authorization']}`,
      );
      response.end('by the proxy');
    });
    handler.on('connect', (incoming: http.IncomingMessage, socket: net.Socket) => {
      asked.push(`CONNECT ${incoming.url} ${incoming.headers.host} ${incoming.headers['proxy-authorization']}`);
      if (incoming.headers['proxy-authorization'] === undefined) {
        socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
        return;
      }
      const port = Number(incoming.url?.split(':')[1]);
      const upstream = net.connect(port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        socket.pipe(upstream).pipe(socket);
      });
      const end = () => {
        upstream.destroy();
        socket.destroy();
      };
      for (const side of [upstream, socket]) side.on('error', end).on('close', end);
    });
    const server = secure
      ? tls.createServer({ ...leaf, ALPNProtocols: ['http/1.1'] }, (socket) => void handler.emit('connection', socket))
      : handler;
    return { asked, ...(await listen(server)) };
  }

  test('plaintext requests go to it in absolute form, with its credential', async () => {
    const { port, asked } = await proxy();
    const connects: string[] = [];
    const pool = newPool(connects);
    const through = { target: { host: 'proxy.test', port }, tls: null, authorization: 'Bearer my-key' };
    const sent = request('GET', '/foo');
    expect(await textOf(await pool.send(sent, to(80, { proxy: through })))).toBe('by the proxy');
    expect(asked).toEqual(['GET http://upstream.test/foo upstream.test Bearer my-key']);
    expect([connects, sent.headers.has('proxy-authorization')]).toEqual([['plaintext'], false]);
  });

  test.each([
    ['h2', false],
    ['http/1.1', false],
    ['h2', true],
  ])('%s in TLS in its tunnel (TLS to the proxy: %s)', async (protocol, secureProxy) => {
    const origin = await listen(
      http2.createSecureServer({ ...leaf, allowHTTP1: true }, (incoming, response) => {
        response.end(incoming.httpVersion);
      }),
    );
    const { port, asked } = await proxy(secureProxy);
    const connects: string[] = [];
    const pool = newPool(connects);
    const tlsToProxy = destinationTls({ root: authority.ca, hostname: 'upstream.test' });
    const destination = to(origin.port, {
      tls: destinationTls({ root: authority.ca, alpn: [protocol] }),
      proxy: {
        target: { host: 'proxy.test', port },
        tls: secureProxy ? tlsToProxy : null,
        authorization: 'Basic my-key',
      },
    });
    expect(await textOf(await pool.send(request(), destination))).toBe(protocol === 'h2' ? '2.0' : '1.1');
    expect(await textOf(await pool.send(request(), destination))).toBe(protocol === 'h2' ? '2.0' : '1.1');
    const target = `upstream.test:${origin.port}`;
    expect(asked).toEqual([`CONNECT ${target} ${target} Basic my-key`]);
    expect(connects).toEqual(['tunnel-tls']);
  });

  test('a proxy that wants a credential', async () => {
    const { port } = await proxy();
    const pool = newPool();
    const through = { target: { host: 'proxy.test', port }, tls: null, authorization: null };
    const destination = to(443, { tls: destinationTls({ root: authority.ca }), proxy: through });
    const error = await errorOf(pool.send(request(), destination));
    expect([error.kind, error.message]).toEqual(['Tunnel', 'Connect: tunnel required auth']);
    expect(pool.counters()).toEqual(nothing);
  });
});

describe('a bare stream', () => {
  test('is opened through everything, and belongs to the caller', async () => {
    const server = await listen(tls.createServer(leaf, (socket) => socket.pipe(socket)));
    const pool = newPool();
    const secure = to(server.port, { tls: destinationTls({ root: authority.ca }) });
    const transport = await pool.open(secure);
    expect(pool.counters()).toEqual(nothing);
    let text = '';
    const over = Promise.withResolvers<void>();
    transport.start({
      onData: (chunk) => {
        text += chunk.toString();
      },
      onEnd: () => transport.destroy(),
      onDrain() {},
      onClose: () => over.resolve(),
    });
    transport.write('hello');
    transport.end();
    await over.promise;
    expect(text).toBe('hello');
  });

  test('an abort while it is being opened leaves nothing', async () => {
    const server = await listen(net.createServer((socket) => void socket.resume()));
    const pool = newPool();
    const abort = new Abort();
    const opening = pool.open(to(server.port, { tls: destinationTls({ root: authority.ca }) }), abort);
    await until(() => server.sockets.size === 1);
    abort.abort(new Error('client left'));
    expect((await errorOf(opening)).kind).toBe('Canceled');
    await until(() => server.sockets.size === 0);
    expect(pool.counters()).toEqual(nothing);
  });
});

function streamOf(text: string): BodyStream {
  return {
    length: undefined,
    read(consumer) {
      consumer.onData(Buffer.from(text));
      consumer.onEnd();
    },
    pause() {},
    resume() {},
    cancel() {},
  };
}
