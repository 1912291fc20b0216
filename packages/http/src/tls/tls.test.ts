import { createHash } from 'node:crypto';
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { Http2ClientConnection } from '../h2/client.ts';
import { serveHttp2 } from '../h2/server.ts';
import { Headers } from '../headers.ts';
import { Request, Response } from '../message.ts';
import { defaultServerOptions } from '../server/handler.ts';
import { listen } from '../server/listen.ts';
import { connectTcp } from '../socket-transport.ts';
import type { Transport } from '../transport.ts';
import { type ClientTlsOptions, connectTls, tlsKey } from './client.ts';
import { cipherString, versionRange } from './names.ts';
import {
  type AcceptedTls,
  acceptTls,
  createServerContext,
  type ServerContext,
  type ServerTlsOptions,
} from './server.ts';
import { createAuthority } from './test-certificates.ts';

const authority = createAuthority();
const other = createAuthority();
const leaf = authority.issue('DNS:a.test', 'DNS:*.w.test', 'IP:127.0.0.1', 'URI:spiffe://td/ns/x/sa/y');
const clientLeaf = authority.issue('URI:spiffe://td/client');
const strangeClient = other.issue('URI:spiffe://td/stranger');

const open: (() => unknown)[] = [];
afterEach(() => {
  for (const close of open.splice(0).reverse()) close();
});

interface Serving {
  port: number;
  accepted: Promise<AcceptedTls>;
}

/** Accepts TLS; the first connection's outcome is in `accepted`. */
async function serve(
  choose: (sni: string) => ServerContext | null,
  use: (accepted: AcceptedTls) => void = () => {},
  handshakeTimeout = 5000,
): Promise<Serving> {
  const { promise, resolve, reject } = Promise.withResolvers<AcceptedTls>();
  promise.catch(() => {});
  const listening = await listen({ host: '127.0.0.1', port: 0 }, {}, (transport) => {
    acceptTls(transport, choose, { handshakeTimeout }).then((accepted) => {
      use(accepted);
      resolve(accepted);
    }, reject);
  });
  open.push(() => {
    for (const each of listening.connections) each.destroy();
    return listening.close();
  });
  return { port: listening.address.port, accepted: promise };
}

function echo({ transport }: AcceptedTls): void {
  transport.start({
    onData: (chunk) => transport.write(Buffer.from(chunk)),
    onEnd: () => transport.end(),
    onDrain() {},
    onClose() {},
  });
}

const context = (options: Partial<ServerTlsOptions> = {}): ServerContext =>
  createServerContext({ ...leaf, ...options });

async function dial(
  port: number,
  options: ClientTlsOptions,
  name = 'a.test',
): Promise<{ transport: Transport; alpn: string | null }> {
  const connected = await connectTls(await connectTcp({ host: '127.0.0.1', port }), options, name);
  open.push(() => connected.transport.destroy());
  return connected;
}

function roundTrip(transport: Transport, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = '';
    transport.start({
      onData: (chunk) => (got += chunk),
      onEnd: () => resolve(got),
      onDrain() {},
      onClose: (error) => reject(error ?? new Error('closed')),
    });
    transport.write(text);
    transport.end();
  });
}

describe('a TLS server', () => {
  it('PROXY-15: chooses by name, in lower case and without a trailing dot', async () => {
    const names: string[] = [];
    const { port, accepted } = await serve((sni) => {
      names.push(sni);
      return context();
    }, echo);
    const { transport, alpn } = await dial(port, { root: authority.ca }, 'A.test');
    expect(await roundTrip(transport, 'hello')).toBe('hello');
    const info = (await accepted).tls;
    expect([names, info.sni, info.alpn, alpn]).toEqual([['a.test'], 'a.test', 'h2', 'h2']);
    expect(info.peerCertificate()).toBeNull();
  });

  it('PROXY-15: answers an unknown name with unrecognized_name', async () => {
    const { port, accepted } = await serve(() => null);
    await expect(dial(port, { root: authority.ca }, 'nope')).rejects.toThrow(/unrecognized name/i);
    await expect(accepted).rejects.toMatchObject({ reason: 'unrecognized_name', sni: 'nope' });
  });

  it('closes what does not finish its handshake, and what is no TLS', async () => {
    const silent = await serve(
      () => context(),
      () => {},
      10,
    );
    const socket = net.connect(silent.port, '127.0.0.1').resume();
    await expect(silent.accepted).rejects.toMatchObject({ reason: 'timeout' });
    await new Promise((resolve) => socket.on('close', resolve));
    const plain = await serve(() => context());
    net
      .connect(plain.port, '127.0.0.1')
      .on('error', () => {})
      .resume()
      .write('GET / HTTP/1.1\r\n\r\n');
    await expect(plain.accepted).rejects.toMatchObject({ reason: 'not_tls' });
    const gone = await serve(() => context());
    net
      .connect(gone.port, '127.0.0.1')
      .resume()
      .end(Buffer.from([22, 3]));
    await expect(gone.accepted).rejects.toMatchObject({ reason: 'closed' });
  });

  it('stops a client that hangs within the handshake', async () => {
    const { port, accepted } = await serve(
      () => context(),
      () => {},
      50,
    );
    const socket = net.connect(port, '127.0.0.1').resume();
    const probe = net.createServer((from) => from.once('data', (hello) => socket.write(hello))).listen(0, '127.0.0.1');
    open.push(() => probe.close());
    await new Promise((resolve) => probe.once('listening', resolve));
    const hung = tls
      .connect({ port: (probe.address() as net.AddressInfo).port, host: '127.0.0.1' })
      .on('error', () => {});
    open.push(() => hung.destroy());
    await expect(accepted).rejects.toMatchObject({ reason: 'timeout' });
  });

  it('PROXY-19: with an authority requires a client certificate of it and shows it', async () => {
    const { port, accepted } = await serve(
      () => context({ ca: authority.ca }),
      (connection) => {
        connection.tls.peerCertificate();
        echo(connection);
      },
    );
    const { transport } = await dial(port, { root: authority.ca, ...clientLeaf });
    expect(await roundTrip(transport, 'x')).toBe('x');
    expect((await accepted).tls.peerCertificate()?.subjectaltname).toBe('URI:spiffe://td/client');
    const without = await serve(() => context({ ca: authority.ca }));
    await dial(without.port, { root: authority.ca }).catch(() => {});
    await expect(without.accepted).rejects.toMatchObject({ reason: 'failed' });
    const stranger = await serve(() => context({ ca: authority.ca }));
    await dial(stranger.port, { root: authority.ca, ...strangeClient }).catch(() => {});
    await expect(stranger.accepted).rejects.toMatchObject({ reason: 'failed' });
  });

  it('that only requests a certificate shows a verified one and no other', async () => {
    const { port, accepted } = await serve(() => context({ ca: authority.ca, clientCertificate: 'request' }), echo);
    const { transport } = await dial(port, { root: authority.ca, ...strangeClient });
    expect(await roundTrip(transport, 'x')).toBe('x');
    expect((await accepted).tls.peerCertificate()).toBeNull();
  });

  it('says what is wrong with its material', () => {
    const { cert, key } = leaf;
    expect(() => context({ cert: key })).toThrow('no certificate');
    expect(() => context({ key: cert })).toThrow('no key');
    expect(() => context({ key: key + clientLeaf.key })).toThrow('multiple private keys');
    expect(() => context({ key: clientLeaf.key })).toThrow('does not belong');
    expect(() => context({ ca: 'nothing' })).toThrow('no certificate');
    expect(() => context({ cipherSuites: ['RC4'] })).toThrow('unknown cipher suite: RC4');
    expect(() => context({ groups: ['P-1'] })).toThrow('unknown key exchange group: P-1');
    expect(() => versionRange('TLS_V1_0')).toThrow('unsupported TLS version');
    expect(() => context({ minVersion: 'TLS_V1_3', maxVersion: 'TLS_V1_2' }), 'PROXY-22').toThrow(
      'invalid TLS version range',
    );
    expect(
      cipherString([
        'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
        'TLS13_AES_128_GCM_SHA256',
        'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
      ]),
    ).toBe('ECDHE-RSA-AES256-GCM-SHA384:TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-CHACHA20-POLY1305');
  });

  it('serves the versions, suites, groups and protocols that it was given', async () => {
    const { port } = await serve(
      () =>
        context({
          maxVersion: 'TLS_V1_2',
          cipherSuites: ['ECDHE-ECDSA-AES128-GCM-SHA256'],
          groups: ['P-384'],
          alpn: ['http/1.1'],
        }),
      echo,
    );
    const socket = tls.connect({
      port,
      host: '127.0.0.1',
      ca: authority.ca,
      servername: 'a.test',
      ALPNProtocols: ['http/1.1'],
    });
    open.push(() => socket.destroy());
    await new Promise((resolve, reject) => socket.on('secureConnect', resolve as () => void).on('error', reject));
    expect([socket.getProtocol(), socket.getCipher().standardName, socket.alpnProtocol]).toEqual([
      'TLSv1.2',
      'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
      'http/1.1',
    ]);
    expect(socket.getEphemeralKeyInfo()).toMatchObject({ name: 'secp384r1' });
  });
});

describe('a TLS client', () => {
  const verdict = async (options: ClientTlsOptions, name?: string): Promise<string> => {
    const { port } = await serve(() => context(), echo);
    return dial(port, options, name).then(
      () => 'connected',
      (error: NodeJS.ErrnoException) => error.code ?? error.message,
    );
  };
  const root = authority.ca;

  it('checks chain and name of the target: host name, wildcard, IP address', async () => {
    expect(await verdict({ root })).toBe('connected');
    expect(await verdict({ root }, 'x.w.test')).toBe('connected');
    expect(await verdict({ root }, '127.0.0.1')).toBe('connected');
    expect(await verdict({ root }, '127.0.0.2')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(await verdict({ root }, 'b.test')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(await verdict({ root, hostname: 'a.test' }, 'b.test')).toBe('connected');
    expect(await verdict({ root: other.ca })).toMatch(/UNABLE|SELF_SIGNED|SIGNATURE/);
    expect(await verdict({})).toMatch(/UNABLE|SELF_SIGNED/);
  });

  it('insecureHost checks the chain only and goes before insecure, which checks nothing', async () => {
    expect(await verdict({ root, insecureHost: true }, 'b.test')).toBe('connected');
    expect(await verdict({ root: other.ca, insecureHost: true })).not.toBe('connected');
    expect(await verdict({ root: other.ca, insecureHost: true, insecure: true })).not.toBe('connected');
    expect(await verdict({ root: other.ca, insecure: true }, 'b.test')).toBe('connected');
  });

  it('subjectAltNames replace the name: DNS, IP, URI', async () => {
    const san = (...subjectAltNames: string[]): Promise<string> => verdict({ root, subjectAltNames }, 'b.test');
    expect(await san('a.test')).toBe('connected');
    expect(await san('x.w.test')).toBe('connected');
    expect(await san('127.0.0.1')).toBe('connected');
    expect(await san('none.test', 'spiffe://td/ns/x/sa/y')).toBe('connected');
    expect(await san('spiffe://td/ns/x/sa')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(await san('127.0.0.2')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(await verdict({ root: other.ca, subjectAltNames: ['a.test'] })).not.toBe('connected');
  });

  it('offers the protocols it is given', async () => {
    const { port } = await serve(() => context());
    expect((await dial(port, { root })).alpn).toBe('h2');
    expect((await dial(port, { root, alpn: ['http/1.1'] })).alpn).toBe('http/1.1');
  });

  it('has equal keys for equal content', () => {
    expect(tlsKey({ root, hostname: 'a' })).toBe(tlsKey({ root: Buffer.from(root), hostname: 'a' }));
    const keys = [
      {},
      { root },
      { hostname: root },
      { insecure: true },
      { alpn: ['h2'] },
      { alpn: ['h2', 'x'] },
      { insecureHost: true },
    ].map(tlsKey);
    expect(new Set(keys).size).toBe(keys.length);
    expect(tlsKey({ insecure: false })).toBe(tlsKey({}));
    expect(createHash('sha256').update('').digest('base64url')).toBe(tlsKey({}));
  });

  it('gives up in time', async () => {
    const server = net.createServer((socket) => socket.resume().on('error', () => {})).listen(0, '127.0.0.1');
    open.push(() => server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const transport = await connectTcp({ host: '127.0.0.1', port: (server.address() as net.AddressInfo).port });
    await expect(connectTls(transport, {}, 'a.test', { timeout: 10 })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    expect(transport.socket.destroyed).toBe(true);
  });
});

describe('HTTP/2 over TLS', () => {
  it('runs between our server and our client, and to Node', async () => {
    const { port } = await serve(
      () => context(),
      ({ transport, tls: info }) => {
        const connection = { id: 1, remoteAddress: '', remotePort: 0, localAddress: '', localPort: 0, tls: info };
        serveHttp2(
          transport,
          connection,
          (request, reply) => {
            reply.respond(new Response(200, new Headers(), Buffer.from(`${request.scheme} ${request.authority}`)));
          },
          defaultServerOptions,
        );
      },
    );
    const { transport } = await dial(port, { root: authority.ca });
    const connection = new Http2ClientConnection(transport);
    await connection.ready;
    const status = await new Promise((resolve) =>
      connection.send(
        new Request('GET', 'https', 'a.test', '/', 'HTTP/1.1', new Headers(), null),
        { onResponse: (response) => resolve(response.status), onUpgrade() {}, onInform() {}, onError: resolve },
        null,
      ),
    );
    expect(status).toBe(200);
    connection.destroy(new Error('done'));
    const session = http2.connect(`https://127.0.0.1:${port}`, { ca: authority.ca });
    const text = await new Promise((resolve) =>
      session.request({ ':path': '/' }).on('data', (chunk) => resolve(String(chunk))),
    );
    expect(text).toBe(`https 127.0.0.1:${port}`);
    session.destroy();
  });
});
