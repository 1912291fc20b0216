import type { Destination, Response } from '@agentgateway/http';
import type { Exchange } from '../pipeline/exchange.ts';
import type { BackendHttpSpec } from '../policies/backend-http/spec.ts';
import type { BackendTcpSpec } from '../policies/backend-tcp/spec.ts';
import type { BackendTlsSpec } from '../policies/backend-tls/spec.ts';
import type { Address } from '../resources/model.ts';

/** An upstream that requests can be sent to: address, transport and version, compiled. */
export interface Upstream {
  readonly destination: Destination;
  readonly scheme: 'http' | 'https';
  /** `host:port`, for the record. */
  readonly endpoint: string;
  /** What the authority becomes while `exchange.autoHost` holds; null for addresses without a name. */
  readonly autoAuthority: string | null;
  /** Milliseconds until a response's head, in place of what the attempt may take; null leaves that. */
  readonly requestTimeout: number | null;
}

/** What may be said of connections to an upstream; what is left out is as the settings say. */
export interface ConnectionOptions {
  /** Absent is plaintext. */
  readonly tls?: BackendTlsSpec;
  readonly http?: BackendHttpSpec;
  readonly tcp?: BackendTcpSpec;
}

/** The one way out of the gateway. */
export interface UpstreamPort {
  compile(address: Address, options: ConnectionOptions): Upstream;
  /**
   * Sends the exchange's request as it stands and gives the response's head: auto host, timeout of the attempt, cancelling,
   * timings and endpoint of the record are its work.
   * @throws GatewayError `upstreamCallFailed`, `upstreamCallTimeout`, `dnsFailed`
   */
  send(exchange: Exchange, upstream: Upstream): Promise<Response>;
}
