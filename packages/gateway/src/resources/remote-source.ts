import type { BackendReference } from './model.ts';

/** Where a document is that policies need: the keys of an issuer, the description of a provider. Plain data. */
export interface RemoteSource {
  /** Absolute, `http` or `https`, without user and fragment. */
  readonly url: string;
  /** The host of the URL. */
  readonly target: BackendReference;
}

/**
 * The way to a document: HTTPS is verified with the system's roots.
 *
 * @param url Absolute, `http` or `https`.
 */
export function remoteSource(url: string): RemoteSource {
  const { href, protocol, hostname, port } = new URL(url);
  const secure = protocol === 'https:';
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  const address = { host, port: port === '' ? (secure ? 443 : 80) : Number(port) };
  return { url: href, target: { $backend: { address }, policies: secure ? [{ kind: 'backendTLS', spec: {} }] : [] } };
}
