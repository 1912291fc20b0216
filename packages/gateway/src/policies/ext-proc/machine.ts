import type { Headers } from '@agentgateway/http';
import type { HeaderOption } from '../../pipeline/header-mutation.ts';
import type { Modes } from './spec.ts';

/** What the processor wants of header fields: removals first, then the rest. */
export interface HeaderMutation {
  readonly setHeaders: readonly HeaderOption[];
  readonly removeHeaders: readonly string[];
}

/** What an answer wants of the body: nothing, other bytes in its stead, or a piece of a stream that takes its place. */
export type BodyMutation =
  | null
  | { readonly streamed: false; readonly bytes: Buffer }
  | { readonly streamed: true; readonly bytes: Buffer; readonly end: boolean };

/** What happens to one direction of an exchange: its message arrives, the processor answers, something breaks. */
export type Event =
  | { readonly type: 'chunk'; readonly bytes: Buffer }
  | { readonly type: 'end'; readonly trailers: Headers | null }
  /** The message broke off. */
  | { readonly type: 'broken'; readonly error: Error }
  /** `modes` are those of this direction after the answer's override. */
  | { readonly type: 'headersAnswer'; readonly mutation: HeaderMutation | null; readonly modes: Modes }
  | { readonly type: 'bodyAnswer'; readonly mutation: HeaderMutation | null; readonly body: BodyMutation }
  | { readonly type: 'trailersAnswer'; readonly mutation: HeaderMutation | null }
  /** The processor answers in the upstream's place. */
  | { readonly type: 'immediate' }
  /** The processor is lost, or ended its stream. `unsent` is true where surely nothing reached it. */
  | { readonly type: 'lost'; readonly reason: string; readonly unsent: boolean }
  /** The next hop wants no more of the body. */
  | { readonly type: 'gone' };

/** How the body goes to the next hop: as it came and unread, as a stream that is written, or whole. */
export type ReleasedBody = 'source' | 'stream' | Buffer;

/** What a direction's driver is to do, in this order. */
export type Action =
  | { readonly do: 'sendHeaders'; readonly endOfStream: boolean }
  | { readonly do: 'sendBody'; readonly bytes: Buffer; readonly endOfStream: boolean }
  | { readonly do: 'sendTrailers'; readonly trailers: Headers }
  | { readonly do: 'read' | 'pause' | 'resume' | 'cancel' }
  /** Changes the head of the message, which is still here. */
  | { readonly do: 'mutate'; readonly mutation: HeaderMutation }
  /** An answer wants to change a head that is gone. */
  | { readonly do: 'tooLate' }
  /** The message goes on. What `content-length` says must be `length`; null means that it says nothing any more, undefined anything. */
  | { readonly do: 'release'; readonly body: ReleasedBody; readonly length: number | null | undefined }
  | { readonly do: 'write'; readonly bytes: Buffer }
  | { readonly do: 'end'; readonly trailers: Headers | null; readonly mutation: HeaderMutation | null }
  /** The immediate response takes the place of the message, which is still here. */
  | { readonly do: 'answer' }
  /** The message, still here, fails; or its body, on its way, breaks off. */
  | { readonly do: 'fail' | 'break'; readonly failure: Failure }
  /** The processor broke the rules: nothing more is heard of it. */
  | { readonly do: 'dismiss'; readonly reason: string }
  /** The processor failed and the message goes on without it. */
  | { readonly do: 'failOpen' };

/** Why a message fails. */
export type Failure =
  | { readonly kind: 'processor'; readonly detail: string }
  | { readonly kind: 'tooLarge'; readonly limit: number }
  | { readonly kind: 'source'; readonly error: Error };

/** What a machine is made for. */
export interface MachineOptions {
  readonly modes: Modes;
  /** False where the head is all of the message. */
  readonly hasBody: boolean;
  /** Bytes of a body that may be held. */
  readonly limit: number;
  readonly failOpen: boolean;
}

type State =
  /** The answer to the headers is awaited; in full duplex the body is on its way already. */
  | 'headers'
  /** The body is held until it is whole, or the limit is reached. */
  | 'collecting'
  /** The held body was sent; the answer is awaited. */
  | 'body'
  /** The message is on its way, but for its trailers. */
  | 'trailers'
  /** What the processor writes is the body. */
  | 'streaming'
  /** The rest of the body goes past the processor. */
  | 'passing'
  | 'done';

const nothing = Buffer.alloc(0);

/** Bytes of a body in full duplex that are kept until something of the processor is heard: more than its stream takes before it is connected. */
const keptBytes = 192 * 1024;

/**
 * One direction of external processing (spec 03 §10c), without anything that waits: an event in, actions out.
 *
 * To the processor go the headers, the body with one end of stream (of a prefix there is none), or the trailers as the end. To the next
 * hop goes the message, once, and its body with exactly one end, unless that breaks off.
 *
 * In a better form than the original's: a processor that closes its stream before it has ended a body breaks the body, where the
 * original makes it look whole; and it answers in order, or not at all.
 */
export class Machine {
  readonly #limit: number;
  readonly #failOpen: boolean;
  readonly #hasBody: boolean;
  #modes: Modes;
  #state: State = 'headers';
  #held = true;
  #headersSent = false;
  #reading = false;
  /** A byte of the body was sent to the processor. */
  #bodySent = false;
  /** What came of the body and did not go on; null where it was too much to keep. */
  #kept: Buffer[] | null = [];
  #keptSize = 0;
  /** What lies behind a prefix that was sent; null while all of the body is. */
  #rest: Buffer[] | null = null;
  #ended = false;
  #trailers: Headers | null = null;
  #trailersSent = false;

  constructor({ modes, hasBody, limit, failOpen }: MachineOptions) {
    this.#modes = modes;
    this.#hasBody = hasBody;
    this.#limit = limit;
    this.#failOpen = failOpen;
  }

  /** True while the message has not gone on. */
  get held(): boolean {
    return this.#held;
  }

  /** True once the processor has no part in this direction any more. */
  get over(): boolean {
    return this.#state === 'done' || this.#state === 'passing';
  }

  /** True once nothing more happens. */
  get done(): boolean {
    return this.#state === 'done';
  }

  /** The first actions. */
  start(): Action[] {
    const { headers, body } = this.#modes;
    const wantsBody = this.#hasBody && body !== 'none';
    if (headers) {
      this.#headersSent = true;
      const send: Action = { do: 'sendHeaders', endOfStream: !this.#hasBody };
      if (!wantsBody || body !== 'fullDuplexStreamed') return [send];
      this.#reading = true;
      return [send, { do: 'read' }];
    }
    if (!wantsBody) return this.#releaseSource();
    this.#reading = true;
    if (body !== 'fullDuplexStreamed') {
      this.#state = 'collecting';
      return [{ do: 'read' }];
    }
    this.#state = 'streaming';
    return [this.#release('stream', null), { do: 'read' }];
  }

  /** What an event leads to. After the end nothing does. */
  on(event: Event): Action[] {
    if (this.#state === 'done') return [];
    switch (event.type) {
      case 'chunk':
        return this.#onChunk(event.bytes);
      case 'end':
        return this.#onEnd(event.trailers);
      case 'broken':
        return this.#fail({ kind: 'source', error: event.error });
      case 'gone':
        this.#finish();
        return this.#cancelling();
      case 'lost':
        return this.over ? [] : this.#lose(event.reason, event.unsent);
      case 'immediate':
        return this.#onImmediate();
      case 'headersAnswer':
        return this.over ? [] : this.#onHeadersAnswer(event.mutation, event.modes);
      case 'bodyAnswer':
        return this.over ? [] : this.#onBodyAnswer(event.mutation, event.body);
      case 'trailersAnswer':
        return this.over ? [] : this.#onTrailersAnswer(event.mutation);
    }
  }

  #onChunk(bytes: Buffer): Action[] {
    switch (this.#state) {
      case 'headers':
      case 'streaming':
        this.#keep(bytes);
        this.#bodySent ||= bytes.length > 0;
        return [{ do: 'sendBody', bytes, endOfStream: false }];
      case 'collecting':
        return this.#collect(bytes);
      case 'body':
        this.#rest?.push(bytes);
        return [];
      case 'passing':
        return [{ do: 'write', bytes }];
      default:
        return [];
    }
  }

  #keep(bytes: Buffer): void {
    if (this.#kept === null) return;
    this.#keptSize += bytes.length;
    if (this.#keptSize > keptBytes) this.#kept = null;
    else this.#kept.push(bytes);
  }

  #collect(bytes: Buffer): Action[] {
    const kept = this.#kept as Buffer[];
    const room = this.#limit - this.#keptSize;
    if (bytes.length <= room) {
      kept.push(bytes);
      this.#keptSize += bytes.length;
      return [];
    }
    if (this.#modes.body === 'buffered') return this.#fail({ kind: 'tooLarge', limit: this.#limit });
    kept.push(bytes.subarray(0, room));
    this.#rest = [bytes.subarray(room)];
    return [{ do: 'pause' }, this.#sendHeld(false)];
  }

  /** The end of stream of a prefix would be a lie: the processor sees by its absence that there is more. */
  #sendHeld(endOfStream: boolean): Action {
    const bytes = Buffer.concat(this.#kept as Buffer[]);
    this.#kept = [bytes];
    this.#state = 'body';
    this.#bodySent ||= bytes.length > 0;
    return { do: 'sendBody', bytes, endOfStream };
  }

  #onEnd(trailers: Headers | null): Action[] {
    this.#ended = true;
    this.#trailers = trailers;
    const asTrailers = trailers !== null && this.#modes.trailers;
    switch (this.#state) {
      case 'headers':
      case 'streaming':
        if (!asTrailers) return [{ do: 'sendBody', bytes: nothing, endOfStream: true }];
        this.#trailersSent = true;
        return [{ do: 'sendTrailers', trailers }];
      case 'collecting': {
        const send = this.#sendHeld(!asTrailers);
        if (!asTrailers) return [send];
        this.#trailersSent = true;
        return [send, { do: 'sendTrailers', trailers }];
      }
      case 'passing':
        return [this.#end(null)];
      default:
        return [];
    }
  }

  #onHeadersAnswer(mutation: HeaderMutation | null, modes: Modes): Action[] {
    if (this.#state !== 'headers') return this.#dismiss('answered headers that it was not asked about');
    const actions: Action[] = mutation === null ? [] : [{ do: 'mutate', mutation }];
    // A stream that flows in full duplex goes on as it is.
    if (!this.#reading) this.#modes = modes;
    if (!this.#hasBody || this.#modes.body === 'none') return [...actions, ...this.#releaseSource()];
    const begin: Action[] = this.#reading ? [] : [{ do: 'read' }];
    this.#reading = true;
    if (this.#modes.body !== 'fullDuplexStreamed') {
      this.#state = 'collecting';
      return [...actions, ...begin];
    }
    this.#state = 'streaming';
    if (this.#bodySent) this.#kept = null;
    return [...actions, this.#release('stream', null), ...begin];
  }

  #onBodyAnswer(mutation: HeaderMutation | null, body: BodyMutation): Action[] {
    if (this.#state === 'body') return this.#onHeldAnswer(mutation, body);
    if (this.#state !== 'streaming') return this.#dismiss('answered a body that it was not asked about');
    if (body === null) return this.#dismiss('answered a streamed body without a streamed response');
    this.#kept = null;
    const actions: Action[] = mutation === null ? [] : [{ do: 'tooLate' }];
    if (body.bytes.length > 0) actions.push({ do: 'write', bytes: body.bytes });
    if (body.streamed && !body.end) return actions;
    // The processor may end a body before it has read it.
    return [...actions, ...this.#cancelling(), this.#end(null)];
  }

  #onHeldAnswer(mutation: HeaderMutation | null, body: BodyMutation): Action[] {
    const actions: Action[] = [];
    if (mutation !== null) actions.push(this.#headersSent ? { do: 'mutate', mutation } : { do: 'tooLate' });
    const bytes = body === null ? (this.#kept?.[0] ?? nothing) : body.bytes;
    const rest = this.#rest;
    this.#kept = null;
    if (rest !== null) {
      this.#rest = null;
      actions.push(this.#release('stream', null));
      for (const part of [bytes, ...rest]) if (part.length > 0) actions.push({ do: 'write', bytes: part });
      if (this.#ended) return [...actions, this.#end(null)];
      this.#state = 'passing';
      return [...actions, { do: 'resume' }];
    }
    const streamed = body?.streamed === true;
    const more = streamed ? !body.end : this.#trailersSent;
    const length = body === null ? undefined : streamed || !this.#headersSent ? null : bytes.length;
    if (!more && !streamed && this.#trailers === null) {
      actions.push(this.#release(bytes, length));
      this.#finish();
      return actions;
    }
    actions.push(this.#release('stream', length));
    if (bytes.length > 0) actions.push({ do: 'write', bytes });
    if (!more) return [...actions, this.#end(null)];
    this.#state = streamed ? 'streaming' : 'trailers';
    return actions;
  }

  #onTrailersAnswer(mutation: HeaderMutation | null): Action[] {
    const asked = this.#state === 'trailers' || (this.#state === 'streaming' && this.#ended);
    return asked ? [this.#end(mutation)] : this.#dismiss('answered trailers that it was not asked about');
  }

  #onImmediate(): Action[] {
    // What goes past the processor is not its business any more.
    if (this.#state === 'passing') return [];
    const held = this.#held;
    this.#finish();
    const failure: Failure = { kind: 'processor', detail: 'the processor ended the exchange' };
    return [...this.#cancelling(), held ? { do: 'answer' } : { do: 'break', failure }];
  }

  #dismiss(reason: string): Action[] {
    return [{ do: 'dismiss', reason }, ...this.#lose(`the processor ${reason}`, false)];
  }

  #lose(reason: string, unsent: boolean): Action[] {
    const kept = this.#kept;
    if (!this.#failOpen || kept === null || (this.#bodySent && !unsent)) {
      return this.#fail({ kind: 'processor', detail: reason });
    }
    if (!this.#reading) return [{ do: 'failOpen' }, ...this.#releaseSource()];
    const actions: Action[] = [{ do: 'failOpen' }];
    if (this.#held) actions.push(this.#release('stream', undefined));
    for (const bytes of [...kept, ...(this.#rest ?? [])]) if (bytes.length > 0) actions.push({ do: 'write', bytes });
    this.#kept = null;
    if (this.#ended) return [...actions, this.#end(null)];
    this.#state = 'passing';
    return [...actions, { do: 'resume' }];
  }

  #fail(failure: Failure): Action[] {
    const held = this.#held;
    const cancelling = failure.kind === 'source' ? [] : this.#cancelling();
    this.#finish();
    return [...cancelling, { do: held ? 'fail' : 'break', failure }];
  }

  #releaseSource(): Action[] {
    const release = this.#release('source', undefined);
    this.#finish();
    return [release];
  }

  #release(body: ReleasedBody, length: number | null | undefined): Action {
    this.#held = false;
    return { do: 'release', body, length };
  }

  #end(mutation: HeaderMutation | null): Action {
    const trailers = this.#trailers;
    this.#finish();
    return { do: 'end', trailers, mutation: trailers === null ? null : mutation };
  }

  #cancelling(): Action[] {
    return this.#reading && !this.#ended ? [{ do: 'cancel' }] : [];
  }

  #finish(): void {
    this.#state = 'done';
    this.#kept = null;
    this.#rest = null;
  }
}
