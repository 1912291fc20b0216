import { Fields, QueryText, Timestamp, type Value } from '@agentgateway/cel';
import type { Exchange, RequestHead } from '../exchange.ts';
import { HeadersVariable } from './text-headers.ts';

const names = [
  'method',
  'uri',
  'path',
  'pathAndQuery',
  'host',
  'scheme',
  'version',
  'headers',
  'body',
  'bodyPrefix',
  'bodyTruncated',
  'startTime',
  'endTime',
] as const;

/** `request` (spec 04 §4.2). The fields that rules read most are found without a table: they are on the hot path. */
export class RequestVariable extends Fields {
  readonly #exchange: Exchange;
  readonly #headers = new HeadersVariable();

  constructor(exchange: Exchange) {
    super();
    this.#exchange = exchange;
  }

  override field(name: string): Value | undefined {
    const { record, requestCapture } = this.#exchange;
    const request = this.#request();
    switch (name) {
      case 'method':
        return request.method;
      case 'path':
        return pathname(request.path);
      case 'headers':
        return this.#headers.view(request.headers, this.#exchange.sensitiveHeaders);
      case 'host':
        return request.authority === '' ? null : request.authority;
      case 'uri':
        return new QueryText(
          request.authority === '' ? request.path : `${request.scheme}://${request.authority}${request.path}`,
        );
      case 'pathAndQuery':
        return new QueryText(request.path);
      case 'scheme':
        return request.scheme === '' ? null : request.scheme;
      case 'version':
        return request.version === 'HTTP/2.0' ? 'HTTP/2' : request.version;
      case 'body':
        return requestCapture?.whole === true ? requestCapture.bytes : undefined;
      case 'bodyPrefix':
        return requestCapture?.bytes;
      case 'bodyTruncated':
        return requestCapture === null ? undefined : !requestCapture.whole;
      case 'startTime':
        return Timestamp.fromMilliseconds(record.startedAtEpoch);
      case 'endTime':
        return record.endedAt === 0
          ? undefined
          : Timestamp.fromMilliseconds(record.startedAtEpoch + record.endedAt - record.startedAt);
      default:
        return undefined;
    }
  }

  /** When all is over, as it was before the backend's own policies. */
  #request(): RequestHead {
    const { request, requestForLogs, closed } = this.#exchange;
    return closed && requestForLogs !== null ? requestForLogs : request;
  }

  override *names(): Iterable<string> {
    for (const name of names) if (this.field(name) !== undefined) yield name;
  }
}

function pathname(path: string): string {
  const mark = path.indexOf('?');
  return mark < 0 ? path : path.slice(0, mark);
}
