import { type JsonKind, type JsonObject, JsonScanError, scanObject } from '../../json-scan.ts';
import { JsonSplice } from '../../json-splice.ts';
import { RequestError } from '../../request-error.ts';
import { fieldsOf } from '../../usage.ts';

/** What the gateway reads of a Chat Completions request. Everything else stays bytes. */
export interface CompletionsRequest {
  readonly object: JsonObject;
  /** Null if the client named none. */
  readonly model: string | null;
  readonly stream: boolean;
  /** The client asked for the chunk with the usage. */
  readonly includeUsage: boolean;
  /** Choices asked for. */
  readonly choices: number;
  readonly params: CompletionsParams;
}

/** Sampling parameters as the client gave them. */
export interface CompletionsParams {
  temperature?: number;
  topP?: number;
  maxTokens?: number;
  frequencyPenalty?: number;
  presencePenalty?: number;
  seed?: number;
}

/** Fields that the gateway relies on and what they must be; an explicit null counts as absent. */
const fieldKinds: readonly (readonly [name: string, kind: JsonKind])[] = [
  ['model', 'string'],
  ['stream', 'boolean'],
  ['stream_options', 'object'],
  ['temperature', 'number'],
  ['top_p', 'number'],
  ['frequency_penalty', 'number'],
  ['presence_penalty', 'number'],
  ['seed', 'number'],
  ['max_tokens', 'number'],
  ['max_completion_tokens', 'number'],
  ['n', 'number'],
  ['tools', 'array'],
];

const wholeNumbers = new Set(['seed', 'max_tokens', 'max_completion_tokens', 'n']);

/**
 * Reads a request (spec 05 §4.1).
 *
 * @throws RequestError if it is not JSON, no object, or a field that the gateway relies on is of another type or repeated.
 */
export function readCompletionsRequest(bytes: Buffer): CompletionsRequest {
  const object = scan(bytes);
  for (const [name, kind] of fieldKinds) checkKind(object, name, kind);
  const messages = object.kind('messages');
  checkOnce(object, 'messages');
  if (messages === undefined) throw new RequestError('failed to parse request: missing field `messages`', 'messages');
  if (messages !== 'array') throw wrongType('messages', 'array', messages);

  const params: CompletionsParams = {};
  const temperature = numberOf(object, 'temperature');
  if (temperature !== undefined) params.temperature = temperature;
  const topP = numberOf(object, 'top_p');
  if (topP !== undefined) params.topP = topP;
  const maxTokens = numberOf(object, 'max_completion_tokens') ?? numberOf(object, 'max_tokens');
  if (maxTokens !== undefined) params.maxTokens = maxTokens;
  const frequencyPenalty = numberOf(object, 'frequency_penalty');
  if (frequencyPenalty !== undefined) params.frequencyPenalty = frequencyPenalty;
  const presencePenalty = numberOf(object, 'presence_penalty');
  if (presencePenalty !== undefined) params.presencePenalty = presencePenalty;
  const seed = numberOf(object, 'seed');
  if (seed !== undefined) params.seed = seed;

  return {
    object,
    model: object.kind('model') === 'string' ? (object.value('model') as string) : null,
    stream: object.value('stream') === true,
    includeUsage: asksForUsage(object),
    choices: numberOf(object, 'n') ?? 1,
    params,
  };
}

function scan(bytes: Buffer): JsonObject {
  try {
    return scanObject(bytes);
  } catch (error) {
    if (error instanceof JsonScanError) throw new RequestError(`failed to parse request: ${error.message}`);
    throw error;
  }
}

function checkKind(object: JsonObject, name: string, expected: JsonKind): void {
  const found = object.kind(name);
  if (found === undefined) return;
  checkOnce(object, name);
  if (found === 'null') return;
  if (found !== expected) throw wrongType(name, expected, found);
  if (!wholeNumbers.has(name)) return;
  const value = object.value(name) as number;
  if (!Number.isSafeInteger(value)) throw wrongType(name, 'integer', 'number');
  if (value < 0 && name !== 'seed') {
    throw new RequestError(`failed to parse request: \`${name}\` must not be negative`, name);
  }
}

/** Readers differ on which of two counts: what was checked here must be what the provider acts on. */
function checkOnce(object: JsonObject, name: string): void {
  if (object.count(name) > 1) throw new RequestError(`failed to parse request: duplicate field \`${name}\``, name);
}

function wrongType(name: string, expected: string, found: string): RequestError {
  return new RequestError(`failed to parse request: \`${name}\` must be of type ${expected}, not ${found}`, name);
}

function numberOf(object: JsonObject, name: string): number | undefined {
  return object.kind(name) === 'number' ? (object.value(name) as number) : undefined;
}

function asksForUsage(object: JsonObject): boolean {
  const { include_usage: includeUsage } = fieldsOf(object.value('stream_options'));
  if (includeUsage === undefined || includeUsage === null || typeof includeUsage === 'boolean') {
    return includeUsage === true;
  }
  throw wrongType('stream_options.include_usage', 'boolean', typeof includeUsage);
}

/** What a provider wants to be different in a request. */
export interface CompletionsChanges {
  /** Model to ask for, whatever the client named. */
  readonly model?: string;
  /** `max_tokens` goes under the name that newer models want (spec 05 §3.7). */
  readonly maxCompletionTokens: boolean;
  /** A stream must tell its usage. */
  readonly includeUsage: boolean;
}

/** The request to send: the client's own bytes where nothing has to change. */
export function renderCompletionsRequest(request: CompletionsRequest, changes: CompletionsChanges): Buffer {
  const { object } = request;
  const splice = new JsonSplice(object);
  if (changes.model !== undefined && changes.model !== request.model)
    splice.set('model', JSON.stringify(changes.model));
  if (changes.maxCompletionTokens) moveMaxTokens(object, splice);
  if (changes.includeUsage && request.stream && !request.includeUsage) {
    const options = fieldsOf(object.value('stream_options'));
    splice.set('stream_options', JSON.stringify({ ...options, include_usage: true }));
  }
  return splice.apply();
}

function moveMaxTokens(object: JsonObject, splice: JsonSplice): void {
  const kind = object.kind('max_tokens');
  if (kind === undefined) return;
  const newer = object.kind('max_completion_tokens');
  if (newer === undefined && kind === 'number') splice.rename('max_tokens', 'max_completion_tokens');
  else {
    splice.remove('max_tokens');
    if (newer === 'null' && kind === 'number') {
      splice.set('max_completion_tokens', String(object.value('max_tokens')));
    }
  }
}
