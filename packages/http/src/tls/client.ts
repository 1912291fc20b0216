import { createHash } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import type { Abort } from '../abort.ts';
import { SocketTransport } from '../socket-transport.ts';
import type { Transport } from '../transport.ts';
import { cipherString, groupString, TlsConfigError, versionRange } from './names.ts';
import { checkKeyPair, readCertificates } from './pem.ts';

/** How a TLS upstream is reached (spec 02 §3.16). PEM text or bytes. */
export interface ClientTlsOptions {
  /** Client certificate chain and key; both or none. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** Authorities; the system's where there are none. */
  readonly root?: string | Buffer;
  /** Name to send and to verify instead of the target's. */
  readonly hostname?: string;
  /** Verify nothing. */
  readonly insecure?: boolean;
  /** Verify the chain, not the name. Wins over `insecure`. */
  readonly insecureHost?: boolean;
  /** Offered protocols; default `h2`, `http/1.1`. */
  readonly alpn?: readonly string[];
  /** At least one of these must be in the certificate (DNS, IP or URI); replaces the check of the name. */
  readonly subjectAltNames?: readonly string[];
  readonly keyExchangeGroups?: readonly string[];
}

/** The server's certificate is not the one that was expected. */
export class TlsVerifyError extends Error {
  override readonly name = 'TlsVerifyError';
  readonly code = 'ERR_TLS_CERT_ALTNAME_INVALID';
}

export interface ConnectTlsOptions {
  readonly signal?: Abort | undefined;
  /** Milliseconds for the handshake. */
  readonly timeout?: number | undefined;
}

/** An established TLS connection. */
export interface ConnectedTls {
  readonly transport: SocketTransport;
  /** The protocol that the server chose, or null. */
  readonly alpn: string | null;
}

/** No TLS connection within the time allowed. */
class HandshakeTimeout extends Error {
  override readonly name = 'HandshakeTimeout';
  readonly code = 'ETIMEDOUT';
}

const keys = new WeakMap<ClientTlsOptions, string>();

/**
 * Identifies the content of a TLS configuration: equal ones have equal keys, whoever holds them. For the keys of pools.
 * Computed once per object, which must not change afterwards.
 */
export function tlsKey(options: ClientTlsOptions): string {
  let key = keys.get(options);
  if (key !== undefined) return key;
  const hash = createHash('sha256');
  const add = (name: string, value: string | Buffer | boolean | readonly string[] | undefined): void => {
    if (value === undefined || value === false) return;
    const bytes = Buffer.isBuffer(value)
      ? value
      : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
    hash.update(`${name}:${bytes.length}:`).update(bytes);
  };
  add('cert', options.cert);
  add('key', options.key);
  add('root', options.root);
  add('hostname', options.hostname);
  add('insecure', options.insecure);
  add('insecureHost', options.insecureHost);
  add('alpn', options.alpn);
  add('subjectAltNames', options.subjectAltNames);
  add('groups', options.keyExchangeGroups);
  key = hash.digest('base64url');
  keys.set(options, key);
  return key;
}

/** Contexts by what is in them; bounded, because certificates rotate. The oldest goes first. */
const contexts = new Map<string, tls.SecureContext>();
const MAX_CONTEXTS = 256;

function contextFor(options: ClientTlsOptions): tls.SecureContext {
  const key = tlsKey(options);
  const found = contexts.get(key);
  if (found !== undefined) return found;
  if ((options.cert === undefined) !== (options.key === undefined)) {
    throw new TlsConfigError(options.cert === undefined ? 'no certificate' : 'no key');
  }
  if (options.cert !== undefined && options.key !== undefined) checkKeyPair(options.cert, options.key);
  if (options.root !== undefined) readCertificates(options.root);
  const context = tls.createSecureContext({
    ...(options.cert === undefined ? {} : { cert: options.cert, key: options.key }),
    ca: options.root ?? systemRoots(),
    ...versionRange(),
    ciphers: cipherString(),
    ecdhCurve: groupString(options.keyExchangeGroups),
  });
  if (contexts.size >= MAX_CONTEXTS) contexts.delete(contexts.keys().next().value as string);
  contexts.set(key, context);
  return context;
}

let roots: string[] | null = null;

/** The system's authorities and those of `NODE_EXTRA_CA_CERTS`; Node's own list where the system has none. */
function systemRoots(): string[] {
  if (roots !== null) return roots;
  const system = tls.getCACertificates('system');
  roots = [...(system.length > 0 ? system : tls.rootCertificates), ...tls.getCACertificates('extra')];
  return roots;
}

/**
 * Checks a client TLS configuration and prepares its context, so that a bad one is found when it is loaded.
 * @throws TlsConfigError
 */
export function prepareTls(options: ClientTlsOptions): void {
  contextFor(options);
}

/**
 * Runs a TLS handshake as the client over an established transport, which it owns from then on.
 *
 * @param servername The target's host name or IP address; `options.hostname` goes before it. An IP address is verified, but
 * never sent as SNI.
 * @throws what broke the handshake, with its `code`; {@link TlsVerifyError} for a certificate of somebody else; TlsConfigError.
 * The transport is closed then.
 */
export function connectTls(
  transport: Transport,
  options: ClientTlsOptions,
  servername: string,
  { signal, timeout = 0 }: ConnectTlsOptions = {},
): Promise<ConnectedTls> {
  const { promise, resolve, reject } = Promise.withResolvers<ConnectedTls>();
  const name = options.hostname ?? servername;
  const chainOnly = options.insecureHost === true || (options.subjectAltNames?.length ?? 0) > 0;
  const verify = chainOnly || options.insecure !== true;
  let socket: tls.TLSSocket;
  try {
    socket = tls.connect({
      socket: transport.toDuplex(),
      secureContext: contextFor(options),
      ALPNProtocols: [...(options.alpn ?? ['h2', 'http/1.1'])],
      ...(net.isIP(name) === 0 && name !== '' ? { servername: name } : {}),
      host: name,
      rejectUnauthorized: verify,
      checkServerIdentity: (_host, certificate) => checkIdentity(name, certificate, options),
      allowHalfOpen: true,
    } as tls.ConnectionOptions);
  } catch (error) {
    transport.destroy();
    reject(error);
    return promise;
  }
  const timer =
    timeout > 0
      ? setTimeout(() => socket.destroy(new HandshakeTimeout(`no TLS handshake within ${timeout} ms`)), timeout)
      : null;
  const onAbort = (reason: Error): void => {
    socket.destroy(reason);
  };
  const settle = (): void => {
    if (timer !== null) clearTimeout(timer);
    signal?.unlisten(onAbort);
    socket.off('secureConnect', onSecure).off('error', onFailure).off('close', onClosed);
  };
  const onFailure = (error: Error): void => {
    settle();
    socket.on('error', () => {});
    socket.destroy();
    reject(error);
  };
  const onClosed = (): void =>
    onFailure(Object.assign(new Error('closed during the TLS handshake'), { code: 'ECONNRESET' }));
  const onSecure = (): void => {
    settle();
    socket.pause();
    const alpn = typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : null;
    resolve({ transport: new SocketTransport(socket), alpn });
  };
  socket.once('secureConnect', onSecure).once('error', onFailure).once('close', onClosed);
  signal?.listen(onAbort);
  return promise;
}

/** Checks whose certificate it is; its chain has been checked before. */
function checkIdentity(name: string, certificate: tls.PeerCertificate, options: ClientTlsOptions): Error | undefined {
  if (options.insecureHost === true) return undefined;
  const wanted = options.subjectAltNames;
  if (wanted === undefined || wanted.length === 0) return tls.checkServerIdentity(name, certificate);
  if (wanted.some((san) => hasSubjectAltName(certificate, san))) return undefined;
  return new TlsVerifyError(`the certificate has none of the expected subject alternative names ${wanted.join(', ')}`);
}

function hasSubjectAltName(certificate: tls.PeerCertificate, wanted: string): boolean {
  const names = parseSubjectAltNames(certificate.subjectaltname ?? '');
  if (wanted.includes('://')) return names.some(([kind, value]) => kind === 'URI' && value === wanted);
  if (net.isIP(wanted) !== 0) {
    const list = new net.BlockList();
    list.addAddress(wanted, net.isIPv6(wanted) ? 'ipv6' : 'ipv4');
    return names.some(
      ([kind, value]) =>
        kind === 'IP Address' && net.isIP(value) !== 0 && list.check(value, net.isIPv6(value) ? 'ipv6' : 'ipv4'),
    );
  }
  // Node's own rules for wildcards; a value that is no host name has no business in the list that it cuts at commas.
  const dns = names.filter(([kind, value]) => kind === 'DNS' && /^[\w.*-]+$/.test(value));
  if (dns.some(([, value]) => value.toLowerCase() === wanted.toLowerCase())) return true;
  if (dns.length === 0) return false;
  const subjectaltname = dns.map(([, value]) => `DNS:${value}`).join(', ');
  const certificateOfNames = { ...certificate, subject: {}, subjectaltname } as tls.PeerCertificate;
  return tls.checkServerIdentity(wanted, certificateOfNames) === undefined;
}

/** Cuts OpenSSL's text form, in which a value that contains separators is a JSON string. */
function parseSubjectAltNames(text: string): [kind: string, value: string][] {
  const names: [string, string][] = [];
  for (let at = 0; at < text.length; ) {
    const colon = text.indexOf(':', at);
    if (colon < 0) break;
    const kind = text.slice(at, colon);
    let end: number;
    let value: string;
    if (text[colon + 1] === '"') {
      end = colon + 2;
      while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
      end++;
      try {
        value = String(JSON.parse(text.slice(colon + 1, end)));
      } catch {
        break;
      }
    } else {
      end = text.indexOf(', ', colon);
      if (end < 0) end = text.length;
      value = text.slice(colon + 1, end);
    }
    names.push([kind, value]);
    at = end + 2;
  }
  return names;
}
