import type { Abort } from '../abort.ts';
import type { Transport } from '../transport.ts';
import type { ClientConnection } from './connection.ts';
import type { Wire } from './destination.ts';

/** Where to dial: resolved. */
export type Endpoint = { readonly address: string; readonly port: number } | { readonly path: string };

/**
 * Makes connections. It knows sockets, tunnels, TLS and protocols; when and how many is the pool's affair, and so is the
 * time: `abort` fires when it is over, and everything opened so far must be gone when that call returns.
 */
export interface Connector {
  /** A connection that is ready for requests. @throws UpstreamError */
  connect(wire: Wire, endpoint: Endpoint, abort: Abort): Promise<ClientConnection>;
  /** The bare stream to the target, through tunnel and TLS. @throws UpstreamError */
  open(wire: Wire, endpoint: Endpoint, abort: Abort): Promise<Transport>;
}
