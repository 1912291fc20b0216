import type { Abort } from '../abort.ts';
import type { Headers } from '../headers.ts';
import type { Request, Response } from '../message.ts';
import type { Transport } from '../transport.ts';

/** What is known of a request that got no response. */
export interface Retry {
  readonly clean: boolean;
  readonly bodyUntouched: boolean;
  readonly unprocessed?: boolean;
}

/** What became of a request, told by the connection that carried it. Exactly one of the three ends is called, once. */
export interface ResponseHandler {
  /** The final response; its body may still be arriving. */
  onResponse(response: Response): void;
  /** The other side switched protocols (101) or opened the tunnel (2xx to CONNECT): the connection is the caller's now. */
  onUpgrade(response: Response, transport: Transport): void;
  /** Interim responses (1xx other than 101). */
  onInform(status: number, headers: Headers): void;
  /**
   * No response came. `clean` says that no byte of an answer came; with `bodyUntouched` no byte of a body stream was
   * consumed either, so that the request can be sent again on another connection. `unprocessed` says that the peer is known
   * not to have acted on it (RFC 9113 §8.7: REFUSED_STREAM, or a GOAWAY that left it out), whatever its method.
   */
  onError(error: Error, retry: Retry): void;
}

/**
 * One established upstream connection, HTTP/1 or HTTP/2. The pool owns it.
 *
 * The request is written as given: `authority` becomes `Host` or `:authority`, the body decides the framing, and the
 * writer puts in no header of its own besides these.
 */
export interface ClientConnection {
  readonly protocol: 'http/1.1' | 'h2';
  /** Requests that may still be sent now: 0 or 1 for HTTP/1, free streams for HTTP/2. */
  readonly capacity: number;
  /** Requests that are not over yet: sent, and their response still coming. */
  readonly active: number;
  /** False once closed, draining (GOAWAY) or told not to be used again. */
  readonly usable: boolean;
  /** Sends a request. Only with `capacity > 0`. `abort` cancels request and response in the same turn. */
  send(request: Request, handler: ResponseHandler, abort: Abort | null): void;
  /** Called when capacity was freed, or `usable` became false. Set by the pool. */
  onChange: (() => void) | null;
  /** Ends it once its requests are over. */
  close(): void;
  /** Ends it now; running requests fail. */
  destroy(error: Error): void;
}
