import { isStream } from '../body.ts';
import { Headers } from '../headers.ts';
import { Response } from '../message.ts';
import type { Reply } from '../server/handler.ts';
import type { Transport } from '../transport.ts';
import { UnwritableMessage } from './errors.ts';
import { fieldLine, isFramingField } from './fields.ts';
import { type BodySender, OutgoingBody, type Output } from './outgoing.ts';

/** Not imported: as a namespace, this module brings a WebSocket client with it, which takes 50 ms to load. */
const { STATUS_CODES } = process.getBuiltinModule('node:http');

/** What an exchange needs of the connection that it runs on. */
export interface ExchangeOwner {
  readonly output: Output;
  /** The response was sent, or broke (`error`). Called once, and never after {@link ServerExchange.abort}. */
  exchangeOver(exchange: ServerExchange, error: Error | null): void;
  /** A final head is about to be written: is it the last one on this connection? Asked once. */
  lastResponse(): boolean;
  handOver(exchange: ServerExchange): Transport;
  dropped(error: Error): void;
}

/** What a request tells about the answer to it. */
export interface ResponseRules {
  readonly head: boolean;
  /** The client knows neither chunks nor, unless it asked, connections that stay open. */
  readonly http10: boolean;
  readonly keepAlive: boolean;
  readonly upgradable: boolean;
  readonly connect: boolean;
}

/**
 * One request's way back on an HTTP/1 connection. An object of its own for each request, so that an answer which comes too
 * late falls into the void instead of into the next exchange.
 */
export class ServerExchange implements Reply, BodySender {
  onClosed: ((error: Error | null) => void) | null = null;
  readonly upgradable: boolean;
  /** True if the end of the connection is the end of the response. */
  untilClose = false;
  readonly #owner: ExchangeOwner;
  readonly #head: boolean;
  readonly #http10: boolean;
  readonly #keepAlive: boolean;
  readonly #connect: boolean;
  #responded = false;
  #over = false;
  #body: OutgoingBody | null = null;
  #sent = 0;

  constructor(owner: ExchangeOwner, rules: ResponseRules) {
    this.#owner = owner;
    this.#head = rules.head;
    this.#http10 = rules.http10;
    this.#keepAlive = rules.keepAlive;
    this.#connect = rules.connect;
    this.upgradable = rules.upgradable;
  }

  get bodyBytes(): number {
    return this.#body === null ? this.#sent : this.#body.sent;
  }

  /** True once a final response was begun. */
  get responded(): boolean {
    return this.#responded;
  }

  respond(response: Response): void {
    const { body } = response;
    if (this.#responded || this.#over) {
      if (isStream(body)) body.cancel(new Error('the exchange has been answered'));
      return;
    }
    this.#responded = true;
    let fields: string;
    try {
      if (response.status < 200) throw new UnwritableMessage('an interim status is no final response');
      statusLine(response.status);
      fields = responseFields(response);
    } catch (error) {
      if (isStream(body)) body.cancel(error as Error);
      this.#writeWhole(unwritable());
      return;
    }
    if (isStream(body) && mayHaveBody(response.status) && !this.#head) this.#writeStream(response, fields, body);
    else {
      if (isStream(body)) body.cancel(new Error('this response has no content'));
      this.#writeWhole(response, fields);
    }
  }

  inform(status: number, headers: Headers): void {
    if (this.#responded || this.#over || this.#http10 || status <= 101 || status > 199) return;
    try {
      this.#owner.output.text(`${statusLine(status)}${responseFields(new Response(status, headers, null))}\r\n`);
    } catch (error) {
      if (!(error instanceof UnwritableMessage)) throw error;
    }
  }

  upgrade(response: Response): Transport {
    if (!this.upgradable || this.#responded || this.#over) throw new Error('this exchange cannot be upgraded');
    const fields = responseFields(response);
    this.#responded = true;
    const connection = this.#connect ? '' : 'connection: upgrade\r\n';
    this.#owner.output.message(`${statusLine(response.status)}${fields}${connection}\r\n`, null);
    return this.#owner.handOver(this);
  }

  destroy(error: Error): void {
    if (!this.#over) this.#owner.dropped(error);
  }

  /** The connection is gone, or its other side. Tells everybody who waits, in this turn. */
  abort(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#body?.cancel(error);
    this.onClosed?.(error);
  }

  /** Called by the connection when the exchange has come to its end. */
  ended(error: Error | null): void {
    if (this.#over) return;
    this.#over = true;
    this.onClosed?.(error);
  }

  bodySent(): void {
    if (!this.#over) this.#owner.exchangeOver(this, null);
  }

  bodyBroke(error: Error): void {
    if (!this.#over) this.#owner.exchangeOver(this, error);
  }

  #writeWhole(response: Response, fields: string = responseFields(response)): void {
    const { status } = response;
    const body = mayHaveBody(status) && Buffer.isBuffer(response.body) ? response.body : null;
    let length = '';
    if (this.#head) length = headLength(response);
    else if (mayHaveBody(status)) length = `content-length: ${body === null ? 0 : body.length}\r\n`;
    const text = `${statusLine(status)}${fields}${length}${this.#connection(this.#owner.lastResponse())}\r\n`;
    if (!this.#head && body !== null) this.#sent = body.length;
    this.#owner.output.message(text, this.#head ? null : body);
    if (!this.#over) this.#owner.exchangeOver(this, null);
  }

  #writeStream(response: Response, fields: string, body: Exclude<Response['body'], null | Buffer>): void {
    const untilClose = body.length === undefined && this.#http10;
    const framing =
      body.length !== undefined
        ? `content-length: ${body.length}\r\n`
        : untilClose
          ? ''
          : 'transfer-encoding: chunked\r\n';
    const last = this.#owner.lastResponse() || untilClose;
    this.#owner.output.text(`${statusLine(response.status)}${fields}${framing}${this.#connection(last)}\r\n`);
    this.#body = new OutgoingBody(this.#owner.output, body, !untilClose, this);
    this.untilClose = untilClose;
    this.#body.start();
  }

  #connection(last: boolean): string {
    if (last) return 'connection: close\r\n';
    return this.#http10 && this.#keepAlive ? 'connection: keep-alive\r\n' : '';
  }
}

/** True if a response with this status can have content (RFC 9110 §6.4.1). */
function mayHaveBody(status: number): boolean {
  return status >= 200 && status !== 204 && status !== 304;
}

/** What a response to HEAD says about the content that it does not have. */
function headLength({ status, headers, body }: Response): string {
  if (!mayHaveBody(status)) return '';
  if (Buffer.isBuffer(body)) return `content-length: ${body.length}\r\n`;
  const length = body === null ? headers.get('content-length') : body.length?.toString();
  return length === undefined || !/^\d+$/.test(length) ? '' : `content-length: ${length}\r\n`;
}

function unwritable(): Response {
  const headers = Headers.of(['content-type', 'text/plain']);
  return new Response(500, headers, Buffer.from('invalid response headers'));
}

/** @throws UnwritableMessage */
function responseFields(response: Response): string {
  const { headers, status } = response;
  let text = '';
  let dated = status < 200;
  for (let i = 0; i < headers.length; i++) {
    const name = headers.nameAt(i);
    if (isFramingField(name)) continue;
    if (name === 'date') dated = true;
    text += fieldLine(headers.spellingAt(i), headers.valueAt(i));
  }
  return dated ? text : text + dateLine();
}

const statusLines: string[] = [];

/** @throws UnwritableMessage for what is no status. */
function statusLine(status: number): string {
  const known = statusLines[status];
  if (known !== undefined) return known;
  if (!Number.isInteger(status) || status < 100 || status > 999)
    throw new UnwritableMessage(`invalid status ${status}`);
  const line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  statusLines[status] = line;
  return line;
}

let dateSecond = 0;
let dateText = '';

/** The `date` field of this second (RFC 9110 §6.6.1). */
function dateLine(): string {
  const second = Math.trunc(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = `date: ${new Date(second * 1000).toUTCString()}\r\n`;
  }
  return dateText;
}
