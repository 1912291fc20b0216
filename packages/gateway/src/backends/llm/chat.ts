import { decodeBody, isStream, type Response } from '@agentgateway/http';
import {
  type CompletionsRequest,
  RequestError,
  readCompletionsRequest,
  readCompletionsResponse,
  renderCompletionsRequest,
} from '@agentgateway/llm';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { LlmRecord } from '../../telemetry/record.ts';
import { bufferLimit, codingOf, readRequestBody, readResponseBody } from './body.ts';
import { chatRecord, recordAnswer } from './record.ts';
import { ChatStream, WholeBody } from './stream.ts';
import type { Target } from './target.ts';

/**
 * Chat Completions to a provider that speaks Chat Completions: the client's bytes go up and the provider's bytes come down,
 * but for single fields of the request.
 *
 * @throws GatewayError
 */
export function sendChat(exchange: Exchange, target: Target): Promise<Response> {
  const limit = bufferLimit(exchange);
  const bytes = readRequestBody(exchange.request, limit);
  return Buffer.isBuffer(bytes)
    ? forward(exchange, target, bytes, limit)
    : bytes.then((read) => forward(exchange, target, read, limit));
}

async function forward(exchange: Exchange, target: Target, bytes: Buffer, limit: number): Promise<Response> {
  const request = parse(bytes);
  const model = target.model ?? request.model;
  if (model === null) throw invalid(new RequestError('missing field: model not specified', 'model'));
  const llm = chatRecord(target.provider.name, model, request);
  exchange.record.llm = llm;

  const body = renderCompletionsRequest(request, {
    ...(target.model === undefined ? {} : { model: target.model }),
    maxCompletionTokens: target.provider.wantsMaxCompletionTokens(model),
    includeUsage: true,
  });
  const response = await sendBody(exchange, target, body, request.stream);
  if (response.status < 200 || response.status > 299) return response;
  return isEventStream(response) ? streamed(exchange, response, request, llm, limit) : plain(response, llm, limit);
}

function parse(bytes: Buffer): CompletionsRequest {
  try {
    return readCompletionsRequest(bytes);
  } catch (error) {
    if (error instanceof RequestError) throw invalid(error);
    throw error;
  }
}

function invalid(cause: RequestError): GatewayError {
  return new GatewayError('llmRequestInvalid', { detail: cause.message, cause });
}

/** Sends the request with another body, and leaves it as it was: a later attempt starts from what the client sent. */
async function sendBody(exchange: Exchange, target: Target, body: Buffer, streaming: boolean): Promise<Response> {
  const { request } = exchange;
  const { body: received, headers } = request;
  if (body !== received) {
    request.body = body;
    request.headers = headers.clone();
    request.headers.delete('content-encoding');
    request.headers.delete('content-length');
  }
  if (streaming && headers.has('accept-encoding')) {
    // What has to be looked at while it flows should not come compressed.
    if (request.headers === headers) request.headers = headers.clone();
    request.headers.delete('accept-encoding');
  }
  try {
    return await target.send(exchange, 'completions');
  } finally {
    request.body = received;
    request.headers = headers;
  }
}

function isEventStream(response: Response): boolean {
  return response.headers.get('content-type')?.toLowerCase().startsWith('text/event-stream') ?? false;
}

async function plain(response: Response, llm: LlmRecord, limit: number): Promise<Response> {
  const bytes = await readResponseBody(response, limit);
  try {
    recordAnswer(llm, readCompletionsResponse(bytes));
  } catch (cause) {
    const detail = `failed to parse response: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new GatewayError('llmResponseInvalid', { detail, logDetail: bytes.toString('utf8', 0, 1024), cause });
  }
  return response;
}

function streamed(
  exchange: Exchange,
  response: Response,
  request: CompletionsRequest,
  llm: LlmRecord,
  limit: number,
): Response {
  const coding = codingOf(response);
  const received = isStream(response.body) ? response.body : new WholeBody(response.body);
  // A provider that compresses without being asked is passed on plain: what is added at the end must be readable too.
  const source = coding === null ? received : decodeBody(received, coding);
  response.headers.delete('content-encoding');
  response.headers.delete('content-length');
  response.body = new ChatStream(source, exchange, llm, {
    choices: request.choices,
    hideUsage: request.stream && !request.includeUsage,
    frameLimit: limit,
  });
  return response;
}
