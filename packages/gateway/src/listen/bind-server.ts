import type { Socket } from 'node:net';
import {
  acceptTls,
  type ConnectionInfo,
  type Listening,
  listen,
  type ServedConnection,
  type ServerContext,
  type SocketTransport,
  serveConnection,
  setKeepAlive,
  type Transport,
} from '@agentgateway/http';
import type { AcceptedOn, Pipeline } from '../pipeline/serve.ts';
import type { BindPlan, ListenerPlan } from '../plans/plan.ts';
import type { Bind } from '../resources/model.ts';
import { selectListener } from '../resources/routing/index.ts';
import type { ConnectionLabels } from '../telemetry/metrics/metrics.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

/** Milliseconds that a client has for its TLS handshake (spec 02 §2.6). */
const HANDSHAKE_TIMEOUT = 15_000;

/** What a bind's server is given of the process around it. */
export interface BindPorts {
  readonly pipeline: Pipeline;
  readonly telemetry: Telemetry;
  /** Certificates of a TLS listener, compiled once per listener resource. */
  tlsContext(listener: ListenerPlan): ServerContext;
}

/** What is served, and the socket below it, whose end is the connection's. */
interface Stream {
  readonly transport: Transport;
  readonly socket: Socket;
}

interface Served {
  readonly connection: ServedConnection;
  readonly tlsListener: string | null;
}

/**
 * The open port of a bind: accepts connections, terminates TLS, and hands requests to the pipeline. It lives as long as its
 * bind: closing a listening socket resets whatever is still queued on it.
 */
export class BindServer {
  readonly key: string;
  readonly #ports: BindPorts;
  readonly #served = new Set<Served>();
  /** Connections whose handshake is still going on, or that are not let in yet. */
  readonly #arriving = new Set<Transport>();
  /** Connections that came between the opening of the port and the commit of the configuration it belongs to. */
  #early: (readonly [SocketTransport, ConnectionInfo])[] | null = [];
  #listening: Listening | null = null;
  #draining = false;
  #onEmpty: (() => void) | null = null;

  constructor(bind: Bind, ports: BindPorts) {
    this.key = bind.key;
    this.#ports = ports;
  }

  /** @throws the system's error where the port cannot be had. */
  async open(bind: Bind, mode: 'shared' | 'alone'): Promise<void> {
    this.#listening = await listen(
      { host: bind.host, port: bind.port },
      { reusePort: mode === 'shared' },
      (transport, info) => this.accept(transport, info),
    );
  }

  /** Lets requests in: the configuration that the port belongs to is in force. */
  serve(): void {
    const early = this.#early;
    this.#early = null;
    for (const [transport, info] of early ?? []) this.accept(transport, info);
  }

  /** Takes a connection, from the port or from inside the process. */
  accept(transport: SocketTransport, info: ConnectionInfo): void {
    if (this.#early !== null) {
      this.#early.push([transport, info]);
      return;
    }
    const plan = this.#ports.pipeline.snapshot.binds.get(this.key);
    if (plan === undefined) {
      transport.destroy();
      return;
    }
    if (plan.keepalives !== null) setKeepAlive(transport.socket, plan.keepalives);
    if (plan.bind.protocol === 'http') this.#admit({ transport, socket: transport.socket }, info, plan, null);
    else void this.#terminate(transport, info, plan);
  }

  async #terminate(transport: SocketTransport, info: ConnectionInfo, plan: BindPlan): Promise<void> {
    const { telemetry } = this.#ports;
    const startedAt = performance.now();
    let listener: ListenerPlan | null = null;
    this.#arriving.add(transport);
    try {
      const accepted = await acceptTls(
        transport,
        (serverName) => {
          listener = selectListener(plan.secure, serverName);
          return listener === null ? null : this.#ports.tlsContext(listener);
        },
        { handshakeTimeout: HANDSHAKE_TIMEOUT },
      );
      if (listener === null) throw new Error('no listener');
      telemetry.metrics.tlsHandshake(connectionLabels(plan, listener), performance.now() - startedAt);
      this.#admit(
        { transport: accepted.transport, socket: transport.socket },
        { ...info, tls: accepted.tls },
        plan,
        listener,
      );
    } catch (error) {
      telemetry.log.debug('downstream connection', 'TLS handshake failed', {
        bind: this.key,
        peer: info.remoteAddress,
        error: error instanceof Error ? error.message : String(error),
      });
      transport.destroy();
    } finally {
      this.#arriving.delete(transport);
      this.#checkEmpty();
    }
  }

  /** Serves the connection once the network policies let it in; until then nothing of it is read. */
  #admit(stream: Stream, info: ConnectionInfo, plan: BindPlan, listener: ListenerPlan | null): void {
    if (plan.networkChecks.length === 0) {
      this.#serve(stream, info, plan, listener);
      return;
    }
    const { transport } = stream;
    this.#arriving.add(transport);
    void this.#passes(info, plan.networkChecks).then((passes) => {
      this.#arriving.delete(transport);
      // It may have been cut off meanwhile.
      if (passes && !stream.socket.destroyed) this.#serve(stream, info, plan, listener);
      else transport.destroy();
      this.#checkEmpty();
    });
  }

  async #passes(info: ConnectionInfo, checks: BindPlan['networkChecks']): Promise<boolean> {
    const { log } = this.#ports.telemetry;
    const told = { bind: this.key, peer: info.remoteAddress };
    try {
      for (const check of checks) {
        if (await check(info)) continue;
        log.debug('downstream connection', 'refused by a network policy', told);
        return false;
      }
      return true;
    } catch (error) {
      log.warn('downstream connection', 'a network policy failed', { ...told, error: String(error) });
      return false;
    }
  }

  #serve({ transport, socket }: Stream, info: ConnectionInfo, plan: BindPlan, listener: ListenerPlan | null): void {
    const on: AcceptedOn = { bind: this.key, tlsListener: listener?.listener.key ?? null };
    const { pipeline, telemetry } = this.#ports;
    const labels = connectionLabels(plan, listener ?? plan.listeners[0]);
    telemetry.metrics.connectionOpened(labels);
    const connection = serveConnection(
      transport,
      info,
      (request, reply) => pipeline.handle(on, request, reply, info),
      plan.server,
    );
    const served: Served = { connection, tlsListener: on.tlsListener };
    this.#served.add(served);
    socket.once('close', () => {
      this.#served.delete(served);
      telemetry.metrics.connectionClosed(labels, socket.bytesRead, socket.bytesWritten);
      this.#checkEmpty();
    });
    if (this.#draining) connection.drain();
  }

  /** Asks the clients of one TLS listener to come again: what they were shown has changed. */
  drainListener(key: string): void {
    for (const { connection, tlsListener } of this.#served) if (tlsListener === key) connection.drain();
  }

  /** No new connections from now on. */
  async stopAccepting(): Promise<void> {
    await this.#listening?.close();
    this.#listening = null;
    for (const [transport] of this.#early ?? []) transport.destroy();
    this.#early = null;
  }

  /** Asks every client to leave after what it is doing; resolves when all have. */
  drain(): Promise<void> {
    this.#draining = true;
    for (const { connection } of [...this.#served]) connection.drain();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      this.#checkEmpty();
    });
  }

  /** Closes every connection at once. */
  destroy(error: Error): void {
    for (const transport of this.#arriving) transport.destroy(error);
    for (const { connection } of [...this.#served]) connection.destroy(error);
  }

  #checkEmpty(): void {
    if (this.#served.size === 0 && this.#arriving.size === 0) this.#onEmpty?.();
  }
}

function connectionLabels({ bind }: BindPlan, listener: ListenerPlan | undefined): ConnectionLabels {
  return {
    bind: bind.key,
    gateway: listener?.gateway ?? null,
    listener: listener?.listener.name.listenerName ?? null,
    protocol: bind.protocol === 'tls' ? 'https' : 'http',
  };
}
