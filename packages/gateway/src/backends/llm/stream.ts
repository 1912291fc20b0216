import type { BodyConsumer, BodyStream, Headers } from '@agentgateway/http';
import { CompletionsStream, completionsErrorEvent, type FrameSink, SseFrames, type Usage } from '@agentgateway/llm';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { LlmRecord } from '../../telemetry/record.ts';
import { recordUsage } from './record.ts';
import { errorText } from './word-error.ts';

/** How a stream is to be watched. */
export interface ChatStreamOptions {
  /** Choices that the client asked for. */
  readonly choices: number;
  /** The client did not ask for the chunk with the usage: it does not see it. */
  readonly hideUsage: boolean;
  /** Bytes of one frame. */
  readonly frameLimit: number;
}

/**
 * A streamed answer on its way to the client, its bytes unchanged, and what it says of itself into the record.
 *
 * Whole frames are passed on, in the turn of the loop in which their last byte came; the beginning of one is held, since no
 * reader of an event stream can use it. So a stream that breaks can always be ended with an event of its own that says so:
 * then the error goes to the client in its dialect, and the connection ends as broken.
 */
export class ChatStream implements BodyStream, BodyConsumer, FrameSink {
  readonly length = undefined;
  readonly #source: BodyStream;
  readonly #exchange: Exchange;
  readonly #llm: LlmRecord;
  readonly #hideUsage: boolean;
  readonly #frames: SseFrames;
  readonly #stream: CompletionsStream;
  #consumer: BodyConsumer | null = null;
  #over = false;
  #recorded: Usage | null = null;
  /** Frames that go on in one piece. */
  #run: Buffer | null = null;
  #runStart = 0;
  #runEnd = 0;

  constructor(source: BodyStream, exchange: Exchange, llm: LlmRecord, options: ChatStreamOptions) {
    this.#source = source;
    this.#exchange = exchange;
    this.#llm = llm;
    this.#hideUsage = options.hideUsage;
    this.#frames = new SseFrames(options.frameLimit, this);
    this.#stream = new CompletionsStream(options.choices);
  }

  read(consumer: BodyConsumer): void {
    this.#consumer = consumer;
    this.#source.read(this);
  }

  pause(): void {
    this.#source.pause();
  }

  resume(): void {
    this.#source.resume();
  }

  cancel(reason: Error): void {
    this.#over = true;
    this.#source.cancel(reason);
  }

  onData(chunk: Buffer): void {
    if (this.#over) return;
    this.#stream.startChunk();
    try {
      this.#frames.push(chunk);
    } catch (error) {
      this.#source.cancel(error as Error);
      this.#flush();
      this.#break(error as Error);
      return;
    }
    this.#flush();
  }

  onFrame(bytes: Buffer, from: number, to: number): void {
    const usageOnly = this.#stream.read(bytes, from, to);
    this.#learn();
    if (usageOnly && this.#hideUsage) {
      this.#flush();
      return;
    }
    if (this.#run !== bytes) {
      this.#flush();
      this.#run = bytes;
      this.#runStart = from;
    }
    this.#runEnd = to;
  }

  onTrailers(trailers: Headers): void {
    if (!this.#over && this.#whole) this.#consumer?.onTrailers(trailers);
  }

  onEnd(): void {
    if (this.#over) return;
    const { rest } = this.#frames;
    const kind = rest.length === 0 ? 'whole' : this.#stream.readRest(rest);
    this.#learn();
    if (!this.#stream.done && (kind === 'cut' || !this.#whole)) {
      this.#break(new Error(`the stream ended ${kind === 'cut' ? 'inside an event' : 'before the answer did'}`));
      return;
    }
    const hidden = kind === 'cut' || (kind === 'usageOnly' && this.#hideUsage);
    if (rest.length > 0 && !hidden) this.#consumer?.onData(rest);
    this.#end();
  }

  onError(error: Error): void {
    if (this.#over) return;
    // Everything came; how the connection went down is the pool's business.
    if (this.#stream.done) this.#end();
    else this.#break(error);
  }

  /** The provider said all it had to say, if only why it failed. */
  get #whole(): boolean {
    return this.#stream.done || this.#stream.finished || this.#stream.error !== null;
  }

  /** Straight into the record: the client may leave at any time. */
  #learn(): void {
    const stream = this.#stream;
    const llm = this.#llm;
    if (llm.firstTokenAt === 0 && stream.started) llm.firstTokenAt = this.#exchange.clock.now();
    if (llm.responseModel !== stream.model) llm.responseModel = stream.model;
    if (llm.serviceTier !== stream.serviceTier) llm.serviceTier = stream.serviceTier;
    if (stream.usage !== null && stream.usage !== this.#recorded) {
      this.#recorded = stream.usage;
      recordUsage(llm, stream.usage);
    }
    if (stream.error !== null) this.#fail('UpstreamFailure', stream.error);
  }

  #flush(): void {
    const run = this.#run;
    this.#run = null;
    if (run !== null && !this.#over) this.#consumer?.onData(run.subarray(this.#runStart, this.#runEnd));
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#consumer?.onEnd();
  }

  #break(cause: Error): void {
    if (this.#over) return;
    const consumer = this.#consumer;
    const aborted = this.#exchange.abort.reason;
    if (aborted !== null && !(aborted instanceof GatewayError)) {
      // The client left: there is nobody to tell, and the provider is not to blame.
      this.#over = true;
      consumer?.onError(cause);
      return;
    }
    const error =
      aborted ??
      new GatewayError('upstreamCallFailed', { detail: 'the response was cut off', logDetail: cause.message, cause });
    this.#fail(error.reason, `${error.message} (${cause.message})`);
    if (this.#stream.error === null) consumer?.onData(completionsErrorEvent(errorText(error)));
    // The client may have left while it was told.
    if (this.#over) return;
    this.#over = true;
    consumer?.onError(error);
  }

  #fail(reason: GatewayError['reason'], text: string): void {
    const { record } = this.#exchange;
    record.reason = reason;
    record.error ??= text;
  }
}

/** Bytes that are all there, for whoever wants a stream. */
export class WholeBody implements BodyStream {
  readonly length: number;
  readonly #bytes: Buffer;
  #cancelled = false;

  constructor(bytes: Buffer | null) {
    this.#bytes = bytes ?? Buffer.alloc(0);
    this.length = this.#bytes.length;
  }

  read(consumer: BodyConsumer): void {
    if (this.#bytes.length > 0) consumer.onData(this.#bytes);
    if (!this.#cancelled) consumer.onEnd();
  }

  pause(): void {}

  resume(): void {}

  cancel(): void {
    this.#cancelled = true;
  }
}
