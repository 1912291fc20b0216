import { AsyncLocalStorage } from 'node:async_hooks';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { SocketTransport } from '../socket-transport.ts';
import type { TlsInfo, Transport } from '../transport.ts';
import { type ClientHello, parseClientHello } from './client-hello.ts';
import { cipherString, groupString, type TlsVersion, versionRange } from './names.ts';
import { checkKeyPair, readCertificates } from './pem.ts';

/** What a TLS listener serves with. PEM text or bytes. */
export interface ServerTlsOptions {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** Authorities for client certificates. With it, and unless `clientCertificate` says otherwise, one is required. */
  readonly ca?: string | Buffer;
  /**
   * `require`: a client certificate that chains to `ca`. `request`: any or none is accepted, but only a verified one is
   * shown. Default: `require` with `ca`, `none` without.
   */
  readonly clientCertificate?: 'require' | 'request' | 'none';
  readonly minVersion?: TlsVersion;
  readonly maxVersion?: TlsVersion;
  /** Names of spec 02 §2.2 or OpenSSL's, in order of preference. */
  readonly cipherSuites?: readonly string[];
  readonly groups?: readonly string[];
  /** Default: `h2`, `http/1.1`. */
  readonly alpn?: readonly string[];
}

/** Certificates and settings, ready to serve any number of connections. */
export interface ServerContext {
  /** Never listens: it holds the context and runs handshakes. */
  readonly server: tls.Server;
}

/** A TLS connection that was accepted. */
export interface AcceptedTls {
  readonly transport: Transport;
  readonly tls: TlsInfo;
}

/** Why no TLS connection came to be. */
export class TlsHandshakeError extends Error {
  override readonly name = 'TlsHandshakeError';
  readonly reason: 'timeout' | 'closed' | 'not_tls' | 'unrecognized_name' | 'failed';
  readonly sni: string;
  constructor(reason: TlsHandshakeError['reason'], message: string, sni: string, cause?: Error) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
    this.sni = sni;
  }
}

/** Handed along with a connection so that the events of a shared server find their handshake. */
const handshakes = new AsyncLocalStorage<Handshake>();

/** Node needs some limit; the one that counts covers the ClientHello as well and is ours. */
const NODE_HANDSHAKE_TIMEOUT = 2 ** 31 - 1;

/**
 * Makes a context from PEM material.
 *
 * @throws TlsConfigError: `no certificate`, `no key`, `multiple private keys`, `unsupported TLS version`,
 * `invalid TLS version range`, an unknown suite or group, or material that cannot be read.
 */
export function createServerContext(options: ServerTlsOptions): ServerContext {
  checkKeyPair(options.cert, options.key);
  if (options.ca !== undefined) readCertificates(options.ca);
  const clientCertificate = options.clientCertificate ?? (options.ca === undefined ? 'none' : 'require');
  const server = tls.createServer({
    cert: options.cert,
    key: options.key,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...versionRange(options.minVersion, options.maxVersion),
    ciphers: cipherString(options.cipherSuites),
    honorCipherOrder: true,
    ecdhCurve: groupString(options.groups),
    ALPNProtocols: [...(options.alpn ?? ['h2', 'http/1.1'])],
    requestCert: clientCertificate !== 'none',
    rejectUnauthorized: clientCertificate === 'require',
    allowHalfOpen: true,
    handshakeTimeout: NODE_HANDSHAKE_TIMEOUT,
  });
  server.on('secureConnection', (socket) => handshakes.getStore()?.succeed(socket));
  server.on('tlsClientError', (error) => handshakes.getStore()?.fail(error));
  return { server };
}

export interface AcceptTlsOptions {
  /** Milliseconds for everything from the first byte to the end of the handshake. */
  readonly handshakeTimeout: number;
  /** Bytes read from the transport already. */
  readonly head?: Buffer;
}

/**
 * Reads the ClientHello, chooses a context by its name and runs the handshake.
 *
 * @param choose Gets the name in lower case without a trailing dot, or an empty one. Null answers with the alert
 * `unrecognized_name` and closes.
 * @throws {@link TlsHandshakeError}; the transport is closed then.
 */
export async function acceptTls(
  transport: Transport,
  choose: (sni: string, hello: ClientHello) => ServerContext | null | Promise<ServerContext | null>,
  options: AcceptTlsOptions,
): Promise<AcceptedTls> {
  const handshake = new Handshake(transport, options.handshakeTimeout);
  try {
    const peeked = await peekClientHello(transport, handshake, options.head);
    handshake.sni = peeked.hello.sni;
    const context = await choose(peeked.hello.sni, peeked.hello);
    handshake.throwIfFailed();
    if (context === null) {
      throw new TlsHandshakeError('unrecognized_name', `no listener for server name "${handshake.sni}"`, handshake.sni);
    }
    return await handshake.run(context, peeked.head);
  } catch (error) {
    if (error instanceof TlsHandshakeError && error.reason === 'unrecognized_name') refuseName(transport);
    else handshake.destroy();
    throw error;
  } finally {
    handshake.dispose();
  }
}

/**
 * Reads a ClientHello and nothing else, for whoever passes TLS through or decides before it is terminated.
 *
 * @returns what it says, and the bytes read, to be replayed or given to {@link acceptTls}. The transport is paused.
 * @throws {@link TlsHandshakeError}; the transport is closed then.
 */
export async function readClientHello(
  transport: Transport,
  options: AcceptTlsOptions,
): Promise<{ hello: ClientHello; head: Buffer }> {
  const handshake = new Handshake(transport, options.handshakeTimeout);
  try {
    return await peekClientHello(transport, handshake, options.head);
  } catch (error) {
    transport.destroy();
    throw error;
  } finally {
    handshake.dispose();
  }
}

function peekClientHello(
  transport: Transport,
  handshake: Handshake,
  head: Buffer | undefined,
): Promise<{ hello: ClientHello; head: Buffer }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ hello: ClientHello; head: Buffer }>();
  handshake.onFailure = reject;
  let bytes: Buffer = Buffer.alloc(0);
  let done = false;
  const receive = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk]);
    if (done) return;
    const hello = parseClientHello(bytes);
    if (hello === null) return;
    done = true;
    transport.pause();
    if (hello === 'invalid') reject(new TlsHandshakeError('not_tls', 'the first bytes are no ClientHello', ''));
    else resolve({ hello, head: bytes });
  };
  const closed = (): void => reject(new TlsHandshakeError('closed', 'closed before the ClientHello was complete', ''));
  if (head !== undefined && head.length > 0) receive(head);
  if (!done) transport.start({ onData: receive, onEnd: closed, onDrain() {}, onClose: closed });
  return promise;
}

/** Writes the fatal alert `unrecognized_name` (RFC 6066 §3). */
function refuseName(transport: Transport): void {
  transport.write(Buffer.from([21, 3, 3, 0, 2, 2, 112]));
  transport.end();
  setImmediate(() => transport.destroy());
}

/** One handshake: its deadline and its one outcome. */
class Handshake {
  sni = '';
  onFailure: (error: Error) => void = () => {};
  readonly #transport: Transport;
  readonly #timer: NodeJS.Timeout;
  /** The transport's successor while TLS owns it. */
  #duplex: Duplex | null = null;
  #onSuccess: (socket: tls.TLSSocket) => void = () => {};
  #failure: Error | null = null;

  constructor(transport: Transport, timeout: number) {
    this.#transport = transport;
    this.#timer = setTimeout(() => {
      this.#settle(new TlsHandshakeError('timeout', `no TLS handshake within ${timeout} ms`, this.sni));
      this.destroy();
    }, timeout);
  }

  destroy(): void {
    if (this.#duplex === null) this.#transport.destroy();
    else this.#duplex.destroy();
  }

  run(context: ServerContext, head: Buffer): Promise<AcceptedTls> {
    const { promise, resolve, reject } = Promise.withResolvers<AcceptedTls>();
    this.onFailure = reject;
    this.#onSuccess = (socket) => {
      // Made in this turn: it listens for errors, which must not meet a socket that nobody listens to.
      resolve({ transport: new SocketTransport(socket), tls: tlsInfo(socket, this.sni) });
    };
    const duplex = this.#transport.toDuplex(head);
    this.#duplex = duplex;
    duplex.once('close', () => this.fail(new Error('closed during the handshake')));
    duplex.on('error', () => {});
    handshakes.run(this, () => context.server.emit('connection', duplex));
    return promise;
  }

  succeed(socket: tls.TLSSocket): void {
    this.#onSuccess(socket);
  }

  fail(cause: Error): void {
    this.#settle(new TlsHandshakeError('failed', `TLS handshake failed: ${cause.message}`, this.sni, cause));
  }

  throwIfFailed(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.onFailure = () => {};
    this.#onSuccess = () => {};
  }

  #settle(error: Error): void {
    this.#failure ??= error;
    this.onFailure(error);
  }
}

function tlsInfo(socket: tls.TLSSocket, sni: string): TlsInfo {
  let certificate: tls.DetailedPeerCertificate | null | undefined;
  return {
    sni,
    alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : null,
    peerCertificate() {
      if (certificate === undefined) certificate = socket.authorized ? readPeerCertificate(socket) : null;
      return certificate;
    },
  };
}

/** Node knows the certificate only while the connection is open. */
function readPeerCertificate(socket: tls.TLSSocket): tls.DetailedPeerCertificate | null {
  const certificate = socket.getPeerCertificate(true);
  return certificate?.raw === undefined ? null : certificate;
}
