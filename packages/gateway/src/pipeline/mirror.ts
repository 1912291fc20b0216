import { Abort, type Body, isStream, Request } from '@agentgateway/http';
import type { CompiledBackend } from '../backends/backend.ts';
import { RequestRecord } from '../telemetry/record.ts';
import { GatewayError } from './errors.ts';
import { Exchange } from './exchange.ts';
import { nobody } from './nobody.ts';
import { runPhase } from './run.ts';
import type { Log } from './step.ts';

/** Copies that may be on their way at a time, of one route in one worker. A mirror that hangs costs no more than that. */
const maxInFlight = 128;

/** Milliseconds until a copy is given up, its answer included. */
const timeout = 30_000;

/** What of a message's framing, or of its hop, is not the copy's. */
const notCopied = ['content-length', 'connection', 'upgrade', 'expect'] as const;

/**
 * Sends copies of requests to another backend (spec 02 §3.7): the head as the route phase left it, without a body. Nothing that
 * becomes of a copy is seen by the client, waited for, or tried again.
 */
export class Mirror {
  readonly #name: string;
  readonly #backend: CompiledBackend;
  readonly #percentage: number;
  readonly #ports: { readonly random: () => number; readonly log: Log };
  #inFlight = 0;

  constructor(
    name: string,
    backend: CompiledBackend,
    percentage: number,
    ports: { readonly random: () => number; readonly log: Log },
  ) {
    this.#name = name;
    this.#backend = backend;
    this.#percentage = percentage;
    this.#ports = ports;
  }

  /** Copies the request, or not, as chance has it; returns before anything was sent. */
  send(exchange: Exchange): void {
    const { random, log } = this.#ports;
    if (random() >= this.#percentage) return;
    if (this.#inFlight >= maxInFlight) {
      log.debug('mirror', 'a request was not copied: too many copies are on their way', { backend: this.#name });
      return;
    }
    this.#inFlight += 1;
    this.#deliver(copyOf(exchange))
      .catch((error: unknown) => {
        const detail = error instanceof GatewayError ? error.logDetail : undefined;
        const message = error instanceof Error ? error.message : String(error);
        log.warn('mirror', 'a copy of a request was lost', {
          backend: this.#name,
          error: detail === undefined ? message : `${message}: ${detail}`,
        });
      })
      .finally(() => {
        this.#inFlight -= 1;
      });
  }

  async #deliver(copy: Exchange): Promise<void> {
    const timer = setTimeout(() => copy.abort.abort(new GatewayError('requestTimeout')), timeout);
    timer.unref();
    try {
      const attempt = await this.#backend.select(copy);
      copy.attemptPlan = attempt;
      const decided = await runPhase(attempt, copy);
      if (decided instanceof GatewayError) throw decided;
      if (decided !== undefined) return;
      const response = await attempt.send(copy);
      await discard(response.body, copy.abort);
    } finally {
      clearTimeout(timer);
    }
  }
}

function copyOf(exchange: Exchange): Exchange {
  const { method, scheme, authority, path, version } = exchange.request;
  const headers = exchange.request.headers.clone();
  for (const name of notCopied) headers.delete(name);
  const request = new Request(method, scheme, authority, path, version, headers, null);
  const copy = new Exchange(request, nobody, exchange.connection, new RequestRecord(), new Abort(), exchange.clock);
  copy.purpose = 'Mirror';
  copy.grpc = exchange.grpc;
  copy.host = exchange.host;
  copy.route = exchange.route;
  copy.matchedPath = exchange.matchedPath;
  copy.original = exchange.original;
  copy.autoHost = exchange.autoHost;
  copy.jwt = exchange.jwt;
  copy.apiKey = exchange.apiKey;
  copy.basicAuth = exchange.basicAuth;
  copy.extauthz = exchange.extauthz;
  copy.extproc = exchange.extproc;
  copy.metadata = exchange.metadata;
  copy.requestCapture = exchange.requestCapture;
  copy.sensitiveHeaders = exchange.sensitiveHeaders;
  copy.environment = exchange.environment;
  return copy;
}

/** Reads a body to its end, so that its connection can be used again. */
function discard(body: Body, abort: Abort): Promise<void> {
  if (!isStream(body)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const stop = (reason: Error) => {
      body.cancel(reason);
      reject(reason);
    };
    const done = () => {
      abort.unlisten(stop);
      resolve();
    };
    abort.listen(stop);
    if (abort.reason === null) body.read({ onData() {}, onTrailers() {}, onEnd: done, onError: done });
  });
}
