import { type BodyConsumer, type BodyStream, type Headers, isStream, type Response } from '@agentgateway/http';
import { GatewayError } from '../../pipeline/errors.ts';
import { FrameReader } from './frames.ts';
import { GrpcError, grpcCodes, judgeHead, readStatus } from './status.ts';

/** What becomes of an answer. Exactly one call of `onEnd`, last. */
export interface IncomingHandler {
  /** Bytes of its own. May throw; that ends the call as an error. */
  onMessage(message: Buffer): void;
  /** Null is a call that ended with status OK. */
  onEnd(error: Error | null): void;
}

/** Reads the answer of a call: messages, then its status. */
export class Incoming implements BodyConsumer {
  readonly #handler: IncomingHandler;
  readonly #frames: FrameReader;
  #body: BodyStream | null = null;
  #trailers: Headers | null = null;
  #over = false;

  /** @param limit Bytes of one message. */
  constructor(limit: number, handler: IncomingHandler) {
    this.#handler = handler;
    this.#frames = new FrameReader(limit, (message) => handler.onMessage(message));
  }

  start(response: Response): void {
    const { headers, body } = response;
    const failure = judgeHead(response);
    const ended = headers.has('grpc-status');
    if (failure !== null || ended) {
      if (isStream(body)) body.cancel(failure ?? new Error('the call is over'));
      this.#end(failure);
      return;
    }
    if (isStream(body)) {
      this.#body = body;
      body.read(this);
    } else {
      if (body !== null) this.onData(body);
      this.onEnd();
    }
  }

  pause(): void {
    this.#body?.pause();
  }

  resume(): void {
    this.#body?.resume();
  }

  onData(chunk: Buffer): void {
    if (this.#over) return;
    try {
      this.#frames.read(chunk);
    } catch (error) {
      const failure = error instanceof GrpcError ? error : malformed(error as Error);
      this.#body?.cancel(failure);
      this.#end(failure);
    }
  }

  onTrailers(trailers: Headers): void {
    this.#trailers = trailers;
  }

  onEnd(): void {
    const failure = readStatus(this.#trailers);
    const cut = failure === null && !this.#frames.idle;
    this.#end(cut ? new GrpcError(grpcCodes.internal, 'the service ended the call inside a message') : failure);
  }

  onError(error: Error): void {
    if (error instanceof GatewayError) this.#end(error);
    else this.#end(new GatewayError('upstreamCallFailed', { logDetail: error.message, cause: error }));
  }

  #end(error: Error | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#handler.onEnd(error);
  }
}

function malformed(error: Error): GrpcError {
  return new GrpcError(grpcCodes.internal, `the service sent a message that cannot be read: ${error.message}`);
}
