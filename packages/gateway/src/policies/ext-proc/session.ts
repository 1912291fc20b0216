import { type Body, type Request, type Response, UpstreamError } from '@agentgateway/http';
import {
  ExternalProcessor,
  type ImmediateResponse,
  type ProcessingRequestSchema,
  type ProcessingResponse,
  type ProcessingResponseSchema,
} from '@agentgateway/protos';
import { AnsweredEarly } from '../../pipeline/answered-early.ts';
import { startDeadline } from '../../pipeline/deadline.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { Log, StepResult } from '../../pipeline/step.ts';
import type { GrpcCallout, GrpcStream } from '../grpc-callout.ts';
import { Direction, type DirectionHost, type Outcome } from './direction.ts';
import { immediateResponse, mutateRequest, mutateResponse, mutateTrailers, type Warn } from './head.ts';
import type { Event, Failure } from './machine.ts';
import {
  type BothModes,
  bodyMutation,
  overridden,
  type Part,
  requestHead,
  responseHead,
  sendMode,
  trailerFields,
  withTrailers,
} from './messages.ts';
import type { ExtProcSpec } from './spec.ts';
import type { Facts } from './values.ts';

/** Bytes of a body that are held where the connection says nothing. */
const defaultLimit = 2 * 1024 * 1024;

/** The policy, compiled. */
export interface Processor {
  readonly spec: ExtProcSpec;
  readonly service: GrpcCallout;
  readonly facts: Facts;
  readonly log: Log;
}

type Side = 'request' | 'response';
type Stream = GrpcStream<typeof ProcessingRequestSchema, typeof ProcessingResponseSchema>;

/** Why the processor has no more part in an exchange. */
interface Loss {
  readonly reason: string;
  readonly unsent: boolean;
  /** For the log: may name addresses. */
  readonly logDetail?: string;
}

/** One exchange's stream to the processor, which both directions share (spec 03 §5.3). */
export class Session {
  readonly #exchange: Exchange;
  readonly #processor: Processor;
  readonly #warn: Warn;
  #modes: BothModes;
  #stream: Stream | null = null;
  #ended = false;
  #request: Direction | null = null;
  #response: Direction | null = null;
  #metadata: ReturnType<Facts['metadata']>;
  #immediate: ImmediateResponse | null = null;
  #loss: Loss | null = null;
  /** The processor failed and the request went on without it: its response does too. */
  #failedOpen = false;
  #wake: (() => void) | null = null;

  constructor(exchange: Exchange, processor: Processor) {
    this.#exchange = exchange;
    this.#processor = processor;
    const { request, response } = processor.spec;
    this.#modes = withTrailers({ request, response });
    this.#warn = (message, fields) => processor.log.warn('ext_proc', message, fields);
    exchange.whenClosed(() => this.#stop(exchange.abort.reason ?? new Error('the exchange is over')));
  }

  /** The request's side; undefined as soon as the request may go on, with all of its body or the beginning of it. */
  processRequest(): StepResult | Promise<StepResult> {
    const { request } = this.#exchange;
    const direction = new Direction(this.#host('request', request), request.body, {
      modes: this.#modes.request,
      limit: this.#exchange.maxBufferSize ?? defaultLimit,
      failOpen: this.#processor.spec.failureMode === 'failOpen',
    });
    this.#request = direction;
    return this.#run(direction, 'request');
  }

  /** The same for the response, which cannot do without the processor. */
  processResponse(response: Response): StepResult | Promise<StepResult> {
    if (this.#failedOpen) return undefined;
    if (this.#immediate !== null) return this.#answer(this.#immediate);
    if (this.#loss !== null && !this.#unconcerned)
      return this.#failed({ kind: 'processor', detail: this.#loss.reason });
    const direction = new Direction(this.#host('response', response), response.body, {
      modes: this.#modes.response,
      limit: this.#exchange.maxBufferSize ?? defaultLimit,
      failOpen: false,
    });
    this.#response = direction;
    const result = this.#run(direction, 'response');
    if (!(result instanceof Promise)) return result;
    return result.then((decided) => {
      // What could not be read whole, or is not wanted, must not be sent.
      if (decided !== undefined && direction.took) response.body = null;
      return decided;
    });
  }

  /** True if no response ever concerns the processor. */
  get #unconcerned(): boolean {
    const { headers, body } = this.#modes.response;
    return !headers && body === 'none';
  }

  #run(direction: Direction, side: Side): StepResult | Promise<StepResult> {
    const { abort } = this.#exchange;
    const { promise, resolve, reject } = Promise.withResolvers<StepResult>();
    let deadline: NodeJS.Timeout | null = null;
    const stop = (reason: Error) => {
      clearTimeout(deadline ?? undefined);
      // Where the client left, nobody looks at what becomes of the response.
      if (side === 'request') reject(reason);
      else resolve(reason instanceof GatewayError ? reason : undefined);
      this.#stop(reason);
    };
    const settle = (outcome: Outcome): void => {
      abort.unlisten(stop);
      clearTimeout(deadline ?? undefined);
      resolve(this.#decide(outcome));
    };
    const outcome = direction.start(settle);
    this.#endIfOver();
    if (outcome !== null) return this.#decide(outcome);
    // The head of the response is still to come: the request's time counts.
    if (side === 'response')
      deadline = startDeadline(this.#exchange, this.#exchange.routePlan?.timeout.requestTimeout ?? 0);
    abort.listen(stop);
    return promise;
  }

  #decide(outcome: Outcome): StepResult {
    if (outcome === 'released') return undefined;
    if (outcome === 'answered') return this.#answer(this.#immediate as ImmediateResponse);
    return this.#failed(outcome);
  }

  #answer(immediate: ImmediateResponse): Response | GatewayError {
    const response = immediateResponse(immediate, this.#warn);
    if (!(response instanceof GatewayError)) this.#exchange.record.reason = 'DirectResponse';
    return response;
  }

  #failed(failure: Failure): GatewayError {
    const response = this.#response !== null;
    const logDetail = this.#loss?.logDetail;
    // The other direction cannot go on either.
    this.#onLost({ reason: 'the processor is not asked any more', unsent: false });
    this.#close(new Error('the message failed'));
    switch (failure.kind) {
      case 'processor':
        return new GatewayError('extProcFailed', {
          detail: failure.detail,
          ...(logDetail === undefined ? {} : { logDetail }),
        });
      case 'tooLarge':
        return response
          ? new GatewayError('extProcFailed', { detail: `the response is larger than ${failure.limit} bytes` })
          : new GatewayError('bodyTooLarge');
      case 'source': {
        const { error } = failure;
        if (error instanceof GatewayError) return error;
        const code = response ? 'upstreamCallFailed' : 'invalidRequest';
        const detail = response ? 'the response was cut off' : 'the body broke off';
        return new GatewayError(code, { detail, logDetail: error.message, cause: error });
      }
    }
  }

  #host(side: Side, message: Request | Response): DirectionHost {
    const session = this;
    const { facts } = this.#processor;
    const exchange = this.#exchange;
    this.#metadata = facts.metadata(exchange);
    let attributes = facts.attributes(exchange, side);
    const send = (part: Part) => {
      session.#send(part, attributes);
      attributes = undefined;
    };
    return {
      sendHeaders(endOfStream) {
        const request = side === 'request';
        const headers = request ? requestHead(message as Request) : responseHead(message as Response);
        send({ case: request ? 'requestHeaders' : 'responseHeaders', value: { headers, endOfStream } });
      },
      sendBody(body, endOfStream) {
        send({ case: side === 'request' ? 'requestBody' : 'responseBody', value: { body, endOfStream } });
      },
      sendTrailers(fields) {
        const trailers = trailerFields(fields);
        send({ case: side === 'request' ? 'requestTrailers' : 'responseTrailers', value: { trailers } });
      },
      get canSend() {
        return session.#stream === null || !session.#stream.full;
      },
      mutateHead(mutation) {
        if (side === 'request') mutateRequest(exchange, mutation, session.#warn);
        else mutateResponse(message as Response, mutation, session.#warn);
      },
      mutateTrailers(trailers, mutation) {
        mutateTrailers(trailers, mutation, session.#warn);
      },
      release: (body, length) => release(message, body, length),
      onTooLate() {
        session.#warn('headers were to be changed that are on their way, or that the processor did not see', { side });
      },
      onDismiss(reason) {
        session.#dismiss(reason);
      },
      onFailOpen() {
        session.#failedOpen = true;
        const { reason, logDetail } = session.#loss ?? { reason: 'the processor broke the rules' };
        session.#warn('a request goes on without the processor', { error: logDetail ?? reason });
        session.#close(new Error('the request went on without the processor'));
      },
      onBreak: (failure) => session.#onBreak(side, failure),
      onDrained() {
        session.#wake?.();
      },
    };
  }

  #send(request: Part, attributes: ReturnType<Facts['attributes']>): void {
    const first = this.#stream === null;
    this.#stream ??= this.#open();
    this.#stream.send({
      request,
      ...(this.#metadata === undefined ? {} : { metadataContext: this.#metadata }),
      ...(attributes === undefined ? {} : { attributes }),
      ...(first ? { protocolConfig: this.#bodyModes() } : {}),
    });
  }

  #bodyModes() {
    const { request, response } = this.#modes;
    return { requestBodyMode: sendMode(request.body), responseBodyMode: sendMode(response.body) };
  }

  #open(): Stream {
    const exchange = this.#exchange;
    const { service, facts } = this.#processor;
    const stream = service.stream(ExternalProcessor.method.process, {
      exchange,
      metadata: facts.callFields(exchange),
    });
    stream.onDrain = () => {
      this.#request?.sendable();
      this.#response?.sendable();
    };
    void this.#listen(stream);
    return stream;
  }

  async #listen(stream: Stream): Promise<void> {
    try {
      for await (const message of stream.messages) {
        this.#onMessage(message);
        if (this.#full) await this.#room();
      }
      this.#onLost({ reason: 'the processor closed its stream', unsent: false });
    } catch (error) {
      this.#onLost(lossOf(error as Error));
    }
  }

  get #full(): boolean {
    return this.#request?.full === true || this.#response?.full === true;
  }

  async #room(): Promise<void> {
    while (this.#full) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#wake = null;
  }

  #onMessage(message: ProcessingResponse): void {
    if (this.#ended) return;
    this.#keep(message);
    const { response } = message;
    switch (response.case) {
      case 'requestHeaders':
      case 'responseHeaders': {
        const side = response.case === 'requestHeaders' ? 'request' : 'response';
        const { modeOverride } = message;
        if (modeOverride !== undefined && this.#processor.spec.allowModeOverride)
          this.#modes = overridden(this.#modes, modeOverride, side);
        const mutation = response.value.response?.headerMutation ?? null;
        this.#tell(side, { type: 'headersAnswer', mutation, modes: this.#modes[side] });
        break;
      }
      case 'requestBody':
      case 'responseBody': {
        const answer = response.value.response;
        this.#tell(response.case === 'requestBody' ? 'request' : 'response', {
          type: 'bodyAnswer',
          mutation: answer?.headerMutation ?? null,
          body: bodyMutation(answer),
        });
        break;
      }
      case 'requestTrailers':
      case 'responseTrailers':
        this.#tell(response.case === 'requestTrailers' ? 'request' : 'response', {
          type: 'trailersAnswer',
          mutation: response.value.headerMutation ?? null,
        });
        break;
      case 'immediateResponse':
        this.#onImmediate(response.value);
        break;
      default:
        // A message that only asks for more time, or only brings metadata.
        break;
    }
    this.#endIfOver();
  }

  /** `dynamic_metadata` counts as long as a message is here that later policies may judge by it. */
  #keep({ dynamicMetadata }: ProcessingResponse): void {
    if (dynamicMetadata === undefined) return;
    if ((this.#response ?? this.#request)?.held === true)
      this.#exchange.extproc = { ...this.#exchange.extproc, ...dynamicMetadata };
    else this.#warn('metadata came when the message was on its way', { keys: Object.keys(dynamicMetadata) });
  }

  #tell(side: Side, event: Event): void {
    const direction = side === 'request' ? this.#request : this.#response;
    if (direction === null) this.#dismiss(`answered a ${side} that it was not asked about`);
    else direction.on(event);
  }

  /** It goes to both directions: what is here gives way to it, what is on its way breaks off. */
  #onImmediate(immediate: ImmediateResponse): void {
    this.#immediate = immediate;
    const preempts = this.#response === null && this.#request?.held === false;
    this.#request?.on({ type: 'immediate' });
    this.#response?.on({ type: 'immediate' });
    this.#close(new Error('the processor has answered'));
    if (preempts) this.#preempt(this.#answer(immediate));
  }

  /** Answers while the upstream is being asked, or waits until it has answered. */
  #preempt(answer: Response | GatewayError): void {
    const { abort, response } = this.#exchange;
    if (response !== null) return;
    abort.abort(answer instanceof GatewayError ? answer : new AnsweredEarly(answer));
  }

  #onBreak(side: Side, failure: Failure): Error {
    if (failure.kind === 'source') return failure.error;
    if (this.#immediate !== null && side === 'request') return new Error('the processor has answered');
    const error = this.#failed(failure);
    const { record, response } = this.#exchange;
    if (side === 'request' && response === null) this.#preempt(error);
    else if (record.error === null) {
      record.reason = error.reason;
      record.error = error.logDetail === undefined ? error.message : `${error.message}: ${error.logDetail}`;
    }
    return error;
  }

  /** The processor broke the rules; the direction that saw it has dealt with it, the other one learns of it here. */
  #dismiss(reason: string): void {
    const loss = { reason: `the processor ${reason}`, unsent: false };
    this.#warn('the processor broke the rules', { error: loss.reason });
    this.#onLost(loss);
    this.#close(new Error(loss.reason));
  }

  #onLost(loss: Loss): void {
    if (this.#ended || this.#loss !== null) return;
    const { reason } = this.#exchange.abort;
    if (reason !== null) {
      this.#stop(reason);
      return;
    }
    this.#loss = loss;
    const event: Event = { type: 'lost', reason: loss.reason, unsent: loss.unsent };
    this.#request?.on(event);
    this.#response?.on(event);
  }

  /** Half closes the stream when nothing more will be sent. */
  #endIfOver(): void {
    if (this.#stream === null || this.#request?.over === false) return;
    if (this.#response === null ? this.#unconcerned : this.#response.over) this.#stream.end();
  }

  /** The exchange is over. */
  #stop(reason: Error): void {
    this.#close(reason);
    this.#request?.stop(reason);
    this.#response?.stop(reason);
  }

  #close(reason: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#wake?.();
    this.#stream?.cancel(reason);
  }
}

/** Puts the body into the message, if its length is what `content-length` says; that goes where nothing can be said. */
function release(message: Request | Response, body: Body, length: number | null | undefined): Failure | null {
  const { headers } = message;
  if (length === null) headers.delete('content-length');
  else if (length !== undefined) {
    const announced = headers.get('content-length');
    if (announced !== undefined && announced !== String(length)) {
      const detail = `the new body has ${length} bytes and content-length says ${announced}`;
      return { kind: 'processor', detail };
    }
  }
  message.body = body;
  return null;
}

function lossOf(error: Error): Loss {
  return { reason: 'the processor cannot be asked', unsent: neverSent(error), logDetail: detailOf(error) };
}

function detailOf(error: Error): string {
  return error instanceof GatewayError && error.logDetail !== undefined
    ? `${error.message}: ${error.logDetail}`
    : error.message;
}

/** True where the call failed before a connection stood. */
function neverSent(error: Error): boolean {
  if (!(error instanceof GatewayError)) return false;
  if (error.code === 'dnsFailed' || error.code === 'backendDoesNotExist') return true;
  const { cause } = error;
  return cause instanceof UpstreamError && unconnected.has(cause.kind);
}

const unconnected: ReadonlySet<UpstreamError['kind']> = new Set(['Connect', 'ConnectTimeout', 'Tls', 'Tunnel', 'Dns']);
