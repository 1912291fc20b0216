import type { Abort, Request, Response } from '@agentgateway/http';
import type { Exchange } from './exchange.ts';

/** What a policy asks another service for; the label of metrics and the name of spans (spec 10 §5.6). */
export type CalloutKind = 'ExtAuthz' | 'ExtProc' | 'Guardrail' | 'RateLimit' | 'Oidc' | 'Jwks' | 'Telemetry';

export interface CalloutOptions {
  readonly kind: CalloutKind;
  /** The exchange that waits for the answer; null for work in the background. Its end cancels the call. */
  readonly exchange: Exchange | null;
  /** True where others wait for the answer too: then the end of the exchange does not cancel the call. */
  readonly detached?: boolean;
  /** Cancels the call, besides the end of the exchange. */
  readonly abort?: Abort;
  /** Milliseconds until the head of the response must be there; absent or 0 is no limit. */
  readonly timeout?: number;
  /** True for calls that must go over HTTP/2: gRPC. */
  readonly http2?: boolean;
}

/**
 * A service that policies ask: called like any other backend, with its own policies, TLS, metrics and spans. The reference is resolved
 * at each call, so that a backend that changes is called as it is now.
 */
export interface Callout {
  /** How messages call it: `host:port`, or the name of the backend. */
  readonly name: string;
  /** What the request's `authority` should be unless the caller knows better. */
  readonly authority: string;
  /**
   * Sends a request; its scheme is set by the backend, its authority only where it is empty.
   *
   * @throws GatewayError `upstreamCallFailed`, `upstreamCallTimeout`, `dnsFailed`, `backendDoesNotExist`, and what the policies of
   * the backend answered as an error. What they answered as a response is the response.
   */
  send(request: Request, options: CalloutOptions): Promise<Response>;
}
