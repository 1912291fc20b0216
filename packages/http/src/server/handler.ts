import type { Headers } from '../headers.ts';
import type { Request, Response } from '../message.ts';
import type { ConnectionInfo, Transport } from '../transport.ts';

/**
 * Answers requests. Called once per request, in the turn of the loop in which its head was complete; requests of one
 * HTTP/1 connection come one after the other, never before the reply to the one before has ended.
 *
 * Must not throw: what it cannot answer it answers with an error response.
 */
export type Handler = (request: Request, reply: Reply, connection: ConnectionInfo) => void;

/** The way back to the client for one request. Implemented by each HTTP version's server. */
export interface Reply {
  /**
   * Called exactly once, when the exchange is over: `null` when the whole response was handed to the connection, the
   * reason when the client went away or the response broke. From then on nothing of this exchange may be used.
   *
   * The client's end arrives here in the turn of the loop that saw it, whether or not a response was begun.
   */
  onClosed: ((error: Error | null) => void) | null;
  /** Bytes of response body handed to the connection so far (after transfer decoding, before chunking). */
  readonly bodyBytes: number;
  /** Sends the final response; once. Later calls are ignored. A body stream that breaks breaks the connection or stream. */
  respond(response: Response): void;
  /** Sends an interim response (1xx other than 101). `100` is sent by the server itself when a waited-for body is read. */
  inform(status: number, headers: Headers): void;
  /**
   * Sends `101` (or `200` to a CONNECT) and hands the connection over. The transport starts with the bytes that the client
   * sent behind its request. `onClosed` is called when that transport closes. Only where {@link Reply.upgradable}.
   */
  upgrade(response: Response): Transport;
  /** True if the connection can be handed over: HTTP/1.1 with `connection: upgrade`, or CONNECT. */
  readonly upgradable: boolean;
  /** Drops the client's connection (HTTP/1) or stream (HTTP/2) without an answer. */
  destroy(error: Error): void;
}

/** Limits and habits of served connections. Times in milliseconds; sizes in bytes. */
export interface ServerOptions {
  /** Field lines of one request; more is 431. Default 100. */
  readonly maxHeaders: number;
  /** Bytes of one HTTP/1 head; more is 431. Default 65,536. */
  readonly maxHeadBytes: number;
  /** Time for a whole head to arrive, and for an idle connection to send its next one; 0 is no limit. Default 10 minutes. */
  readonly idleTimeout: number;
  /** Age at which a connection is asked to end after its current requests; 0 is never. */
  readonly maxConnectionAge: number;
  /** Keeps the spelling of received HTTP/1 header names, and uses the connection's spelling when answering. */
  readonly preserveHeaderCase: boolean;
  /**
   * HTTP/1: whether a client that has ended its side after its request still waits for the response. False takes the end
   * of its side for the end of its interest, which is all that a client's `close` can be seen by. Default true.
   */
  readonly halfClose?: boolean;
  readonly http2: {
    /** `SETTINGS_INITIAL_WINDOW_SIZE`; undefined is the library's. */
    readonly windowSize?: number;
    readonly connectionWindowSize?: number;
    readonly maxFrameSize?: number;
    readonly maxHeaderListSize?: number;
    /** Interval of PINGs on the connection; 0 is never. */
    readonly keepaliveInterval: number;
    readonly keepaliveTimeout: number;
    /** Concurrent streams per connection. Default 200. */
    readonly maxConcurrentStreams: number;
  };
}

export const defaultServerOptions: ServerOptions = {
  maxHeaders: 100,
  maxHeadBytes: 65_536,
  idleTimeout: 600_000,
  maxConnectionAge: 0,
  preserveHeaderCase: false,
  http2: { keepaliveInterval: 0, keepaliveTimeout: 20_000, maxConcurrentStreams: 200 },
};

/** A connection being served. */
export interface ServedConnection {
  /** Asks the client to leave: HTTP/1 finishes its request and closes, HTTP/2 sends GOAWAY and finishes open streams. */
  drain(): void;
  /** Closes at once; running exchanges see `onClosed(error)`. */
  destroy(error: Error): void;
  /** Requests that have not ended, upgraded ones included. */
  readonly active: number;
}
