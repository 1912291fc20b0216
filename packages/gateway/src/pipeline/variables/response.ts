import { Fields, Uint, type Value } from '@agentgateway/cel';
import type { Response } from '@agentgateway/http';
import type { Exchange } from '../exchange.ts';
import { HeadersVariable } from './text-headers.ts';

const names = ['code', 'grpcStatus', 'headers', 'body', 'bodyPrefix', 'bodyTruncated'] as const;

/** `response` (spec 04 §4.3). */
export class ResponseVariable extends Fields {
  readonly of: Response;
  readonly #exchange: Exchange;
  readonly #headers = new HeadersVariable();

  constructor(exchange: Exchange, response: Response) {
    super();
    this.of = response;
    this.#exchange = exchange;
  }

  override field(name: string): Value | undefined {
    const { responseCapture, sensitiveHeaders } = this.#exchange;
    switch (name) {
      case 'code':
        return new Uint(this.of.status);
      case 'grpcStatus':
        return this.#grpcStatus();
      case 'headers':
        return this.#headers.view(this.of.headers, sensitiveHeaders);
      case 'body':
        return responseCapture?.whole === true ? responseCapture.bytes : undefined;
      case 'bodyPrefix':
        return responseCapture?.bytes;
      case 'bodyTruncated':
        return responseCapture === null ? undefined : !responseCapture.whole;
      default:
        return undefined;
    }
  }

  override *names(): Iterable<string> {
    for (const name of names) if (this.field(name) !== undefined) yield name;
  }

  /** Of the header, or of the trailers once they came. */
  #grpcStatus(): Value | undefined {
    const { grpcStatus } = this.#exchange.record;
    if (grpcStatus !== null) return new Uint(grpcStatus);
    const text = this.of.headers.get('grpc-status');
    return text !== undefined && /^\d{1,10}$/.test(text) ? new Uint(Number(text)) : undefined;
  }
}
