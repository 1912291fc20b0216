import type { Headers, Request, Response } from '@agentgateway/http';
import {
  ProcessingMode_BodySendMode as BodySendMode,
  type CommonResponse,
  ProcessingMode_HeaderSendMode as HeaderSendMode,
  type HttpHeadersSchema,
  type ProcessingMode,
  type ProcessingRequestSchema,
} from '@agentgateway/protos';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { BodyMutation } from './machine.ts';
import type { BodyMode, Modes } from './spec.ts';

/** `ProcessingRequest`, as it is built. */
export type ProcessingRequestInit = MessageInitShape<typeof ProcessingRequestSchema>;

/** The message that it carries. */
export type Part = NonNullable<ProcessingRequestInit['request']>;

type HeaderMapInit = NonNullable<MessageInitShape<typeof HttpHeadersSchema>['headers']>;
type HeaderInit = NonNullable<HeaderMapInit['headers']>[number];

/** The head of a request: the first line as text, the fields as the bytes that came (spec 03 §5.3). */
export function requestHead({ method, scheme, authority, path, headers }: Request): HeaderMapInit {
  return {
    headers: [
      { key: ':method', value: method },
      { key: ':scheme', value: scheme === '' ? 'http' : scheme },
      { key: ':authority', value: authority },
      { key: ':path', value: path },
      ...fields(headers),
    ],
  };
}

/** The head of a response. */
export function responseHead({ status, headers }: Response): HeaderMapInit {
  return { headers: [{ key: ':status', value: String(status) }, ...fields(headers)] };
}

/** Trailers, which have no first line. */
export function trailerFields(trailers: Headers): HeaderMapInit {
  return { headers: fields(trailers) };
}

function fields(headers: Headers): HeaderInit[] {
  const list: HeaderInit[] = [];
  for (let i = 0; i < headers.length; i++) {
    list.push({ key: headers.nameAt(i), rawValue: Buffer.from(headers.valueAt(i), 'latin1') });
  }
  return list;
}

/** What an answer to a body wants; null is no mutation. */
export function bodyMutation(response: CommonResponse | undefined): BodyMutation {
  const mutation = response?.bodyMutation?.mutation;
  switch (mutation?.case) {
    case 'body':
      return { streamed: false, bytes: bytesOf(mutation.value) };
    case 'clearBody':
      return mutation.value ? { streamed: false, bytes: bytesOf(new Uint8Array()) } : null;
    case 'streamedResponse': {
      const { body, endOfStream } = mutation.value;
      return { streamed: true, bytes: bytesOf(body), end: endOfStream };
    }
    default:
      return null;
  }
}

/** The same bytes. */
export function bytesOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const sendModes: Readonly<Record<BodyMode, BodySendMode>> = {
  none: BodySendMode.NONE,
  buffered: BodySendMode.BUFFERED,
  bufferedPartial: BodySendMode.BUFFERED_PARTIAL,
  fullDuplexStreamed: BodySendMode.FULL_DUPLEX_STREAMED,
};

/** What the processor is told of a body's mode. */
export function sendMode(mode: BodyMode): BodySendMode {
  return sendModes[mode];
}

/** What both directions send. */
export interface BothModes {
  readonly request: Modes;
  readonly response: Modes;
}

/**
 * The modes after an answer to headers wants others (spec 03 §5.3). An override says something of both bodies always, as `NONE` is what it says by
 * saying nothing; `STREAMED`, which is not supported, leaves a body's mode as it is, and so do modes that nobody knows.
 *
 * @param side Whose headers were answered: the request's modes cannot change any more when its response is here.
 */
export function overridden(modes: BothModes, wanted: ProcessingMode, side: 'request' | 'response'): BothModes {
  const request: Modes = {
    headers: modes.request.headers,
    body: bodyMode(wanted.requestBodyMode) ?? modes.request.body,
    trailers: sends(wanted.requestTrailerMode) ?? modes.request.trailers,
  };
  const response: Modes = {
    headers: side === 'request' ? (sends(wanted.responseHeaderMode) ?? modes.response.headers) : modes.response.headers,
    body: bodyMode(wanted.responseBodyMode) ?? modes.response.body,
    trailers: sends(wanted.responseTrailerMode) ?? modes.response.trailers,
  };
  return withTrailers({ request: side === 'request' ? request : modes.request, response });
}

/** Full duplex in either direction sends the trailers of both (spec 03 §5.3). */
export function withTrailers({ request, response }: BothModes): BothModes {
  if (request.body !== 'fullDuplexStreamed' && response.body !== 'fullDuplexStreamed') return { request, response };
  return { request: { ...request, trailers: true }, response: { ...response, trailers: true } };
}

function bodyMode(mode: BodySendMode): BodyMode | null {
  switch (mode) {
    case BodySendMode.NONE:
      return 'none';
    case BodySendMode.BUFFERED:
      return 'buffered';
    case BodySendMode.BUFFERED_PARTIAL:
      return 'bufferedPartial';
    case BodySendMode.FULL_DUPLEX_STREAMED:
      return 'fullDuplexStreamed';
    default:
      return null;
  }
}

function sends(mode: HeaderSendMode): boolean | null {
  if (mode === HeaderSendMode.SEND) return true;
  return mode === HeaderSendMode.SKIP ? false : null;
}
