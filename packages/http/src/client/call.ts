import { Abort } from '../abort.ts';
import { isStream } from '../body.ts';
import type { Timer } from '../clock.ts';
import type { AddressSet } from '../dns/resolver.ts';
import type { Headers } from '../headers.ts';
import { Request, type Response } from '../message.ts';
import type { Transport } from '../transport.ts';
import type { ResponseHandler, Retry } from './connection.ts';
import type { Wire } from './destination.ts';
import { UpstreamError } from './errors.ts';
import type { Lane, Pooled } from './lane.ts';

/** The connection has left HTTP: 101, or 2xx to CONNECT. The transport is the receiver's. */
export class Upgraded {
  readonly response: Response;
  readonly transport: Transport;
  constructor(response: Response, transport: Transport) {
    this.response = response;
    this.transport = transport;
  }
}

/** What the pool does for a call besides carrying it. */
export interface CallOwner {
  /** Finds the call a connection once more; it never reached its upstream. */
  resend(call: Call): void;
  /** The call is over: nothing will be told to its sender any more. */
  settled(call: Call): void;
}

/** How often one call is sent again where its HTTP/2 connection stays in use (REFUSED_STREAM). */
const MAX_REFUSALS = 3;

/**
 * One request on its way: waiting for a connection, then sent, until the head of its response is there. It may be sent more
 * than once, but is answered once.
 */
export class Call implements ResponseHandler {
  readonly request: Request;
  readonly wire: Wire;
  /** The lane where it waits, and its neighbours there. */
  lane: Lane | null = null;
  previous: Call | null = null;
  next: Call | null = null;
  /** Addresses of its host, where it has one; `tried` are those that could not be connected to. */
  set: AddressSet | null = null;
  address = '';
  tried: string[] | null = null;
  /** By the clock: when its connecting must be over. Set by the first failure. */
  connectBy = 0;

  readonly #owner: CallOwner;
  readonly #resolve: (answer: Response | Upgraded) => void;
  readonly #reject: (error: UpstreamError) => void;
  readonly #onInform: ((status: number, headers: Headers) => void) | null;
  readonly #outer: Abort | null;
  /** What the connection sees: the sender's own, or one below it that the timer can fire too. */
  #abort: Abort | null;
  #timer: Timer | null = null;
  #onAbort: ((reason: Error) => void) | null = null;
  #entry: Pooled | null = null;
  #reused = false;
  #refusals = 0;
  #settled = false;

  constructor(
    owner: CallOwner,
    request: Request,
    wire: Wire,
    abort: Abort | null,
    onInform: ((status: number, headers: Headers) => void) | null,
    resolve: (answer: Response | Upgraded) => void,
    reject: (error: UpstreamError) => void,
  ) {
    this.request = wire.absoluteForm ? forProxy(request, wire) : request;
    this.wire = wire;
    this.#owner = owner;
    this.#outer = abort;
    this.#abort = abort;
    this.#onInform = onInform;
    this.#resolve = resolve;
    this.#reject = reject;
    if (abort === null) return;
    this.#onAbort = (reason) => {
      this.fail(new UpstreamError('Canceled', reason.message, reason));
      if (this.#abort !== this.#outer) this.#abort?.abort(reason);
    };
    abort.listen(this.#onAbort);
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Lets `start` begin the time for everything up to the response's head. */
  limit(start: (expire: () => void) => Timer): void {
    if (this.#settled) return;
    const abort = new Abort();
    this.#abort = abort;
    this.#timer = start(() => {
      const error = new UpstreamError('Timeout', 'no response in time');
      this.fail(error);
      abort.abort(error);
    });
  }

  /** Sends it over `entry`. */
  start(entry: Pooled): void {
    this.#entry = entry;
    this.#reused = entry.uses++ > 0;
    entry.connection.send(this.request, this, this.#abort);
  }

  onInform(status: number, headers: Headers): void {
    if (!this.#settled) this.#onInform?.(status, headers);
  }

  onResponse(response: Response): void {
    if (this.#finish()) this.#resolve(response);
    else if (isStream(response.body)) response.body.cancel(new UpstreamError('Canceled', 'nobody waits for it'));
  }

  onUpgrade(response: Response, transport: Transport): void {
    if (this.#finish()) this.#resolve(new Upgraded(response, transport));
    else transport.destroy();
  }

  onError(error: Error, retry: Retry): void {
    if (this.#settled) return;
    if (this.#mayResend(retry)) {
      this.#entry = null;
      this.#owner.resend(this);
    } else {
      this.fail(UpstreamError.from(error, 'SendRequest'));
    }
  }

  /** Ends it with an error, wherever it is. Does nothing to a call that is over. */
  fail(error: UpstreamError): void {
    if (this.#finish()) this.#reject(error);
  }

  /** A connection that was kept open may have died unnoticed; the request did not, if nothing says that it was seen (RFC 9110 §9.2.2). */
  #mayResend(retry: Retry): boolean {
    if (!this.#reused || !retry.clean) return false;
    const { method, body } = this.request;
    const streamed = isStream(body);
    if (streamed && !retry.bodyUntouched) return false;
    // Bytes in hand leave together with the head: whoever got the one may have acted on the other.
    if (!streamed && retry.unprocessed !== true && !isIdempotent(method)) return false;
    const connection = this.#entry?.connection;
    return connection?.protocol !== 'h2' || !connection.usable || ++this.#refusals <= MAX_REFUSALS;
  }

  #finish(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.lane?.remove(this);
    this.#entry = null;
    this.#timer?.cancel();
    // Where the connection watches an abort of ours, the sender's must reach it until the body is over.
    if (this.#onAbort !== null && this.#abort === this.#outer) this.#outer?.unlisten(this.#onAbort);
    this.#owner.settled(this);
    return true;
  }
}

/** Methods whose repetition changes nothing (RFC 9110 §9.2.2). */
function isIdempotent(method: string): boolean {
  switch (method) {
    case 'GET':
    case 'HEAD':
    case 'PUT':
    case 'DELETE':
    case 'OPTIONS':
    case 'TRACE':
      return true;
    default:
      return false;
  }
}

/** The request as a proxy gets it; the sender's own stays free of the proxy's credential. */
function forProxy(request: Request, wire: Wire): Request {
  const headers = request.headers.clone();
  headers.delete('proxy-authorization');
  const authorization = wire.destination.proxy?.authorization ?? null;
  if (authorization !== null) headers.append('proxy-authorization', authorization);
  const { method, authority, path, version, body } = request;
  return new Request(method, 'http', authority, path, version, headers, body);
}
