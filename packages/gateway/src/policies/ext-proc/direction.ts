import { type Body, type BodyConsumer, type BodyStream, type Headers, isStream } from '@agentgateway/http';
import { Channel, type ChannelOwner } from './channel.ts';
import { type Action, type Event, type Failure, type HeaderMutation, Machine, type MachineOptions } from './machine.ts';

/** Bytes waiting for the next hop above which no more is sent to the processor. */
const soft = 64 * 1024;

/** Bytes waiting for the next hop above which nothing more of the processor is read, for whichever direction. */
const hard = 1024 * 1024;

/** The head and the world around a direction; the machine says what to do, this says how. */
export interface DirectionHost {
  sendHeaders(endOfStream: boolean): void;
  sendBody(bytes: Buffer, endOfStream: boolean): void;
  sendTrailers(trailers: Headers): void;
  /** False while the stream to the processor has enough to do; `sendable` is called when that changes. */
  readonly canSend: boolean;
  mutateHead(mutation: HeaderMutation): void;
  mutateTrailers(trailers: Headers, mutation: HeaderMutation): void;
  /** Puts the body into the message. @returns why it cannot be, or null. */
  release(body: Body, length: number | null | undefined): Failure | null;
  /** An answer came when the head was gone. */
  onTooLate(): void;
  /** The processor broke the rules. */
  onDismiss(reason: string): void;
  onFailOpen(): void;
  /** The body, on its way, breaks off. @returns what its reader is told. */
  onBreak(failure: Failure): Error;
  /** Less waits than before. */
  onDrained(): void;
}

/** How a held message came to its end: it goes on, gives way to the immediate response, or fails. */
export type Outcome = 'released' | 'answered' | Failure;

/**
 * Runs a {@link Machine}: reads the message's body with backpressure, sends to the processor, writes to the next hop.
 *
 * The next hop that does not read stops the client's body first, so that no more goes to the processor than comes back; the two directions share
 * one stream, and one of them must not stop the other before much is waiting.
 */
export class Direction implements BodyConsumer, ChannelOwner {
  readonly #machine: Machine;
  readonly #host: DirectionHost;
  readonly #source: Body;
  readonly #events: Event[] = [];
  #running = false;
  #channel: Channel | null = null;
  #trailers: Headers | null = null;
  #reading = false;
  #sourceOver = false;
  #heldUp = false;
  #paused = false;
  #outcome: Outcome | null = null;
  #onOutcome: ((outcome: Outcome) => void) | null = null;

  constructor(host: DirectionHost, source: Body, options: Omit<MachineOptions, 'hasBody'>) {
    this.#host = host;
    this.#source = source;
    this.#machine = new Machine({ ...options, hasBody: source !== null && (isStream(source) || source.length > 0) });
  }

  /** True once the processor has no part in this direction any more. */
  get over(): boolean {
    return this.#machine.over;
  }

  /** True while the message is here. */
  get held(): boolean {
    return this.#machine.held;
  }

  /** True if the body of the message was read here: what is left of it is of no use to others. */
  get took(): boolean {
    return this.#reading;
  }

  /** True if reading more from the processor would fill the memory. */
  get full(): boolean {
    return this.#channel !== null && this.#channel.waiting > hard;
  }

  /** Begins; the outcome if nothing is to be waited for. */
  start(onOutcome: (outcome: Outcome) => void): Outcome | null {
    this.#run(this.#machine.start());
    if (this.#outcome === null) this.#onOutcome = onOutcome;
    return this.#outcome;
  }

  /** Something of the processor was heard. */
  on(event: Event): void {
    this.#events.push(event);
    this.#run([]);
  }

  /** The exchange is over: nothing is read, nothing is written, nobody waits. */
  stop(reason: Error): void {
    if (this.#machine.done) return;
    this.#machine.on({ type: 'gone' });
    this.#cancelSource(reason);
    this.#channel?.fail(reason);
    this.#settle({ kind: 'source', error: reason });
  }

  /** The stream to the processor takes more. */
  sendable(): void {
    this.#throttle();
  }

  onData(chunk: Buffer): void {
    // The chunk is only lent.
    this.on({ type: 'chunk', bytes: Buffer.from(chunk) });
  }

  onTrailers(trailers: Headers): void {
    this.#trailers = trailers;
  }

  onEnd(): void {
    this.#sourceOver = true;
    this.on({ type: 'end', trailers: this.#trailers });
  }

  onError(error: Error): void {
    this.#sourceOver = true;
    this.on({ type: 'broken', error });
  }

  onDrained(): void {
    this.#throttle();
    this.#host.onDrained();
  }

  onCancelled(reason: Error): void {
    this.#cancelReason = reason;
    this.on({ type: 'gone' });
    this.#host.onDrained();
  }

  #cancelReason: Error | null = null;

  /** Actions may lead to events at once: those wait until the actions are done. */
  #run(first: readonly Action[]): void {
    if (this.#running) return;
    this.#running = true;
    for (const action of first) this.#do(action);
    for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
      for (const action of this.#machine.on(event)) this.#do(action);
    }
    this.#running = false;
    this.#throttle();
  }

  #do(action: Action): void {
    const host = this.#host;
    switch (action.do) {
      case 'sendHeaders':
        host.sendHeaders(action.endOfStream);
        return;
      case 'sendBody':
        host.sendBody(action.bytes, action.endOfStream);
        return;
      case 'sendTrailers':
        host.sendTrailers(action.trailers);
        return;
      case 'read':
        this.#read();
        return;
      case 'pause':
        this.#heldUp = true;
        this.#throttle();
        return;
      case 'resume':
        this.#heldUp = false;
        return;
      case 'cancel':
        this.#cancelSource(this.#cancelReason ?? new Error('the processor ended the body'));
        return;
      case 'mutate':
        host.mutateHead(action.mutation);
        return;
      case 'tooLate':
        host.onTooLate();
        return;
      case 'release':
        this.#release(action.body, action.length);
        return;
      case 'write':
        this.#channel?.write(action.bytes);
        return;
      case 'end': {
        const { trailers, mutation } = action;
        if (trailers !== null && mutation !== null) host.mutateTrailers(trailers, mutation);
        this.#channel?.end(trailers);
        return;
      }
      case 'answer':
        this.#settle('answered');
        return;
      case 'fail':
        this.#settle(action.failure);
        return;
      case 'break':
        this.#channel?.fail(host.onBreak(action.failure));
        return;
      case 'dismiss':
        host.onDismiss(action.reason);
        return;
      case 'failOpen':
        host.onFailOpen();
    }
  }

  #read(): void {
    this.#reading = true;
    const source = this.#source;
    if (isStream(source)) {
      source.read(this);
      return;
    }
    this.#sourceOver = true;
    this.on({ type: 'chunk', bytes: source as Buffer });
    this.on({ type: 'end', trailers: null });
  }

  #release(body: 'source' | 'stream' | Buffer, length: number | null | undefined): void {
    let released: Body;
    if (body === 'source') released = this.#source;
    else if (body === 'stream') {
      this.#channel = new Channel(this);
      // What is announced holds as long as the bytes are the same.
      if (length === undefined) this.#channel.length = this.#source?.length;
      released = this.#channel;
    } else released = body;
    const failure = this.#host.release(released, length);
    this.#settle(failure ?? 'released');
    if (failure !== null) this.stop(new Error('the message cannot be sent on'));
  }

  #settle(outcome: Outcome): void {
    if (this.#outcome !== null) return;
    this.#outcome = outcome;
    this.#onOutcome?.(outcome);
  }

  #cancelSource(reason: Error): void {
    if (!this.#reading || this.#sourceOver) return;
    this.#sourceOver = true;
    (this.#source as BodyStream).cancel(reason);
  }

  /** Lets the source flow if the machine, the processor and the next hop take more. */
  #throttle(): void {
    if (!this.#reading || this.#sourceOver) return;
    const stop =
      this.#heldUp ||
      (this.#channel !== null && this.#channel.waiting > soft) ||
      (!this.#machine.over && !this.#host.canSend);
    if (stop === this.#paused) return;
    this.#paused = stop;
    const source = this.#source as BodyStream;
    if (stop) source.pause();
    else source.resume();
  }
}
