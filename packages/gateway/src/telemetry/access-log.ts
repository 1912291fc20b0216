import type { LlmRecord, RequestRecord } from './record.ts';
import { pathRedactor } from './redact.ts';
import { fixedNumber, jsonString, lineSafeJson, plainString, timestamp } from './text.ts';

export type LogFormat = 'text' | 'json';

/** One line for one finished request, its newline included. */
export type AccessFormat = (record: RequestRecord) => string;

export interface AccessFormatOptions {
  /** Write `connection.id` and `request.id`: scope `request` is at `debug` or finer. */
  readonly ids?: boolean;
  /** Query parameters whose values are not logged; absent is the usual ones. */
  readonly sensitiveQueryParams?: readonly string[];
}

/** How a format writes one more key behind those that are there. */
interface Writer {
  /** Keys that start a line up to the timestamp, and those between it and the first field. */
  readonly head: (time: string) => string;
  readonly tail: string;
  /** ` key=` or `,"key":`. */
  readonly key: (name: string) => string;
  readonly string: (value: string) => string;
  /** For texts that are quoted in both formats. */
  readonly quoted: (value: string) => string;
}

const writers: Readonly<Record<LogFormat, Writer>> = {
  text: {
    head: (time) => `${time}\tinfo\trequest`,
    tail: '\n',
    key: (name) => ` ${name}=`,
    string: plainString,
    quoted: lineSafeJson,
  },
  json: {
    head: (time) => `{"level":"info","time":"${time}","scope":"request"`,
    tail: '}\n',
    key: (name) => `,"${name}":`,
    string: jsonString,
    quoted: jsonString,
  },
};

/**
 * Compiles the access line of a format: keys, order and types of spec 10 §3.1 and §3.2. A key is there only if its value is.
 * The line is put together by hand: building an object for `JSON.stringify` costs several times as much.
 */
export function compileAccessFormat(format: LogFormat, options: AccessFormatOptions = {}): AccessFormat {
  const { head, tail, key, string, quoted } = writers[format];
  const redactPath = pathRedactor(options.sensitiveQueryParams);
  const model = compileModelFields(writers[format]);
  const ids = options.ids === true;

  const connectionId = key('connection.id');
  const requestId = key('request.id');
  const gateway = key('gateway');
  const listener = key('listener');
  const routeRule = key('route_rule');
  const route = key('route');
  const endpoint = key('endpoint');
  const source = key('src.addr');
  const method = key('http.method');
  const host = key('http.host');
  const path = key('http.path');
  const version = key('http.version');
  const status = key('http.status');
  const grpcStatus = key('grpc.status');
  const sni = key('tls.sni');
  const protocol = key('protocol');
  const retryAttempt = key('retry.attempt');
  const error = key('error');
  const reason = key('reason');
  const duration = format === 'json' ? `${key('duration')}"` : key('duration');
  const durationUnit = format === 'json' ? 'ms"' : 'ms';

  return (record) => {
    const elapsed = record.endedAt - record.startedAt;
    let line = head(timestamp(record.startedAtEpoch + elapsed));
    if (ids) line += connectionId + record.connectionId + requestId + record.requestId;
    if (record.gateway !== null) line += gateway + string(record.gateway);
    if (record.listener !== null) line += listener + string(record.listener);
    if (record.routeRule !== null) line += routeRule + string(record.routeRule);
    if (record.route !== null) line += route + string(record.route);
    if (record.endpoint !== null) line += endpoint + string(record.endpoint);
    if (record.sourceAddress !== '') line += source + string(address(record.sourceAddress, record.sourcePort));
    if (record.method !== '') line += method + string(record.method);
    if (record.host !== null) line += host + string(record.host);
    const target = record.path === '' && record.method === 'CONNECT' ? '/' : record.path;
    if (target !== '') line += path + string(redactPath(target));
    if (record.version !== '') line += version + string(record.version);
    if (record.status !== 0) line += status + record.status;
    if (record.grpcStatus !== null) line += grpcStatus + record.grpcStatus;
    if (record.sni !== null && record.host === null) line += sni + string(record.sni);
    line += protocol + string(record.protocol);
    if (record.llm !== null) line += model(record.llm, record);
    if (record.retryAttempt > 0) line += retryAttempt + record.retryAttempt;
    if (record.error !== null) line += error + quoted(record.error);
    if (record.reason !== 'Upstream') line += reason + string(record.reason);
    return line + duration + Math.trunc(elapsed) + durationUnit + tail;
  };
}

/** What a model call adds to the line, between `protocol` and `retry.attempt`. */
function compileModelFields({ key, string }: Writer): (llm: LlmRecord, record: RequestRecord) => string {
  const operation = key('gen_ai.operation.name');
  const provider = key('gen_ai.provider.name');
  const requestModel = key('gen_ai.request.model');
  const responseModel = key('gen_ai.response.model');
  const input = key('gen_ai.usage.input_tokens');
  const cacheCreation = key('gen_ai.usage.cache_creation.input_tokens');
  const cacheRead = key('gen_ai.usage.cache_read.input_tokens');
  const output = key('gen_ai.usage.output_tokens');
  const reasoning = key('gen_ai.usage.reasoning_tokens');
  const firstToken = key('agw.ai.time_to_first_token');
  const perToken = key('agw.ai.time_per_output_token');
  const outputImage = key('gen_ai.usage.output_image_tokens');
  const inputAudio = key('gen_ai.usage.input_audio_tokens');
  const outputAudio = key('gen_ai.usage.output_audio_tokens');
  const temperature = key('gen_ai.request.temperature');
  const dimensions = key('gen_ai.embeddings.dimension.count');
  const encodings = key('gen_ai.request.encoding_formats');
  const topP = key('gen_ai.request.top_p');
  const maxTokens = key('gen_ai.request.max_tokens');
  const frequencyPenalty = key('gen_ai.request.frequency_penalty');
  const presencePenalty = key('gen_ai.request.presence_penalty');
  const seed = key('gen_ai.request.seed');

  const number = (name: string, value: number | null | undefined): string =>
    value === null || value === undefined ? '' : name + fixedNumber(value);

  return (llm, record) => {
    let line = operation + string(llm.operation) + provider + string(llm.provider);
    if (llm.requestModel !== null) line += requestModel + string(llm.requestModel);
    if (llm.responseModel !== null) line += responseModel + string(llm.responseModel);
    line += number(input, llm.inputTokens);
    line += number(cacheCreation, llm.cacheCreationInputTokens);
    line += number(cacheRead, llm.cachedInputTokens);
    line += number(output, llm.outputTokens);
    line += number(reasoning, llm.reasoningTokens);
    line += number(firstToken, timeToFirstToken(llm, record));
    line += number(perToken, timePerOutputToken(llm, record));
    line += number(outputImage, llm.outputImageTokens);
    line += number(inputAudio, llm.inputAudioTokens);
    line += number(outputAudio, llm.outputAudioTokens);
    const { params } = llm;
    line += number(temperature, params.temperature);
    line += number(dimensions, params.dimensions);
    if (params.encodingFormat !== undefined) line += encodings + string(params.encodingFormat);
    line += number(topP, params.topP);
    line += number(maxTokens, params.maxTokens);
    line += number(frequencyPenalty, params.frequencyPenalty);
    line += number(presencePenalty, params.presencePenalty);
    return line + number(seed, params.seed);
  };
}

/** Seconds from the start of the request to the first token; null where none was seen (spec 10 §4.2). */
export function timeToFirstToken(llm: LlmRecord, record: RequestRecord): number | null {
  return llm.firstTokenAt > 0 ? seconds(llm.firstTokenAt - record.startedAt) : null;
}

/** Seconds per token after the first one arrived; null where it cannot be said (spec 10 §4.2). */
export function timePerOutputToken(llm: LlmRecord, record: RequestRecord): number | null {
  if (llm.firstTokenAt <= 0 || llm.outputTokens === null || llm.outputTokens <= 0) return null;
  return seconds((record.endedAt - llm.firstTokenAt) / llm.outputTokens);
}

/** Milliseconds to seconds, at the nanosecond: what lies below is noise of the subtraction. */
function seconds(milliseconds: number): number {
  return Math.round(milliseconds * 1e6) / 1e9;
}

function address(host: string, port: number): string {
  return host.indexOf(':') < 0 ? `${host}:${port}` : `[${host}]:${port}`;
}
