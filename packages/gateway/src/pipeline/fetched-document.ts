import {
  Abort,
  BodyTooLarge,
  collect,
  type Clock as Engine,
  Headers,
  isStream,
  Request,
  type Response,
  type Timer,
} from '@agentgateway/http';
import type { Callout } from './callout.ts';
import { GatewayError } from './errors.ts';
import { timeToLive } from './freshness.ts';
import type { DocumentReader, RemoteDocument } from './remote-document.ts';
import type { Log } from './step.ts';

/** Milliseconds that a fetch may take as a whole; also what a request waits at most. */
const FETCH_TIMEOUT = 10_000;
/** Milliseconds from a failed fetch to the next. */
const RETRY_AFTER = 15_000;
/** Milliseconds from the start of one fetch to the next that a request may ask for. */
const REFETCH_INTERVAL = 10_000;
/** Bytes. */
const LARGEST = 1024 * 1024;

/** What fetching needs of the process. */
export interface FetchPorts {
  /** Time that passes, and its timers. */
  readonly timers: Engine;
  /** Milliseconds since the epoch. */
  readonly epoch: () => number;
  readonly log: Log;
}

/** A {@link RemoteDocument} that is fetched over a callout from the moment it is made until it is closed. */
export class FetchedDocument<T> implements RemoteDocument<T> {
  readonly #url: URL;
  readonly #callout: Callout;
  readonly #reader: DocumentReader<T>;
  readonly #ports: FetchPorts;
  #current: T | null = null;
  #failure: string | null = null;
  /** What the current document was made of. */
  #text: string | null = null;
  #fetching: Promise<void> | null = null;
  #tried = false;
  #fetchedAt = 0;
  #timer: Timer | null = null;
  #abort: Abort | null = null;
  #closed = false;

  constructor(url: string, callout: Callout, reader: DocumentReader<T>, ports: FetchPorts) {
    this.#url = new URL(url);
    this.#callout = callout;
    this.#reader = reader;
    this.#ports = ports;
    this.#fetch();
  }

  get current(): T | null {
    return this.#current;
  }

  get failure(): string | null {
    return this.#failure;
  }

  ready(): Promise<void> | null {
    return this.#tried ? null : this.#fetching;
  }

  refetch(): Promise<void> | null {
    if (this.#fetching !== null || this.#closed) return this.#fetching;
    if (this.#ports.timers.now() - this.#fetchedAt < REFETCH_INTERVAL) return null;
    return this.#fetch();
  }

  /** No more fetches; one that is going on is cancelled. The document stays as it is. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#abort?.abort(new Error('the document is not needed any more'));
  }

  #fetch(): Promise<void> {
    this.#timer?.cancel();
    this.#fetchedAt = this.#ports.timers.now();
    this.#fetching = this.#update().then((next) => {
      this.#fetching = null;
      this.#tried = true;
      if (!this.#closed) this.#timer = this.#ports.timers.after(next, () => void this.#fetch(), true);
    });
    return this.#fetching;
  }

  /** Fetches and takes over what came; gives the milliseconds until the next time. Never rejects. */
  async #update(): Promise<number> {
    try {
      const { text, freshFor } = await this.#download();
      if (text !== this.#text) this.#current = this.#reader.parse(text, (message) => this.#warn(message));
      this.#text = text;
      this.#onFetched();
      return freshFor;
    } catch (error) {
      this.#onFailure(error);
      return RETRY_AFTER;
    }
  }

  async #download(): Promise<{ readonly text: string; readonly freshFor: number }> {
    const { timers, epoch } = this.#ports;
    const abort = new Abort();
    this.#abort = abort;
    const deadline = timers.after(FETCH_TIMEOUT, () => abort.abort(new Error(tooSlow)), true);
    const cut = Promise.withResolvers<never>();
    cut.promise.catch(() => {});
    abort.listen((reason) => cut.reject(reason));
    try {
      const sent = this.#callout.send(this.#request(), { kind: this.#reader.kind, exchange: null, abort });
      const response = await Promise.race([sent, cut.promise]);
      refuseUnfit(response);
      const body = await Promise.race([collect(response.body, LARGEST), cut.promise]);
      return { text: utf8(body), freshFor: timeToLive(response.headers, epoch()) };
    } finally {
      deadline.cancel();
      this.#abort = null;
    }
  }

  #request(): Request {
    const { protocol, host, pathname, search } = this.#url;
    const headers = Headers.of(
      ['accept', 'application/json'],
      ['accept-encoding', 'identity'],
      ['user-agent', 'agentgateway'],
    );
    return new Request('GET', protocol.slice(0, -1), host, pathname + search, 'HTTP/1.1', headers, null);
  }

  #onFetched(): void {
    if (this.#failure !== null) this.#ports.log.info('remote', 'a document can be fetched again', this.#facts());
    this.#failure = null;
  }

  /** An outage is told once, when it begins. */
  #onFailure(error: unknown): void {
    const failure = describe(error);
    if (this.#failure === null && !this.#closed) {
      const effect = this.#current === null ? 'there is none to use' : 'the one from before stays in use';
      this.#ports.log.warn('remote', `a document cannot be fetched; ${effect}`, { ...this.#facts(), error: failure });
    }
    this.#failure = failure;
  }

  #warn(message: string): void {
    this.#ports.log.warn('remote', message, this.#facts());
  }

  /** Where it is, for people: queries hold keys at times. */
  get place(): string {
    return `${this.#url.origin}${this.#url.pathname}`;
  }

  #facts(): Readonly<Record<string, unknown>> {
    return { url: this.place };
  }
}

const tooSlow = `no whole answer within ${FETCH_TIMEOUT / 1000} seconds`;

function refuseUnfit({ status, headers, body }: Response): void {
  const encoding = headers.get('content-encoding')?.trim().toLowerCase() ?? 'identity';
  if (status === 200 && encoding === 'identity') return;
  const why =
    status === 200 ? `it is encoded as ${encoding.slice(0, 20)}, which was not asked for` : `status ${status}`;
  const error = new Error(why);
  if (isStream(body)) body.cancel(error);
  throw error;
}

function utf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('it is not text in UTF-8');
  }
}

function describe(error: unknown): string {
  if (error instanceof BodyTooLarge) return `it is larger than ${LARGEST} bytes`;
  if (error instanceof GatewayError && error.logDetail !== undefined) return `${error.message}: ${error.logDetail}`;
  return error instanceof Error ? error.message : String(error);
}
