import { Abort } from '../abort.ts';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import type { AddressSet, HostResolver } from '../dns/resolver.ts';
import type { Headers } from '../headers.ts';
import type { Request, Response } from '../message.ts';
import type { Transport } from '../transport.ts';
import { Call, type CallOwner, type Upgraded } from './call.ts';
import type { Connector, Endpoint } from './connector.ts';
import type { Destination, Target, TransportName, Wire } from './destination.ts';
import { Dialer } from './dial.ts';
import { UpstreamError } from './errors.ts';
import { Lane, type LaneOwner } from './lane.ts';

/** How one request is to be sent. */
export interface SendOptions {
  /** Cancels request and response, wherever they are. */
  readonly abort?: Abort | null;
  /** What to speak where neither the destination nor ALPN decides; the request's own version by default. */
  readonly version?: 'http1' | 'http2' | undefined;
  /** Milliseconds for waiting, connecting and everything up to the head of the response; 0 for no limit. */
  readonly timeout?: number | undefined;
  /** Interim responses. */
  readonly onInform?: ((status: number, headers: Headers) => void) | undefined;
}

/** The pool at this moment. */
export interface PoolCounters {
  /** Connections without requests. */
  readonly idle: number;
  /** Connections with requests. */
  readonly active: number;
  readonly connecting: number;
  /** Requests that wait for a connection, or for their host's address. */
  readonly pending: number;
  /** Requests without a response yet. */
  readonly inFlight: number;
}

export interface PoolOptions {
  readonly resolver: HostResolver;
  /** The network, unless something else is given. */
  readonly connector?: Connector;
  readonly clock?: Clock;
  /** A connection stands: milliseconds from dialling to readiness. */
  readonly onConnect?: (milliseconds: number, transport: TransportName) => void;
}

/** Milliseconds that an address which could not be connected to is passed over while there are others. */
const BAD_ADDRESS = 10_000;
const MAX_BAD_ADDRESSES = 1_024;
/** Milliseconds between two sweeps at least. */
const MIN_SWEEP = 1_000;

/** Connections to upstreams, and the requests that need them (spec 02 §3.19). One per worker. */
export class UpstreamPool {
  readonly #connector: Connector;
  readonly #resolver: HostResolver;
  readonly #clock: Clock;
  /** By the wire's key, then by address. */
  readonly #lanes = new Map<string, Map<string, Lane>>();
  /** Addresses that failed, and until when that counts. */
  readonly #bad = new Map<string, number>();
  readonly #owner: LaneOwner & CallOwner;
  /** Calls that wait for an address. */
  readonly #resolving = new Set<Call>();
  readonly #opening = new Set<Abort>();
  #inFlight = 0;
  #sweeper: Timer | null = null;
  #sweepAt = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(options: PoolOptions) {
    const { resolver, connector = new Dialer(), clock = systemClock, onConnect } = options;
    this.#connector = connector;
    this.#resolver = resolver;
    this.#clock = clock;
    this.#owner = {
      clock,
      connector,
      onConnect: (milliseconds, transport) => onConnect?.(milliseconds, transport),
      onConnected: (endpoint) => this.#bad.delete(endpointKey(endpoint)),
      onConnectFailed: (endpoint) => this.#markBad(endpointKey(endpoint)),
      untried: (call) => (call.set === null ? 1 : call.set.addresses.length - (call.tried?.length ?? 0)),
      moveOn: (call, startedAt) => this.#moveOn(call, startedAt),
      onIdle: (lane) => this.#expectSweep(lane.expiresAt),
      resend: (call) => this.#resend(call),
      settled: (call) => {
        this.#inFlight--;
        this.#resolving.delete(call);
      },
    };
  }

  /**
   * Sends a request and waits for the head of its response; the body may still be on its way then.
   *
   * @throws UpstreamError
   */
  send(request: Request, destination: Destination, options: SendOptions = {}): Promise<Response | Upgraded> {
    if (this.#closed) return Promise.reject(new UpstreamError('Closed', 'the pool is closed'));
    const { promise, resolve, reject } = Promise.withResolvers<Response | Upgraded>();
    const wire = destination.wireFor(request, options.version);
    this.#inFlight++;
    const { abort = null, onInform = null, timeout = 0 } = options;
    const call = new Call(this.#owner, request, wire, abort, onInform, resolve, reject);
    if (timeout > 0) call.limit((expire) => this.#clock.after(timeout, expire));
    if (!call.settled) this.#route(call, false);
    return promise;
  }

  /**
   * Opens a stream to a destination, through its tunnel and TLS, that belongs to nobody but the caller.
   *
   * @throws UpstreamError
   */
  async open(destination: Destination, abort: Abort | null = null): Promise<Transport> {
    if (this.#closed) throw new UpstreamError('Closed', 'the pool is closed');
    const own = new Abort();
    const relay = (reason: Error): void => own.abort(new UpstreamError('Canceled', reason.message, reason));
    abort?.listen(relay);
    this.#opening.add(own);
    const startedAt = this.#clock.now();
    const timer = this.#clock.after(destination.connectTimeout, () =>
      own.abort(new UpstreamError('ConnectTimeout', `not connected after ${destination.connectTimeout} ms`)),
    );
    try {
      return await this.#openAny(destination.rawWire(), startedAt, own);
    } finally {
      timer.cancel();
      abort?.unlisten(relay);
      this.#opening.delete(own);
    }
  }

  /** Counts everything anew: for a scrape, not for a request. */
  counters(): PoolCounters {
    let idle = 0;
    let active = 0;
    let connecting = this.#opening.size;
    let pending = this.#resolving.size;
    for (const lanes of this.#lanes.values()) {
      for (const lane of lanes.values()) {
        idle += lane.idle;
        active += lane.active;
        connecting += lane.connecting;
        pending += lane.waiting;
      }
    }
    return { idle, active, connecting, pending, inFlight: this.#inFlight };
  }

  /** Takes no more requests; closes what is idle now, and the rest as its requests end. */
  close(): void {
    this.#closed = true;
    for (const lane of this.#all()) lane.close();
  }

  /** Ends every connection and request at once. */
  destroy(): void {
    this.#closed = true;
    const error = new UpstreamError('Closed', 'the pool is closed');
    for (const call of [...this.#resolving]) call.fail(error);
    this.#resolving.clear();
    for (const abort of [...this.#opening]) abort.abort(error);
    for (const lane of this.#all()) lane.destroy(error);
    this.#lanes.clear();
    this.#sweeper?.cancel();
    this.#sweeper = null;
  }

  #all(): Lane[] {
    return [...this.#lanes.values()].flatMap((lanes) => [...lanes.values()]);
  }

  #route(call: Call, first: boolean): void {
    const { dialled } = call.wire.destination;
    if (!('host' in dialled)) {
      this.#lane(call.wire, 'path' in dialled ? dialled.path : dialled.address, dialled).take(call, first);
      return;
    }
    let set: AddressSet | Promise<AddressSet>;
    try {
      set = this.#resolver.lookup(dialled.host);
    } catch (error) {
      call.fail(UpstreamError.from(error as Error, 'Dns'));
      return;
    }
    if (!(set instanceof Promise)) {
      this.#assign(call, set, dialled.port, first);
      return;
    }
    set.catch(() => {});
    if (this.#resolving.size >= call.wire.destination.maxPending) {
      call.fail(new UpstreamError('Overflow', `${this.#resolving.size} requests wait for an address already`));
      return;
    }
    this.#resolving.add(call);
    set.then(
      (known) => {
        if (this.#resolving.delete(call)) this.#assign(call, known, dialled.port, first);
      },
      (error: Error) => {
        this.#resolving.delete(call);
        call.fail(UpstreamError.from(error, 'Dns'));
      },
    );
  }

  /** Gives the call the next address that is not known to be bad; the next one if all are. */
  #assign(call: Call, set: AddressSet, port: number, first: boolean): void {
    call.set = set;
    call.address = this.#choose(set, set.next(), port, call.tried) ?? (set.addresses[0] as string);
    this.#toAddress(call, port, first);
  }

  #choose(set: AddressSet, start: number, port: number, tried: readonly string[] | null): string | null {
    const { addresses } = set;
    let bad: string | null = null;
    for (let i = 0; i < addresses.length; i++) {
      const address = addresses[(start + i) % addresses.length] as string;
      if (tried?.includes(address)) continue;
      if (!this.#isBad(address, port)) return address;
      bad ??= address;
    }
    return bad;
  }

  #toAddress(call: Call, port: number, first: boolean): void {
    const { wire, address } = call;
    const lane = this.#lanes.get(wire.key)?.get(address) ?? this.#lane(wire, address, { address, port });
    lane.take(call, first);
  }

  #lane(wire: Wire, address: string, endpoint: Endpoint): Lane {
    let lanes = this.#lanes.get(wire.key);
    if (lanes === undefined) {
      lanes = new Map();
      this.#lanes.set(wire.key, lanes);
    }
    let lane = lanes.get(address);
    if (lane === undefined) {
      lane = new Lane(this.#owner, wire, endpoint);
      lanes.set(address, lane);
    }
    return lane;
  }

  #moveOn(call: Call, startedAt: number): boolean {
    const { set, wire } = call;
    if (set === null || set.addresses.length === 1 || !('port' in wire.destination.dialled)) return false;
    if (call.tried === null) {
      call.tried = [];
      call.connectBy = startedAt + wire.destination.connectTimeout;
    }
    call.tried.push(call.address);
    const { port } = wire.destination.dialled;
    const next = this.#choose(set, set.addresses.indexOf(call.address) + 1, port, call.tried);
    if (next === null || this.#clock.now() >= call.connectBy) return false;
    call.lane?.remove(call);
    call.address = next;
    this.#toAddress(call, port, false);
    return true;
  }

  #resend(call: Call): void {
    call.tried = null;
    // In a closing pool the connections that might have carried it are gone.
    if (this.#closed) call.fail(new UpstreamError('Closed', 'the pool is closed'));
    else this.#route(call, true);
  }

  async #openAny(wire: Wire, startedAt: number, abort: Abort): Promise<Transport> {
    const { dialled, connectTimeout } = wire.destination;
    const endpoints = await raceAbort(this.#endpoints(dialled), abort);
    let failure: Error = new UpstreamError('Connect', 'no address');
    for (const [index, endpoint] of endpoints.entries()) {
      const left = connectTimeout - (this.#clock.now() - startedAt);
      try {
        const transport = await this.#openOne(wire, endpoint, left / (endpoints.length - index), abort);
        this.#bad.delete(endpointKey(endpoint));
        this.#owner.onConnect(this.#clock.now() - startedAt, wire.transportName);
        return transport;
      } catch (error) {
        if (abort.reason !== null) throw abort.reason;
        failure = error as Error;
        this.#markBad(endpointKey(endpoint));
      }
    }
    throw UpstreamError.from(failure, 'Connect');
  }

  /** One address, with its share of the time. */
  async #openOne(wire: Wire, endpoint: Endpoint, share: number, abort: Abort): Promise<Transport> {
    const own = new Abort();
    const relay = (reason: Error): void => own.abort(reason);
    abort.listen(relay);
    const timer = this.#clock.after(share, () =>
      own.abort(new UpstreamError('ConnectTimeout', `not connected after ${Math.round(share)} ms`)),
    );
    const opened = this.#connector.open(wire, endpoint, own);
    opened.then(
      (transport) => own.reason !== null && transport.destroy(),
      () => {},
    );
    try {
      return await raceAbort(opened, own);
    } finally {
      timer.cancel();
      abort.unlisten(relay);
    }
  }

  async #endpoints(target: Target): Promise<Endpoint[]> {
    if (!('host' in target)) return [target];
    const { port } = target;
    let set: AddressSet;
    try {
      set = await this.#resolver.lookup(target.host);
    } catch (error) {
      throw UpstreamError.from(error as Error, 'Dns');
    }
    const start = set.next();
    const inTurn = set.addresses.map((_, i) => set.addresses[(start + i) % set.addresses.length] as string);
    const good = inTurn.filter((address) => !this.#isBad(address, port));
    const bad = inTurn.filter((address) => !good.includes(address));
    return [...good, ...bad].map((address) => ({ address, port }));
  }

  #isBad(address: string, port: number): boolean {
    if (this.#bad.size === 0) return false;
    const key = `${address} ${port}`;
    const until = this.#bad.get(key);
    if (until === undefined) return false;
    if (until > this.#clock.now()) return true;
    this.#bad.delete(key);
    return false;
  }

  #markBad(key: string): void {
    this.#bad.delete(key);
    if (this.#bad.size >= MAX_BAD_ADDRESSES) {
      for (const oldest of this.#bad.keys()) {
        this.#bad.delete(oldest);
        break;
      }
    }
    this.#bad.set(key, this.#clock.now() + BAD_ADDRESS);
  }

  #expectSweep(at: number): void {
    if (at >= this.#sweepAt) return;
    this.#sweeper?.cancel();
    this.#sweepAt = at;
    const delay = Math.max(MIN_SWEEP, at - this.#clock.now());
    this.#sweeper = this.#clock.after(delay, () => this.#sweep(), true);
  }

  #sweep(): void {
    this.#sweeper = null;
    this.#sweepAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [key, lanes] of this.#lanes) {
      for (const [address, lane] of lanes) {
        if (lane.sweep(now)) lanes.delete(address);
        else next = Math.min(next, lane.expiresAt);
      }
      if (lanes.size === 0) this.#lanes.delete(key);
    }
    if (next < Number.POSITIVE_INFINITY) this.#expectSweep(next);
  }
}

function endpointKey(endpoint: Endpoint): string {
  return 'path' in endpoint ? endpoint.path : `${endpoint.address} ${endpoint.port}`;
}

/** The promise's outcome, or the abort's if that comes first. */
function raceAbort<T>(promise: Promise<T>, abort: Abort): Promise<T> {
  const { promise: raced, resolve, reject } = Promise.withResolvers<T>();
  abort.listen(reject);
  promise.then(resolve, reject).finally(() => abort.unlisten(reject));
  return raced;
}
