import { Abort } from '../abort.ts';
import type { Clock, Timer } from '../clock.ts';
import type { Call } from './call.ts';
import type { ClientConnection } from './connection.ts';
import type { Connector, Endpoint } from './connector.ts';
import type { TransportName, Wire } from './destination.ts';
import { UpstreamError } from './errors.ts';

/** Streams used at a time of one HTTP/2 connection, even if the peer allows more. */
const MAX_STREAMS = 100;
/** Milliseconds that an address gets at least while others of its host are still untried. */
const MIN_ATTEMPT = 2_000;

/** What a lane needs of its pool. */
export interface LaneOwner {
  readonly clock: Clock;
  readonly connector: Connector;
  onConnect(milliseconds: number, transport: TransportName): void;
  onConnected(endpoint: Endpoint): void;
  onConnectFailed(endpoint: Endpoint): void;
  /** Addresses of the call's host that it could still try, this one included. */
  untried(call: Call): number;
  /**
   * Sends the call to another address of its host if there is one left and time for it; false leaves it where it is.
   * `startedAt` is when the connect began that has failed.
   */
  moveOn(call: Call, startedAt: number): boolean;
  /** A connection went idle, or the lane has become empty. */
  onIdle(lane: Lane): void;
}

/** A connection and what the lane knows of it. */
export class Pooled {
  readonly connection: ClientConnection;
  /** Requests sent over it so far. */
  uses = 0;
  /** `shared` has requests and room for more, `busy` has no room, `gone` is not the lane's any more. */
  state: 'new' | 'idle' | 'shared' | 'busy' | 'gone' = 'new';
  idleSince = 0;
  constructor(connection: ClientConnection) {
    this.connection = connection;
  }

  /** Requests that may be added now. */
  get room(): number {
    const { usable, capacity, active } = this.connection;
    return usable ? Math.min(capacity, MAX_STREAMS - active) : 0;
  }
}

/** A connect in progress. */
class Attempt {
  readonly abort = new Abort();
  readonly startedAt: number;
  timer: Timer | null = null;
  over = false;
  constructor(startedAt: number) {
    this.startedAt = startedAt;
  }
}

/**
 * The connections of one key and those who wait for them (spec 02 §3.19).
 *
 * Connects are not tied to who caused them: whatever is freed or new serves the oldest waiter. Waiting and being able to serve
 * never meet: at the end of every method there are no waiters, or no room.
 */
export class Lane {
  readonly wire: Wire;
  readonly endpoint: Endpoint;
  readonly #owner: LaneOwner;
  readonly #connections = new Set<Pooled>();
  /** Latest last, which is taken first: what is not needed gets old. */
  readonly #idle: Pooled[] = [];
  readonly #shared: Pooled[] = [];
  /** Not for new requests any more, with requests that still run. */
  readonly #leaving = new Set<Pooled>();
  readonly #attempts = new Set<Attempt>();
  #first: Call | null = null;
  #last: Call | null = null;
  #waiting = 0;
  /** Requests that one connection is expected to carry: assumed at first, then learnt. */
  #expected: number;
  #closing = false;
  /** By the clock: when it was last in use. */
  #usedAt: number;

  constructor(owner: LaneOwner, wire: Wire, endpoint: Endpoint) {
    this.#owner = owner;
    this.wire = wire;
    this.endpoint = endpoint;
    this.#expected = wire.mayMultiplex ? MAX_STREAMS : 1;
    this.#usedAt = owner.clock.now();
  }

  get idle(): number {
    return this.#idle.length;
  }

  /** Connections with requests. */
  get active(): number {
    return this.#connections.size - this.#idle.length + this.#leaving.size;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get connecting(): number {
    return this.#attempts.size;
  }

  get isEmpty(): boolean {
    return this.#connections.size + this.#leaving.size + this.#attempts.size + this.#waiting === 0;
  }

  /** By the clock: when the next thing in it is too old to keep; infinite while there is nothing to age. */
  get expiresAt(): number {
    const timeout = this.wire.destination.poolIdleTimeout;
    const oldest = this.#idle[0];
    if (oldest !== undefined) return oldest.idleSince + timeout;
    if (this.#leaving.size > 0 || this.isEmpty) return this.#usedAt + timeout;
    return Number.POSITIVE_INFINITY;
  }

  /** Sends the call, now or when its turn comes. `first` puts it before the others who wait. */
  take(call: Call, first = false): void {
    const now = this.#owner.clock.now();
    this.#usedAt = now;
    if (this.#waiting === 0) {
      const entry = this.#available(now);
      if (entry !== null) {
        this.#dispatch(entry, call);
        return;
      }
    }
    if (this.#waiting >= this.wire.destination.maxPending) {
      call.fail(new UpstreamError('Overflow', `${this.#waiting} requests wait for a connection already`));
      return;
    }
    if (first) this.#unshift(call);
    else this.#push(call);
    this.#grow();
  }

  /** Forgets a call that waits here. What was begun for it goes on. */
  remove(call: Call): void {
    if (call.lane !== this) return;
    if (call.previous === null) this.#first = call.next;
    else call.previous.next = call.next;
    if (call.next === null) this.#last = call.previous;
    else call.next.previous = call.previous;
    call.lane = null;
    call.previous = null;
    call.next = null;
    this.#waiting--;
  }

  /** Closes what has been idle for too long. True if nothing is left that is worth keeping the lane for. */
  sweep(now: number): boolean {
    const timeout = this.wire.destination.poolIdleTimeout;
    while (this.#idle.length > 0) {
      const oldest = this.#idle[0] as Pooled;
      if (now - oldest.idleSince < timeout) break;
      this.#retire(oldest);
    }
    for (const entry of this.#leaving) if (entry.connection.active === 0) this.#leaving.delete(entry);
    return this.isEmpty && now - this.#usedAt >= timeout;
  }

  /** Closes what is idle, and the rest when its requests, and those who wait, are over. */
  close(): void {
    this.#closing = true;
    // Where somebody waits nothing is idle.
    if (this.#waiting > 0) return;
    for (const entry of [...this.#connections]) this.#retire(entry);
    this.#abandon(new UpstreamError('Closed', 'the pool is closed'));
  }

  /** Ends everything now. */
  destroy(error: UpstreamError): void {
    this.#closing = true;
    while (this.#first !== null) this.#first.fail(error);
    this.#abandon(error);
    const all = [...this.#connections, ...this.#leaving];
    for (const entry of this.#connections) this.#withdraw(entry);
    this.#leaving.clear();
    for (const entry of all) entry.connection.destroy(error);
  }

  #abandon(error: UpstreamError): void {
    for (const attempt of [...this.#attempts]) {
      this.#end(attempt);
      attempt.abort.abort(error);
    }
  }

  /** A connection with room: one that has requests before one that has none. */
  #available(now: number): Pooled | null {
    for (let i = this.#shared.length - 1; i >= 0; i--) {
      const entry = this.#shared[i] as Pooled;
      if (entry.room > 0) return entry;
    }
    while (this.#idle.length > 0) {
      const entry = this.#idle[this.#idle.length - 1] as Pooled;
      if (entry.room > 0 && now - entry.idleSince < this.wire.destination.poolIdleTimeout) return entry;
      this.#retire(entry);
    }
    return null;
  }

  #dispatch(entry: Pooled, call: Call): void {
    // Out of the list first: sending may call back, and must not find it there without room.
    if (entry.state === 'idle') {
      this.#unlist(entry);
      entry.state = 'new';
    }
    call.start(entry);
    this.#place(entry);
  }

  /** Gives room to those who wait, oldest first, then sees whether more connections are needed. */
  #serve(): void {
    while (this.#first !== null) {
      const entry = this.#available(this.#owner.clock.now());
      if (entry === null) break;
      const call = this.#first;
      this.remove(call);
      this.#dispatch(entry, call);
    }
    if (this.#waiting > 0) this.#grow();
    else if (this.#closing) this.close();
  }

  /** Puts a connection where its state says. */
  #place(entry: Pooled): void {
    if (entry.state === 'gone') {
      if (entry.connection.active === 0) this.#leaving.delete(entry);
      return;
    }
    const { active, usable } = entry.connection;
    const { room } = entry;
    if (!usable || (active === 0 && room === 0)) {
      this.#retire(entry);
      return;
    }
    const state = room === 0 ? 'busy' : active === 0 ? 'idle' : 'shared';
    if (state === entry.state) return;
    this.#unlist(entry);
    entry.state = state;
    if (state === 'shared') this.#shared.push(entry);
    else if (state === 'idle') this.#becomeIdle(entry);
  }

  #becomeIdle(entry: Pooled): void {
    entry.idleSince = this.#owner.clock.now();
    this.#usedAt = entry.idleSince;
    this.#idle.push(entry);
    // Someone may be waiting for it right now: it is no surplus yet.
    if (this.#waiting > 0) return;
    if (this.#idle.length > this.wire.destination.poolMaxSize) this.#retire(this.#idle[0] as Pooled);
    this.#owner.onIdle(this);
  }

  #unlist(entry: Pooled): void {
    if (entry.state !== 'idle' && entry.state !== 'shared') return;
    const list = entry.state === 'idle' ? this.#idle : this.#shared;
    // Nearly always the last one.
    const at = list.lastIndexOf(entry);
    if (at >= 0) list.splice(at, 1);
  }

  #withdraw(entry: Pooled): void {
    this.#unlist(entry);
    entry.state = 'gone';
    this.#connections.delete(entry);
  }

  /** Takes a connection out of use; requests on it go on. */
  #retire(entry: Pooled): void {
    this.#withdraw(entry);
    if (entry.connection.active > 0) this.#leaving.add(entry);
    entry.connection.close();
    if (this.#leaving.size > 0 || this.isEmpty) this.#owner.onIdle(this);
  }

  /** Begins connects while those in progress are not expected to be enough for all who wait. */
  #grow(): void {
    const { maxConnections } = this.wire.destination;
    while (
      this.#attempts.size * this.#expected < this.#waiting &&
      this.#connections.size + this.#attempts.size < maxConnections
    ) {
      this.#connect();
    }
  }

  #connect(): void {
    const { clock, connector } = this.#owner;
    const attempt = new Attempt(clock.now());
    this.#attempts.add(attempt);
    const budget = this.#budget(attempt.startedAt);
    attempt.timer = clock.after(budget, () => {
      const error = new UpstreamError('ConnectTimeout', `not connected after ${Math.round(budget)} ms`);
      this.#fail(attempt, error);
      attempt.abort.abort(error);
    });
    connector.connect(this.wire, this.endpoint, attempt.abort).then(
      (connection) => this.#adopt(attempt, connection),
      (error: Error) => this.#fail(attempt, UpstreamError.from(error, 'Connect')),
    );
  }

  /** Milliseconds for a connect: the oldest waiter's, divided among the addresses that it has left. */
  #budget(now: number): number {
    const { connectTimeout } = this.wire.destination;
    const call = this.#first as Call;
    const left = call.tried === null ? connectTimeout : Math.max(0, call.connectBy - now);
    const untried = this.#owner.untried(call);
    return untried > 1 ? Math.min(left, Math.max(left / untried, MIN_ATTEMPT)) : left;
  }

  #end(attempt: Attempt): void {
    attempt.over = true;
    attempt.timer?.cancel();
    this.#attempts.delete(attempt);
  }

  #adopt(attempt: Attempt, connection: ClientConnection): void {
    if (attempt.over) {
      connection.destroy(new UpstreamError('Canceled', 'connected too late'));
      return;
    }
    this.#end(attempt);
    this.#owner.onConnect(this.#owner.clock.now() - attempt.startedAt, this.wire.transportName);
    this.#owner.onConnected(this.endpoint);
    const entry = new Pooled(connection);
    if (entry.room === 0) {
      connection.destroy(new UpstreamError('Protocol', 'of no use'));
      this.#first?.fail(new UpstreamError('Protocol', 'the peer accepts no requests on a new connection'));
      this.#serve();
      return;
    }
    this.#connections.add(entry);
    this.#expected = entry.room;
    connection.onChange = () => {
      this.#place(entry);
      this.#serve();
    };
    this.#place(entry);
    this.#serve();
  }

  #fail(attempt: Attempt, error: UpstreamError): void {
    if (attempt.over) return;
    this.#end(attempt);
    this.#owner.onConnectFailed(this.endpoint);
    const call = this.#first;
    if (call !== null) {
      // Whoever has another address left goes there; of the rest the oldest takes the error, and the others try again.
      let next: Call | null = call;
      let unlucky: Call | null = null;
      while (next !== null) {
        const after: Call | null = next.next;
        if (!this.#owner.moveOn(next, attempt.startedAt)) unlucky ??= next;
        next = after;
      }
      unlucky?.fail(error);
      this.#serve();
    }
    if (this.isEmpty) this.#owner.onIdle(this);
  }

  #push(call: Call): void {
    call.lane = this;
    call.previous = this.#last;
    if (this.#last === null) this.#first = call;
    else this.#last.next = call;
    this.#last = call;
    this.#waiting++;
  }

  #unshift(call: Call): void {
    call.lane = this;
    call.next = this.#first;
    if (this.#first === null) this.#last = call;
    else this.#first.previous = call;
    this.#first = call;
    this.#waiting++;
  }
}
