import type { Fault } from '../fault.ts';
import type { UsagePlace } from '../options.ts';
import type { Answer } from '../play.ts';
import type { ModelAnswer } from './answer.ts';
import type { ChatRequest } from './request.ts';

/** 2026-01-01T00:00:00Z: answers depend on nothing but the request. */
const created = 1_767_225_600;

/** A plain `chat.completion`. */
export function renderPlain(request: ChatRequest, answer: ModelAnswer, id: string, fault: Fault | null): Answer {
  const toolCalls = answer.toolCall === null ? {} : { tool_calls: [toolCallOf(answer.toolCall)] };
  const content = answer.toolCall === null ? answer.tokens.join('') : null;
  const body = JSON.stringify({
    id: `chatcmpl-${id}`,
    object: 'chat.completion',
    created,
    model: request.model,
    choices: Array.from({ length: request.n }, (_, index) => ({
      index,
      message: { role: 'assistant', content, refusal: null, ...toolCalls },
      logprobs: null,
      finish_reason: answer.finishReason,
    })),
    usage: usageOf(answer, answer.completionTokens * request.n),
    service_tier: 'default',
  });
  const text = fault?.kind.startsWith('malformed') ? body.slice(0, body.length >> 1) : body;
  const headers = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) };
  return { status: 200, headers, pieces: [text] };
}

/** A stream of `chat.completion.chunk`, one piece per event. */
export function renderStream(
  request: ChatRequest,
  answer: ModelAnswer,
  id: string,
  place: UsagePlace,
  fault: Fault | null,
): Answer {
  const ownChunk = place === 'own' && request.includeUsage;
  const events: string[] = [];
  let told = 0;
  const chunk = (choices: unknown[], usage: unknown) => {
    const optional = usage === undefined ? {} : { usage };
    const head = { id: `chatcmpl-${id}`, object: 'chat.completion.chunk', created, model: request.model };
    events.push(event(JSON.stringify({ ...head, service_tier: 'default', choices, ...optional })));
  };
  const choice = (index: number, delta: unknown, finish: string | null = null) => {
    const last = finish !== null && index === request.n - 1;
    const usage = place === 'every' || (place === 'last' && last) ? usageOf(answer, told) : ownChunk ? null : undefined;
    chunk([{ index, delta, logprobs: null, finish_reason: finish }], usage);
  };

  for (let index = 0; index < request.n; index++) {
    choice(index, { role: 'assistant', content: answer.toolCall === null ? '' : null, refusal: null });
    for (const delta of deltas(answer)) {
      told++;
      choice(index, delta);
    }
    told = answer.completionTokens * (index + 1);
    choice(index, {}, answer.finishReason);
  }
  if (ownChunk) chunk([], usageOf(answer, told));
  events.push(event('[DONE]'));
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
    pieces: spoil(events, fault),
  };
}

function deltas(answer: ModelAnswer): unknown[] {
  if (answer.toolCall === null) return answer.tokens.map((content) => ({ content }));
  const { id, name, arguments: text } = answer.toolCall;
  const first = { index: 0, id, type: 'function', function: { name, arguments: '' } };
  const pieces = text.match(/.{1,8}/gs) ?? [];
  return [first, ...pieces.map((piece) => ({ index: 0, function: { arguments: piece } }))].map((call) => ({
    tool_calls: [call],
  }));
}

function toolCallOf(call: NonNullable<ModelAnswer['toolCall']>): unknown {
  return { id: call.id, type: 'function', function: { name: call.name, arguments: call.arguments } };
}

function usageOf(answer: ModelAnswer, completionTokens: number): unknown {
  return {
    prompt_tokens: answer.promptTokens,
    completion_tokens: completionTokens,
    total_tokens: answer.promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  };
}

function event(data: string): string {
  return `data: ${data}\n\n`;
}

/** Faults that are in what is said, not in the connection. */
function spoil(events: string[], fault: Fault | null): string[] {
  const middle = events.length >> 1;
  switch (fault?.kind) {
    case 'malformed':
      return [...events.slice(0, middle), event('{"id":"chatcmpl-'), ...events.slice(middle)];
    case 'malformed-end':
      return [...events.slice(0, middle), event('{"id":"chatcmpl-')];
    case 'no-done':
      return events.slice(0, -1);
    case 'early-end':
      return events.slice(0, middle);
    case 'error-event': {
      const error = { message: 'The server had an error while processing your request.', type: 'server_error' };
      return [...events.slice(0, middle), event(JSON.stringify({ error: { ...error, param: null, code: null } }))];
    }
    default:
      return events;
  }
}
