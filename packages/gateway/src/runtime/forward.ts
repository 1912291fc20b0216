import {
  type Abort,
  type ConnectionInfo,
  Destination,
  defaultServerOptions,
  type Listening,
  listen,
  type Reply,
  type Request,
  type Response,
  serveHttp1,
  type Upgraded,
  UpstreamError,
  UpstreamPool,
} from '@agentgateway/http';
import { type Envelope, FORWARD_FIELD, openEnvelope, sealEnvelope } from './forward-envelope.ts';
import type { WorkerIdentity } from './messages.ts';
import { workerSocket } from './private-sockets.ts';

/** What the worker that a client is connected to knows, and the owner of the session needs. */
export interface Forwarding {
  /** The client's own connection. Its certificate does not travel: what policies read of it belongs into `attributes`. */
  readonly connection: ConnectionInfo;
  /** `bind/<port>` */
  readonly bind: string;
  /** Key of the listener. */
  readonly listener: string;
  /** What policies found out, as JSON. */
  readonly attributes: unknown;
}

/** Answers requests whose session lives here, whichever worker their client is connected to. */
export type ForwardHandler = (request: Request, reply: Reply, forwarding: Forwarding) => void;

/** What became of a forwarded request. */
export type Forwarded =
  | { readonly is: 'answered'; readonly response: Response | Upgraded }
  /** Nobody owns the session any more, and the request is as it was: it can be rebuilt, or is answered 404. */
  | { readonly is: 'gone' };

/** Destinations of other workers that are remembered. */
const maxPeers = 1_024;

/**
 * The way between workers: a request whose session lives elsewhere goes there as an ordinary HTTP exchange over a unix
 * socket in the gateway's private folder, with the backpressure and cancelling of any other.
 *
 * It leaves after routing and policies and arrives at the handler of its kind, so that no policy counts it twice.
 */
export class Forwarder {
  readonly #self: WorkerIdentity;
  readonly #directory: string;
  readonly #handlers = new Map<string, ForwardHandler>();
  readonly #peers = new Map<number, Destination>();
  readonly #pool = new UpstreamPool({ resolver: noNames });
  #listening: Listening | null = null;

  constructor(self: WorkerIdentity, directory: string) {
    this.#self = self;
    this.#directory = directory;
  }

  /** Opens this worker's socket. */
  async open(): Promise<void> {
    const path = workerSocket(this.#directory, this.#self.epoch);
    const options = { ...defaultServerOptions, maxHeadBytes: 1024 * 1024, maxHeaders: 10_000 };
    this.#listening = await listen({ path }, {}, (transport, info) => {
      serveHttp1(transport, info, (request, reply) => this.#serve(request, reply), options);
    });
  }

  /**
   * Registers what answers forwarded requests of one kind.
   *
   * @param kind For example `mcp`.
   * @throws Error if the kind has a handler already.
   */
  handle(kind: string, handler: ForwardHandler): void {
    if (this.#handlers.has(kind)) throw new Error(`forwarded "${kind}" requests are answered already`);
    this.#handlers.set(kind, handler);
  }

  /** True if a session of this owner lives in this worker: nothing to forward. */
  isOwn(owner: WorkerIdentity): boolean {
    return owner.instance === this.#self.instance && owner.epoch === this.#self.epoch;
  }

  /**
   * Sends a request to the worker that owns its session. Its headers get one field more.
   *
   * @throws UpstreamError if the owner was reached and the exchange broke, or it was cancelled.
   */
  async send(
    owner: WorkerIdentity,
    kind: string,
    request: Request,
    forwarding: Forwarding,
    abort: Abort | null = null,
  ): Promise<Forwarded> {
    if (owner.instance !== this.#self.instance) return { is: 'gone' };
    // In the place of whatever the client may have sent under this name.
    request.headers.set(FORWARD_FIELD, sealEnvelope(kind, request, forwarding));
    try {
      return {
        is: 'answered',
        response: await this.#pool.send(request, this.#peer(owner.epoch), { abort, version: 'http1' }),
      };
    } catch (error) {
      request.headers.delete(FORWARD_FIELD);
      if (!(error instanceof UpstreamError) || error.kind !== 'Connect') throw error;
      this.#peers.delete(owner.epoch);
      return { is: 'gone' };
    }
  }

  /** Closes the socket and every exchange on it, in both directions. */
  async close(): Promise<void> {
    this.#pool.destroy();
    const listening = this.#listening;
    if (listening === null) return;
    for (const connection of listening.connections) connection.destroy(new Error('the worker is closing'));
    await listening.close();
  }

  #peer(epoch: number): Destination {
    let peer = this.#peers.get(epoch);
    if (peer === undefined) {
      if (this.#peers.size >= maxPeers) this.#peers.clear();
      peer = new Destination({
        target: { path: workerSocket(this.#directory, epoch) },
        version: 'http1',
        keepalive: null,
      });
      this.#peers.set(epoch, peer);
    }
    return peer;
  }

  #serve(request: Request, reply: Reply): void {
    const field = request.headers.get(FORWARD_FIELD);
    const envelope: Envelope | null = field === undefined ? null : openEnvelope(field);
    const handler = envelope === null ? undefined : this.#handlers.get(envelope.kind);
    if (envelope === null || handler === undefined) {
      reply.destroy(new Error('a forwarded request that nobody answers'));
      return;
    }
    request.headers.delete(FORWARD_FIELD);
    // The sender wrote it for the sake of HTTP/1.1; the request that it forwards has an authority instead.
    request.headers.delete('host');
    request.scheme = envelope.scheme;
    request.authority = envelope.authority;
    request.version = envelope.version;
    handler(request, reply, envelope.forwarding);
  }
}

/** Workers are reached by path. */
const noNames = {
  lookup(name: string): never {
    throw new UpstreamError('Dns', `${name} is not looked up between workers`);
  },
  close() {},
};
