import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Fault, faultOfModel, parseFault } from './fault.ts';
import { think } from './openai/answer.ts';
import { errorAnswer, invalidRequest, notFound, rateLimited, serverError, unauthorized } from './openai/error.ts';
import { renderPlain, renderStream } from './openai/render.ts';
import { BadRequest, type ChatRequest, readChatRequest } from './openai/request.ts';
import { defaultKey, defaultModels, type SimulatorOptions, type UsagePlace, usagePlaces } from './options.ts';
import { type Answer, play } from './play.ts';

/** A request that the simulator was sent. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** As received; whole before the answer begins. */
  readonly body: Buffer;
  /** Settled when the exchange is over: true if the answer was sent whole, false if it broke or the client left. */
  readonly closed: Promise<boolean>;
}

/** A running simulator. */
export interface Simulator {
  /** `http://host:port`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Oldest first. */
  readonly requests: readonly SeenRequest[];
  /** The next requests for completions get these faults, one each, null for none; before what they ask for themselves. */
  queue(...faults: (string | Fault | null)[]): void;
  /** Ends every connection and the server. */
  close(): Promise<void>;
}

/** Bytes of a request's body. */
const bodyLimit = 64 * 1024 * 1024;

/**
 * Plays a provider's API on the wire: OpenAI's Chat Completions and models.
 *
 * What a request gets besides its answer is chosen by whoever is closest: the queue, then the header `x-sim-fault`, then the
 * name of the model (see {@link parseFault}, {@link faultOfModel}). Headers `x-sim-usage`, `x-sim-tokens` (length of the
 * answer) and `x-sim-tokens-per-second` override the options for one request.
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const provider = new SimulatedProvider(options);
  const server = createServer({ keepAlive: true }, (request, response) => {
    provider.serve(request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  });
  const host = options.host ?? '127.0.0.1';
  server.listen(options.port ?? 0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    host,
    port,
    requests: provider.requests,
    queue: (...faults) => provider.queue(faults),
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

class SimulatedProvider {
  readonly requests: SeenRequest[] = [];
  readonly #options: SimulatorOptions;
  readonly #keys: readonly Buffer[];
  readonly #queued: (Fault | null)[] = [];
  /** Models whose last request failed as `500-once`: as many as there are names of that form. */
  readonly #failed = new Set<string>();

  constructor(options: SimulatorOptions) {
    this.#options = options;
    this.#keys = (options.keys ?? [defaultKey]).map(digest);
  }

  queue(faults: readonly (string | Fault | null)[]): void {
    this.#queued.push(...faults.map((fault) => (typeof fault === 'string' ? parseFault(fault) : fault)));
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    response.once('close', () => resolve(response.writableFinished));
    const body = await readBody(request);
    if (body === null) {
      response.destroy();
      return;
    }
    const { method = '', url: path = '/', headers } = request;
    this.requests.push({ method, path, headers, body, closed: promise });
    if (this.requests.length > (this.#options.keep ?? 1000)) this.requests.shift();

    const [pathname = '/'] = path.split('?');
    if (!this.#authorized(headers)) await this.#play(response, path, unauthorized(headers.authorization !== undefined));
    else if (pathname === '/v1/chat/completions' && method === 'POST') await this.#chat(headers, body, path, response);
    else if (method === 'GET' && /^\/v1\/models(\/|$)/.test(pathname)) {
      await this.#play(response, path, this.#models(pathname));
    } else await this.#play(response, path, notFound(method, pathname));
  }

  #authorized(headers: IncomingHttpHeaders): boolean {
    const [scheme, key = ''] = (headers.authorization ?? '').split(' ');
    const shown = digest(key);
    return scheme?.toLowerCase() === 'bearer' && this.#keys.some((good) => timingSafeEqual(good, shown));
  }

  #models(pathname: string): Answer {
    const model = (id: string) => ({ id, object: 'model', created: 1_767_225_600, owned_by: 'simulator' });
    const models = this.#options.models ?? defaultModels;
    const id = decodeURIComponent(pathname.slice('/v1/models/'.length));
    const headers = { 'content-type': 'application/json' };
    if (id === '') {
      return { status: 200, headers, pieces: [JSON.stringify({ object: 'list', data: models.map(model) })] };
    }
    if (models.includes(id)) return { status: 200, headers, pieces: [JSON.stringify(model(id))] };
    const message = `The model '${id}' does not exist or you do not have access to it.`;
    return errorAnswer(404, { message, type: 'invalid_request_error', param: 'model', code: 'model_not_found' });
  }

  async #chat(headers: IncomingHttpHeaders, body: Buffer, path: string, response: ServerResponse): Promise<void> {
    let request: ChatRequest;
    let fault: Fault | null;
    let settings: Settings;
    try {
      request = readChatRequest(body.toString('utf8'));
      fault = this.#fault(headers, request.model);
      settings = readSettings(headers, this.#options);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      await this.#play(
        response,
        path,
        invalidRequest(error.message, error instanceof BadRequest ? error.param : undefined),
      );
      return;
    }
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'refuse') {
      response.destroy();
      return;
    }
    const id = createHash('sha256').update(body).digest('hex').slice(0, 24);
    await this.#play(response, path, this.#answer(request, id, settings, fault), settings.tokensPerSecond, fault);
  }

  #fault(headers: IncomingHttpHeaders, model: string): Fault | null {
    const queued = this.#queued.shift();
    if (queued !== undefined) return queued;
    const header = headers['x-sim-fault'];
    return typeof header === 'string' ? parseFault(header) : faultOfModel(model);
  }

  #answer(request: ChatRequest, id: string, settings: Settings, fault: Fault | null): Answer {
    switch (fault?.kind) {
      case '429':
        return rateLimited(fault.retry ?? 'seconds', (this.#options.now ?? Date.now)());
      case '500':
        return serverError(500);
      case '503':
        return serverError(503);
      case '500-once':
        if (!this.#failed.delete(request.model)) {
          this.#failed.add(request.model);
          return serverError(500);
        }
    }
    const answer = think(request, id, settings.tokens);
    return request.stream
      ? renderStream(request, answer, id, settings.usage, fault)
      : renderPlain(request, answer, id, fault);
  }

  async #play(
    response: ServerResponse,
    path: string,
    answer: Answer,
    tokensPerSecond = 0,
    fault: Fault | null = null,
  ): Promise<void> {
    const delay = answer.pieces.length > 1 && tokensPerSecond > 0 ? 1000 / tokensPerSecond : 0;
    await play(response, path, answer, { gate: this.#options.gate, delay }, fault);
  }
}

interface Settings {
  readonly usage: UsagePlace;
  readonly tokens: number | null;
  readonly tokensPerSecond: number;
}

function readSettings(headers: IncomingHttpHeaders, options: SimulatorOptions): Settings {
  const wanted = headers['x-sim-usage'];
  const usage = wanted === undefined ? (options.usage ?? 'own') : usagePlaces.find((place) => place === wanted);
  if (usage === undefined) throw new Error(`x-sim-usage '${wanted}': expected one of ${usagePlaces.join(', ')}`);
  return {
    usage,
    tokens: readCount(headers, 'x-sim-tokens'),
    tokensPerSecond: readCount(headers, 'x-sim-tokens-per-second') ?? options.tokensPerSecond ?? 0,
  };
}

function readCount(headers: IncomingHttpHeaders, name: string): number | null {
  const text = headers[name];
  if (text === undefined) return null;
  if (typeof text !== 'string' || !/^\d{1,7}$/.test(text))
    throw new Error(`${name} '${text}': expected a whole number`);
  return Number(text);
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** Null if the client left, or sent more than anybody needs. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > bodyLimit) return null;
      chunks.push(chunk);
    }
  } catch {
    return null;
  }
  return Buffer.concat(chunks, size);
}
