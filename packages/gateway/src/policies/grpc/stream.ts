import { type Abort, isStream, type Response } from '@agentgateway/http';
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { frame } from './frames.ts';
import { Incoming } from './incoming.ts';
import type { OutgoingMessages } from './outgoing.ts';

/** Messages that may wait for a slow reader before the service is asked to pause. */
const ENOUGH = 16;

/** A call that sends and receives as it likes. Its two directions are independent until one of them fails. */
export class GrpcStream<In extends DescMessage, Out extends DescMessage> {
  /** Called when a service that had been slow has room again; see {@link full}. */
  onDrain: (() => void) | null = null;
  readonly #input: In;
  readonly #output: Out;
  readonly #outgoing: OutgoingMessages;
  readonly #incoming: Incoming;
  readonly #abort: Abort;
  readonly #received: MessageShape<Out>[] = [];
  #wake: (() => void) | null = null;
  #paused = false;
  #over = false;
  #error: Error | null = null;

  constructor(
    method: { readonly input: In; readonly output: Out },
    outgoing: OutgoingMessages,
    answer: Promise<Response>,
    abort: Abort,
    maxMessage: number,
  ) {
    this.#input = method.input;
    this.#output = method.output;
    this.#outgoing = outgoing;
    this.#abort = abort;
    outgoing.onDrain = () => this.onDrain?.();
    abort.listen((reason) => this.#onEnd(reason));
    this.#incoming = new Incoming(maxMessage, {
      onMessage: (message) => this.#onMessage(message),
      onEnd: (error) => this.#onEnd(error),
    });
    answer.then(
      (response) => {
        if (!this.#over) this.#incoming.start(response);
        else if (isStream(response.body)) response.body.cancel(abort.reason ?? new Error('the call is over'));
      },
      (error: Error) => this.#onEnd(error),
    );
  }

  /** True while the service does not keep up: hold back what can wait until {@link onDrain}. */
  get full(): boolean {
    return this.#outgoing.full;
  }

  /** True once the service has ended the call, or it broke. */
  get over(): boolean {
    return this.#over;
  }

  /** Never waits; what the service cannot take yet is kept. Does nothing once the call is over or half closed. */
  send(message: MessageInitShape<In>): void {
    this.#outgoing.push(frame(toBinary(this.#input, create(this.#input, message))));
  }

  /** Half closes: nothing more will be sent. */
  end(): void {
    this.#outgoing.end();
  }

  /** Ends the call in both directions, in this turn of the loop; whoever still reads gets `reason` thrown. */
  cancel(reason: Error): void {
    this.#abort.abort(reason);
  }

  /**
   * What the service sends, for one reader. Ends with status OK; leaving the loop cancels the call.
   *
   * @throws GrpcError for another status, GatewayError where the way to the service failed, the reason of {@link cancel} or
   * of the exchange's end.
   */
  readonly messages: AsyncIterable<MessageShape<Out>> = {
    [Symbol.asyncIterator]: () => ({
      next: () => this.#next(),
      return: async () => {
        if (!this.#over) this.cancel(new Error('nobody reads the call any more'));
        return { done: true, value: undefined };
      },
    }),
  };

  async #next(): Promise<IteratorResult<MessageShape<Out>>> {
    while (this.#received.length === 0 && !this.#over) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const value = this.#received.shift();
    if (value !== undefined) {
      if (this.#paused && this.#received.length < ENOUGH) {
        this.#paused = false;
        this.#incoming.resume();
      }
      return { done: false, value };
    }
    if (this.#error !== null) throw this.#error;
    return { done: true, value: undefined };
  }

  #onMessage(bytes: Buffer): void {
    if (this.#over) return;
    this.#received.push(fromBinary(this.#output, bytes));
    if (this.#received.length >= ENOUGH && !this.#paused) {
      this.#paused = true;
      this.#incoming.pause();
    }
    this.#wake?.();
  }

  #onEnd(error: Error | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    // A service that has said its status reads no more.
    if (error === null) this.#outgoing.end();
    else this.#outgoing.close();
    this.#wake?.();
  }
}
