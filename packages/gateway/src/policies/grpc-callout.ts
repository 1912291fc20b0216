import { Abort, type Body, Headers, Request } from '@agentgateway/http';
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { Callout, CalloutKind } from '../pipeline/callout.ts';
import { GatewayError } from '../pipeline/errors.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { frame } from './grpc/frames.ts';
import { Incoming } from './grpc/incoming.ts';
import { OutgoingMessages } from './grpc/outgoing.ts';
import { GrpcError, grpcCodes } from './grpc/status.ts';
import { GrpcStream } from './grpc/stream.ts';

export type { GrpcStream } from './grpc/stream.ts';

/** How a call is made. */
export interface GrpcCallOptions {
  /** The exchange that waits; null for work in the background. Its end cancels the call. */
  readonly exchange: Exchange | null;
  /** Sent as header fields; names in lower case. */
  readonly metadata?: readonly (readonly [name: string, value: string])[];
  /** Cancels the call, besides the end of the exchange. */
  readonly abort?: Abort;
}

/**
 * A gRPC service that a policy asks, over the gateway's own way out: the service's backend has its policies, TLS and metrics as any
 * other. Messages are not compressed.
 */
export class GrpcCallout {
  readonly #callout: Callout;
  readonly #kind: CalloutKind;
  readonly #maxMessage: number;

  /** @param maxMessage Bytes of one message that is received; default no limit. */
  constructor(callout: Callout, kind: CalloutKind, maxMessage = Number.POSITIVE_INFINITY) {
    this.#callout = callout;
    this.#kind = kind;
    this.#maxMessage = maxMessage;
  }

  /** How messages call the service. */
  get name(): string {
    return this.#callout.name;
  }

  /**
   * One message there, one back.
   *
   * @param options.timeout Milliseconds for the whole call, told to the service as well; absent or 0 is no limit.
   * @throws GrpcError for a status that is not OK and for answers that are not gRPC; GatewayError where the way to the service failed
   * (`upstreamCallTimeout` if it took too long); the reason of the exchange's end or of `abort`.
   */
  async unary<In extends DescMessage, Out extends DescMessage>(
    method: DescMethodUnary<In, Out>,
    message: MessageInitShape<In>,
    options: GrpcCallOptions & { readonly timeout?: number },
  ): Promise<MessageShape<Out>> {
    const body = frame(toBinary(method.input, create(method.input, message)));
    const abort = below(options.abort);
    const timeout = options.timeout ?? 0;
    const request = newRequest(method, body, options, timeout);
    const late = () => abort.abort(new GatewayError('upstreamCallTimeout', { logDetail: this.#callout.name }));
    const timer = timeout > 0 ? setTimeout(late, timeout) : null;
    try {
      const { exchange } = options;
      const response = await this.#callout.send(request, { kind: this.#kind, exchange, abort, http2: true });
      const answers: Buffer[] = [];
      await new Promise<void>((resolve, reject) => {
        const incoming = new Incoming(this.#maxMessage, {
          onMessage(answer) {
            if (answers.push(answer) > 1) throw new Error('more than one answer');
          },
          onEnd: (error) => (error === null ? resolve() : reject(abort.reason ?? error)),
        });
        incoming.start(response);
      });
      return decode(method.output, answers[0]);
    } finally {
      if (timer !== null) clearTimeout(timer);
    }
  }

  /** Opens a stream of messages both ways. It is sent at once; what fails is thrown to whoever reads {@link GrpcStream.messages}. */
  stream<In extends DescMessage, Out extends DescMessage>(
    method: DescMethodBiDiStreaming<In, Out>,
    options: GrpcCallOptions,
  ): GrpcStream<In, Out> {
    const abort = below(options.abort);
    const outgoing = new OutgoingMessages();
    const request = newRequest(method, outgoing, options, 0);
    const { exchange } = options;
    const answer = this.#callout.send(request, { kind: this.#kind, exchange, abort, http2: true });
    return new GrpcStream(method, outgoing, answer, abort, this.#maxMessage);
  }
}

/** One of the call's own, so that giving up the call gives up nothing else. */
function below(outer: Abort | undefined): Abort {
  const abort = new Abort();
  outer?.listen((reason) => abort.abort(reason));
  return abort;
}

function newRequest(method: DescMethod, body: Body, options: GrpcCallOptions, timeout: number): Request {
  const headers = Headers.of(['content-type', 'application/grpc'], ['te', 'trailers']);
  if (timeout > 0) headers.append('grpc-timeout', timeoutText(timeout));
  for (const [name, value] of options.metadata ?? []) headers.append(name, value);
  return new Request('POST', '', '', `/${method.parent.typeName}/${method.name}`, 'HTTP/2.0', headers, body);
}

/** At most eight digits and a unit. */
function timeoutText(milliseconds: number): string {
  return milliseconds < 1e8
    ? `${Math.ceil(milliseconds)}m`
    : `${Math.min(Math.ceil(milliseconds / 1000), 99_999_999)}S`;
}

function decode<Out extends DescMessage>(schema: Out, bytes: Buffer | undefined): MessageShape<Out> {
  if (bytes === undefined) throw new GrpcError(grpcCodes.internal, 'the service answered OK without a message');
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    const detail = (error as Error).message;
    throw new GrpcError(grpcCodes.internal, `the service sent a message that cannot be read: ${detail}`);
  }
}
