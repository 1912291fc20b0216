import { readFrame, singleDataStart } from '../../sse.ts';
import { fieldsOf, textOf, type Usage } from '../../usage.ts';
import type { CompletionsAnswer } from './response.ts';
import { readCompletionsUsage } from './usage.ts';

const usageKey = Buffer.from('"usage"');
const finishKey = Buffer.from('"finish_reason"');

/** What stood behind the last whole frame of a stream: nothing that matters or an event but for its line ends, or a piece. */
export type StreamRest = 'whole' | 'usageOnly' | 'cut';

/**
 * Watches a Chat Completions stream that is passed on as it is: what the record needs, and whether it came to its end.
 *
 * Only frames that may say something new are decoded. They are found by the bytes of two keys, which may also stand inside
 * a text; decoding then finds nothing, and no harm is done.
 */
export class CompletionsStream implements CompletionsAnswer {
  model: string | null = null;
  serviceTier: string | null = null;
  /** The last that came: providers that repeat it count upwards. */
  usage: Usage | null = null;
  /** A chunk with choices came, if only with a role. */
  started = false;
  /** `[DONE]` came. */
  done = false;
  /** Message of the error that the provider put into the stream. */
  error: string | null = null;

  readonly #choices: number;
  /** Indexes of the choices that gave a reason to finish; null while there is none. */
  #finished: Set<number> | null = null;
  #bytes: Buffer | null = null;
  /** Where the keys stand next in `#bytes`, infinity if nowhere: each byte is searched once. */
  #usageAt = -1;
  #finishAt = -1;

  /** @param choices Choices that the client asked for: the answer is whole when all of them have finished. */
  constructor(choices: number) {
    this.#choices = choices;
  }

  /** Every choice said why it ended. `[DONE]` may or may not follow. */
  get finished(): boolean {
    return this.#finished !== null && this.#finished.size >= this.#choices;
  }

  /** Must be called before the frames of each chunk: a buffer may be the one from before with other bytes in it. */
  startChunk(): void {
    this.#bytes = null;
  }

  /**
   * Looks at a whole frame; frames must come in order. True if it carries nothing but usage, which is what a client that did
   * not ask for it must not see.
   */
  read(bytes: Buffer, from: number, to: number): boolean {
    if (this.#bytes !== bytes) {
      this.#bytes = bytes;
      this.#usageAt = -1;
      this.#finishAt = -1;
    }
    const data = singleDataStart(bytes, from, to);
    if (data >= 0 && this.started && !this.#mayTell(bytes, data, to)) return false;
    const event = readFrame(bytes, from, to);
    return event !== null && this.#event(event.data);
  }

  /** Reads what is left of a stream that ended inside a frame. */
  readRest(rest: Buffer): StreamRest {
    const event = readFrame(rest, 0, rest.length);
    if (event === null) return /^(\s*|:.*)$/s.test(rest.toString('latin1')) ? 'whole' : 'cut';
    if (event.data !== '[DONE]' && parse(event.data) === undefined) return 'cut';
    return this.#event(event.data) ? 'usageOnly' : 'whole';
  }

  #mayTell(bytes: Buffer, data: number, to: number): boolean {
    // `[DONE]`, or an object whose first key is not one of a chunk's: `error`.
    if (bytes[data] === 0x5b || (bytes[data + 1] === 0x22 && bytes[data + 2] === 0x65)) return true;
    if (this.#finishAt < data) this.#finishAt = find(bytes, finishKey, data);
    if (this.#finishAt < to && firstOfValue(bytes, this.#finishAt + finishKey.length, to) !== 0x6e) return true;
    // A frame may hold several choices, of which the first goes on.
    if (this.#choices > 1) return true;
    if (this.#usageAt < data) this.#usageAt = find(bytes, usageKey, data);
    return this.#usageAt < to && firstOfValue(bytes, this.#usageAt + usageKey.length, to) !== 0x6e;
  }

  #event(data: string): boolean {
    if (data === '[DONE]') {
      this.done = true;
      return false;
    }
    const chunk = parse(data);
    if (chunk === undefined) return false;
    const { choices, error, usage } = chunk;
    if (error !== undefined && error !== null) {
      this.error = textOf(fieldsOf(error).message) ?? textOf(error) ?? 'error in the stream';
    }
    this.model ??= textOf(chunk.model);
    this.serviceTier ??= textOf(chunk.service_tier);
    const counted = readCompletionsUsage(usage);
    if (counted !== null) this.usage = counted;
    if (!Array.isArray(choices)) return false;
    if (choices.length === 0) return counted !== null;
    this.started = true;
    for (const [place, value] of choices.entries()) {
      const choice = fieldsOf(value);
      if (typeof choice.finish_reason !== 'string') continue;
      this.#finished ??= new Set();
      this.#finished.add(typeof choice.index === 'number' ? choice.index : place);
    }
    return false;
  }
}

function parse(data: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function find(bytes: Buffer, key: Buffer, from: number): number {
  const at = bytes.indexOf(key, from);
  return at < 0 ? Number.POSITIVE_INFINITY : at;
}

/** First byte of the value behind a key; 0 if none follows, so that it was no key or nobody can tell. */
function firstOfValue(bytes: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to && (bytes[at] === 0x20 || bytes[at] === 0x09)) at++;
  if (bytes[at] !== 0x3a) return 0;
  at++;
  while (at < to && (bytes[at] === 0x20 || bytes[at] === 0x09)) at++;
  return at < to ? (bytes[at] as number) : 0;
}
