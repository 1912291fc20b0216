import { Abort } from '../abort.ts';
import type { Body } from '../body.ts';
import { AddressSet, type HostResolver } from '../dns/resolver.ts';
import { Headers } from '../headers.ts';
import { type HttpVersion, Request, Response } from '../message.ts';
import { TestClock, turn } from '../test-clock.ts';
import type { Transport } from '../transport.ts';
import type { Upgraded } from './call.ts';
import type { ClientConnection, ResponseHandler, Retry } from './connection.ts';
import type { Connector, Endpoint } from './connector.ts';
import type { Wire } from './destination.ts';
import type { UpstreamError } from './errors.ts';
import { UpstreamPool } from './pool.ts';

/** A request that a fake connection has taken. */
export interface Taken {
  readonly request: Request;
  readonly handler: ResponseHandler;
}

/** A connection that does what the test says. */
export class FakeConnection implements ClientConnection {
  readonly protocol: 'http/1.1' | 'h2';
  readonly endpoint: Endpoint;
  maxStreams: number;
  usable = true;
  closed = false;
  destroyed = false;
  readonly taken: Taken[] = [];
  onChange: (() => void) | null = null;
  readonly #onEnd: () => void;

  constructor(protocol: 'http/1.1' | 'h2', maxStreams: number, endpoint: Endpoint, onEnd: () => void) {
    this.protocol = protocol;
    this.maxStreams = maxStreams;
    this.endpoint = endpoint;
    this.#onEnd = onEnd;
  }

  get active(): number {
    return this.taken.length;
  }

  get capacity(): number {
    return this.usable ? Math.max(0, this.maxStreams - this.taken.length) : 0;
  }

  send(request: Request, handler: ResponseHandler, abort: Abort | null): void {
    if (this.capacity <= 0) throw new Error('sent without capacity');
    const taken = { request, handler };
    this.taken.push(taken);
    abort?.listen((reason) => {
      if (!this.taken.includes(taken)) return;
      if (this.protocol === 'http/1.1') this.usable = false;
      this.#take(taken);
      handler.onError(reason, { clean: false, bodyUntouched: false });
      this.onChange?.();
    });
  }

  /** Answers the oldest request, whole. */
  answer(): void {
    const taken = this.taken[0] as Taken;
    this.#take(taken);
    taken.handler.onResponse(new Response(200, new Headers(), null));
    this.onChange?.();
  }

  /** Dies as a kept connection does that the server has closed. */
  die(retry: Retry = { clean: true, bodyUntouched: true }): void {
    this.usable = false;
    for (const taken of this.taken.splice(0)) taken.handler.onError(new Error('reset by peer'), retry);
    this.onChange?.();
  }

  /** The peer takes no new requests; the running ones go on. */
  goAway(): void {
    this.usable = false;
    this.onChange?.();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.usable = false;
    if (this.taken.length === 0) this.#onEnd();
  }

  destroy(error: Error): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.usable = false;
    this.#onEnd();
    for (const taken of this.taken.splice(0)) taken.handler.onError(error, { clean: false, bodyUntouched: false });
    this.onChange?.();
  }

  #take(taken: Taken): void {
    this.taken.splice(this.taken.indexOf(taken), 1);
  }
}

/** A connect that the test completes. */
class Dial {
  readonly wire: Wire;
  readonly endpoint: Endpoint;
  readonly abort: Abort;
  readonly #made: FakeConnection[];
  readonly #result = Promise.withResolvers<ClientConnection>();
  open = true;

  constructor(wire: Wire, endpoint: Endpoint, abort: Abort, made: FakeConnection[]) {
    this.wire = wire;
    this.endpoint = endpoint;
    this.abort = abort;
    this.#made = made;
    abort.listen((reason) => this.fail(reason));
  }

  get promise(): Promise<ClientConnection> {
    return this.#result.promise;
  }

  get address(): string {
    return 'path' in this.endpoint ? this.endpoint.path : this.endpoint.address;
  }

  async succeed(protocol: 'http/1.1' | 'h2' = 'http/1.1', maxStreams = protocol === 'h2' ? 100 : 1) {
    this.open = false;
    const connection = new FakeConnection(protocol, maxStreams, this.endpoint, () => {});
    this.#made.push(connection);
    this.#result.resolve(connection);
    await turn();
    return connection;
  }

  fail(error: Error): Promise<void> {
    this.open = false;
    this.#result.reject(error);
    return turn();
  }
}

/** Dials that wait for the test. */
class FakeConnector implements Connector {
  readonly dials: Dial[] = [];
  readonly made: FakeConnection[] = [];
  readonly opened: string[] = [];
  readonly streams: Record<string, () => Promise<Transport>> = {};

  get waiting(): Dial[] {
    return this.dials.filter((dial) => dial.open);
  }

  connect(wire: Wire, endpoint: Endpoint, abort: Abort): Promise<ClientConnection> {
    const dial = new Dial(wire, endpoint, abort, this.made);
    this.dials.push(dial);
    return dial.promise;
  }

  /** Ends as `streams` says; an address that is not there never answers. */
  open(_wire: Wire, endpoint: Endpoint): Promise<Transport> {
    const address = 'path' in endpoint ? endpoint.path : endpoint.address;
    this.opened.push(address);
    return this.streams[address]?.() ?? new Promise(() => {});
  }
}

/** Hosts and their addresses, as a table. */
class FakeResolver implements HostResolver {
  readonly #sets = new Map<string, AddressSet>();
  constructor(hosts: Record<string, string[]> = {}) {
    for (const [host, addresses] of Object.entries(hosts)) this.#sets.set(host, new AddressSet(addresses));
  }
  /** Hosts whose answer the test gives later. */
  readonly slow = new Map<string, Promise<AddressSet>>();
  lookup(host: string): AddressSet | Promise<AddressSet> {
    const slow = this.slow.get(host);
    if (slow !== undefined) return slow;
    const set = this.#sets.get(host);
    if (set === undefined) throw new Error('ENOTFOUND');
    return set;
  }
  close(): void {}
}

/** What became of one `send`. */
export class Outcome {
  answer: Response | Upgraded | null = null;
  error: UpstreamError | null = null;
  readonly abort = new Abort();
  /** `answered`, `failed`, or nothing yet. */
  get state(): string {
    if (this.answer !== null) return 'answered';
    return this.error === null ? 'open' : `failed: ${this.error.kind}`;
  }
}

/** A pool on fakes. */
export function fakePool(hosts: Record<string, string[]> = {}) {
  const clock = new TestClock();
  const connector = new FakeConnector();
  const connects: string[] = [];
  const resolver = new FakeResolver(hosts);
  const pool = new UpstreamPool({
    connector,
    clock,
    resolver,
    onConnect: (milliseconds, transport) => connects.push(`${transport} ${milliseconds}`),
  });
  return { pool, connector, clock, connects, resolver };
}

/** A request as a client would send it. */
export function requestOf(method = 'GET', body: Body = null, version: HttpVersion = 'HTTP/1.1'): Request {
  return new Request(method, 'http', 'upstream.test', '/', version, new Headers(), body);
}
