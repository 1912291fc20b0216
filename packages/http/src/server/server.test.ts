import { execFile } from 'node:child_process';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { collect } from '../body.ts';
import type { ResponseHandler } from '../client/connection.ts';
import { Http1ClientConnection } from '../h1/client.ts';
import { Headers } from '../headers.ts';
import { Request, Response } from '../message.ts';
import { connectTcp } from '../socket-transport.ts';
import { splice } from '../splice.ts';
import { connectTls } from '../tls/client.ts';
import { acceptTls, createServerContext } from '../tls/server.ts';
import { createAuthority } from '../tls/test-certificates.ts';
import type { Transport } from '../transport.ts';
import { defaultServerOptions, type Handler, type ServedConnection } from './handler.ts';
import { type Listening, listen } from './listen.ts';
import { serveConnection } from './server.ts';
import { sniff } from './sniff.ts';

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const answer: Handler = (request, reply) => {
  void collect(request.body, 1000).then((body) => {
    reply.respond(
      new Response(200, new Headers(), Buffer.from(`${request.version} ${request.method} ${request.path} ${body}`)),
    );
  });
};

async function serve(handler: Handler, idleTimeout = 600_000): Promise<Listening & { served: ServedConnection[] }> {
  const served: ServedConnection[] = [];
  const listening = await listen({ host: '127.0.0.1', port: 0 }, {}, (transport, info) => {
    served.push(serveConnection(transport, info, handler, { ...defaultServerOptions, idleTimeout }));
  });
  open.push(async () => {
    for (const each of listening.connections) each.destroy();
    await listening.close();
  });
  return { ...listening, served };
}

/** Sends bytes one by one, each in its own turn of the loop, and returns all that comes back. */
function trickle(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    let got = '';
    socket.on('data', (chunk) => (got += chunk.toString('latin1')));
    socket.on('close', () => resolve(got)).on('error', () => {});
    let at = 0;
    const next = (): void => {
      if (at < bytes.length) socket.write(bytes.charAt(at++), 'latin1', () => setImmediate(next));
    };
    socket.on('connect', next);
  });
}

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

describe('the protocol of a connection', () => {
  it('is told by its first bytes, however they are cut', () => {
    for (let length = 0; length < 18; length++) expect(sniff(Buffer.from(preface.slice(0, length)))).toBeNull();
    for (let length = 18; length <= 24; length++) expect(sniff(Buffer.from(preface.slice(0, length)))).toBe('h2');
    for (const other of ['GET', 'PRO', 'PRI * HTTP/1.1', 'pri', '\r\n']) expect(sniff(Buffer.from(other))).toBe('h1');
  });

  it('PROXY-21: HTTP/2 by prior knowledge and HTTP/1.1 are served on one port', async () => {
    const { address } = await serve(answer);
    const session = http2.connect(`http://127.0.0.1:${address.port}`);
    open.push(() => session.destroy());
    const text = await new Promise((resolve) =>
      session.request({ ':path': '/a' }).on('data', (chunk) => resolve(String(chunk))),
    );
    expect(text).toBe('HTTP/2.0 GET /a ');
    const one = await new Promise((resolve) =>
      http.get({ port: address.port, path: '/b', agent: false }, (response) =>
        response.on('data', (chunk) => resolve(String(chunk))),
      ),
    );
    expect(one).toBe('HTTP/1.1 GET /b ');
    const run = promisify(execFile);
    const url = `http://127.0.0.1:${address.port}/c`;
    expect((await run('curl', ['-sS', '--http2-prior-knowledge', '-d', 'x', url])).stdout).toBe('HTTP/2.0 POST /c x');
    expect((await run('curl', ['-sS', '--http1.1', '-d', 'x', url])).stdout).toBe('HTTP/1.1 POST /c x');
  });

  it('is found when the bytes come one by one', async () => {
    const { address } = await serve(answer);
    expect(
      await trickle(address.port, 'PUT /x HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi'),
    ).toContain('HTTP/1.1 PUT /x hi');
    // SETTINGS, then HEADERS of GET / with END_STREAM from HPACK's static table, then GOAWAY.
    const headers = '\x00\x00\x06\x01\x05\x00\x00\x00\x01\x82\x86\x84\x41\x01a';
    const goaway = '\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00';
    const h2 = `${preface}\x00\x00\x00\x04\x00\x00\x00\x00\x00${headers}${goaway}`;
    expect(await trickle(address.port, h2)).toContain('HTTP/2.0 GET / ');
  });

  it('is not waited for longer than the idle time, nor while draining', async () => {
    const { address } = await serve(answer, 10);
    expect(await trickle(address.port, '')).toBe('');
    expect(await trickle(address.port, 'PRI')).toBe('');
    const second = await serve(answer);
    const socket = net.connect(second.address.port, '127.0.0.1').resume();
    while (second.served.length === 0) await new Promise(setImmediate);
    second.served[0]?.drain();
    await new Promise((resolve) => socket.on('close', resolve));
  });
});

describe('closing', () => {
  it('leaves no socket and no timer behind', async () => {
    const before = process.getActiveResourcesInfo().sort();
    const front = await listen({ host: '127.0.0.1', port: 0 }, {}, (transport, info) => {
      const options = { ...defaultServerOptions, maxConnectionAge: 600_000 };
      const http2Options = { ...options.http2, keepaliveInterval: 600_000 };
      served.push(serveConnection(transport, info, answer, { ...options, http2: http2Options }));
    });
    const served: ServedConnection[] = [];
    const session = http2.connect(`http://127.0.0.1:${front.address.port}`);
    session.on('error', () => {});
    await new Promise((resolve) => session.request({ ':path': '/' }).on('data', resolve));
    const silent = net.connect(front.address.port, '127.0.0.1').on('error', () => {});
    const one = net.connect(front.address.port, '127.0.0.1').on('error', () => {});
    one.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    await new Promise((resolve) => one.once('data', resolve));
    await front.close();
    for (const each of served) each.destroy(new Error('over'));
    const peers = [session, silent, one];
    await Promise.all(
      peers.map((peer) => (peer.destroyed ? null : new Promise((resolve) => peer.once('close', resolve)))),
    );
    while (front.connections.size > 0) await new Promise(setImmediate);
    await new Promise(setImmediate);
    const after = process.getActiveResourcesInfo().sort();
    const count = (list: string[], what: RegExp): number => list.filter((each) => what.test(each)).length;
    for (const what of [/TCP/, /Timeout/])
      expect(count(after, what), String(what)).toBeLessThanOrEqual(count(before, what));
  });
});

describe('layers', () => {
  it('HTTP/1.1 inside TLS inside CONNECT runs over the same codec', async () => {
    const authority = createAuthority();
    const context = createServerContext(authority.issue('DNS:inner.test'));
    const info = { id: 0, remoteAddress: '', remotePort: 0, localAddress: '', localPort: 0, tls: null };
    const outer = await serve((request, reply) => {
      expect([request.method, request.authority]).toEqual(['CONNECT', 'inner.test:443']);
      const tunnel = reply.upgrade(new Response(200, new Headers(), null));
      void acceptTls(tunnel, () => context, { handshakeTimeout: 5000 }).then(({ transport, tls }) => {
        serveConnection(transport, { ...info, tls }, answer, defaultServerOptions);
      });
    });
    const connection = new Http1ClientConnection(await connectTcp(outer.address));
    const tunnel = await new Promise<Transport>((resolve, reject) => {
      const handler: ResponseHandler = {
        onUpgrade: (_response, transport) => resolve(transport),
        onResponse: (response) => reject(new Error(String(response.status))),
        onInform() {},
        onError: reject,
      };
      connection.send(new Request('CONNECT', '', 'inner.test:443', '', 'HTTP/1.1', new Headers(), null), handler, null);
    });
    const inner = await connectTls(tunnel, { root: authority.ca }, 'inner.test');
    const inside = new Http1ClientConnection(inner.transport);
    const text = await new Promise<string>((resolve, reject) => {
      const handler: ResponseHandler = {
        onUpgrade() {},
        onResponse: (response) => resolve(collect(response.body, 1000).then(String)),
        onInform() {},
        onError: reject,
      };
      const body = Buffer.from('deep');
      inside.send(new Request('POST', 'https', 'inner.test', '/in', 'HTTP/1.1', new Headers(), body), handler, null);
    });
    expect(text).toBe('HTTP/1.1 POST /in deep');
    inside.destroy(new Error('done'));
  });

  it('a CONNECT is spliced to its target', async () => {
    const target = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await new Promise((resolve) => target.once('listening', resolve));
    open.push(() => target.close());
    const ended = Promise.withResolvers<Error | null>();
    const front = await serve((_request, reply) => {
      void connectTcp({ host: '127.0.0.1', port: (target.address() as net.AddressInfo).port }).then((upstream) => {
        splice(reply.upgrade(new Response(200, new Headers(), null)), upstream, ended.resolve);
      });
    });
    const request = http.request({ port: front.address.port, method: 'CONNECT', path: 'echo.test:7' }).end();
    const socket = await new Promise<net.Socket>((resolve) =>
      request.on('connect', (_response, found) => resolve(found)),
    );
    socket.write('ping');
    expect(await new Promise((resolve) => socket.once('data', (chunk) => resolve(String(chunk))))).toBe('ping');
    socket.end();
    expect(await ended.promise).toBeNull();
  });
});
