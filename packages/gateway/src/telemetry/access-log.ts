import type { LlmRecord, RequestRecord } from './record.ts';
import { pathRedactor } from './redact.ts';
import { fixedNumber, jsonContent, jsonString, lineSafeJson, plainString, timestamp } from './text.ts';

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
  /** What stands before and after the timestamp. */
  readonly head: string;
  readonly scope: string;
  readonly tail: string;
  /** Before a number: ` key=` or `,"key":`. */
  readonly number: (name: string) => string;
  /** Before a text, and after it. */
  readonly open: (name: string) => string;
  readonly close: string;
  readonly content: (value: string) => string;
  /** For texts that are quoted in both formats, quotes included. */
  readonly quoted: (value: string) => string;
}

const writers: Readonly<Record<LogFormat, Writer>> = {
  text: {
    head: '',
    scope: '\tinfo\trequest',
    tail: '\n',
    number: (name) => ` ${name}=`,
    open: (name) => ` ${name}=`,
    close: '',
    content: plainString,
    quoted: lineSafeJson,
  },
  json: {
    head: '{"level":"info","time":"',
    scope: '","scope":"request"',
    tail: '}\n',
    number: (name) => `,"${name}":`,
    open: (name) => `,"${name}":"`,
    close: '"',
    content: jsonContent,
    quoted: jsonString,
  },
};

/** Routes and status lines whose part of the line is remembered; beyond it the memory starts anew. */
const MEMO_LIMIT = 1_000;

/**
 * Compiles the access line of a format: keys, order and types of spec 10 §3.1 and §3.2. A key is there only if its value is.
 *
 * The line is put together by hand, from few pieces: what a route's requests have in common, and version with status, are
 * made once. Building an object for `JSON.stringify` costs twice as much, and more with a model call's keys.
 */
export function compileAccessFormat(format: LogFormat, options: AccessFormatOptions = {}): AccessFormat {
  const writer = writers[format];
  const { head, scope, tail, number, open, close, content, quoted } = writer;
  const redactPath = pathRedactor(options.sensitiveQueryParams);
  const route = compileRouteFields(writer);
  const outcome = compileOutcomeFields(writer);
  const model = compileModelFields(writer);
  const ids = options.ids === true;

  const connectionId = number('connection.id');
  const requestId = number('request.id');
  const endpoint = open('endpoint');
  const source = open('src.addr');
  const identity = open('src.identity');
  const method = open('http.method');
  const host = open('http.host');
  const path = open('http.path');
  const grpcStatus = number('grpc.status');
  const sni = open('tls.sni');
  const traceId = open('trace.id');
  const spanId = open('span.id');
  const subject = open('jwt.sub');
  const protocol = open('protocol');
  const retryAttempt = number('retry.attempt');
  const error = number('error');
  const reason = open('reason');
  const duration = open('duration');
  const end = `ms${close}${tail}`;

  return (record) => {
    const elapsed = record.endedAt - record.startedAt;
    let line = head + timestamp(record.startedAtEpoch + elapsed) + scope;
    if (ids) line += connectionId + record.connectionId + requestId + record.requestId;
    line += route(record);
    if (record.endpoint !== null) line += endpoint + content(record.endpoint) + close;
    if (record.sourceAddress !== '') line += source + hostPort(record.sourceAddress, record.sourcePort) + close;
    if (record.sourceIdentity !== null) line += identity + content(record.sourceIdentity) + close;
    if (record.method !== '') line += method + content(record.method) + close;
    if (record.host !== null) line += host + content(record.host) + close;
    const target = record.path === '' && record.method === 'CONNECT' ? '/' : record.path;
    if (target !== '') line += path + content(redactPath(target)) + close;
    line += outcome(record);
    if (record.grpcStatus !== null) line += grpcStatus + record.grpcStatus;
    if (record.sni !== null && record.host === null) line += sni + content(record.sni) + close;
    if (record.traceId !== null) line += traceId + record.traceId + close;
    if (record.spanId !== null) line += spanId + record.spanId + close;
    if (record.jwtSub !== null) line += subject + content(record.jwtSub) + close;
    line += protocol + record.protocol + close;
    if (record.llm !== null) line += model(record.llm, record);
    if (record.retryAttempt > 0) line += retryAttempt + record.retryAttempt;
    if (record.error !== null) line += error + quoted(record.error);
    if (record.reason !== 'Upstream') line += reason + record.reason + close;
    return line + duration + Math.trunc(elapsed) + end;
  };
}

/** The keys from `gateway` to `route`. */
function compileRouteFields({ open, close, content }: Writer): (record: RequestRecord) => string {
  interface Known {
    readonly gateway: string | null;
    readonly listener: string | null;
    readonly routeRule: string | null;
    readonly text: string;
  }
  const memo = new Map<string | null, Known>();
  const gateway = open('gateway');
  const listener = open('listener');
  const routeRule = open('route_rule');
  const route = open('route');

  return (record) => {
    const known = memo.get(record.route);
    if (
      known !== undefined &&
      known.gateway === record.gateway &&
      known.listener === record.listener &&
      known.routeRule === record.routeRule
    ) {
      return known.text;
    }
    let text = '';
    if (record.gateway !== null) text += gateway + content(record.gateway) + close;
    if (record.listener !== null) text += listener + content(record.listener) + close;
    if (record.routeRule !== null) text += routeRule + content(record.routeRule) + close;
    if (record.route !== null) text += route + content(record.route) + close;
    if (memo.size >= MEMO_LIMIT) memo.clear();
    const { gateway: ofGateway, listener: ofListener, routeRule: ofRule } = record;
    memo.set(record.route, { gateway: ofGateway, listener: ofListener, routeRule: ofRule, text: flat(text) });
    return text;
  };
}

/** `http.version` and `http.status`. */
function compileOutcomeFields({ open, close, content, number }: Writer): (record: RequestRecord) => string {
  const memo = new Map<string, Map<number, string>>();
  const version = open('http.version');
  const status = number('http.status');

  return (record) => {
    const known = memo.get(record.version)?.get(record.status);
    if (known !== undefined) return known;
    let text = '';
    if (record.version !== '') text += version + content(record.version) + close;
    if (record.status !== 0) text += status + record.status;
    let byStatus = memo.get(record.version);
    if (byStatus === undefined || byStatus.size >= MEMO_LIMIT) {
      byStatus = new Map();
      // There are three versions; the bound holds should a record ever say more.
      if (memo.size >= 16) memo.clear();
      memo.set(record.version, byStatus);
    }
    byStatus.set(record.status, flat(text));
    return text;
  };
}

/** The same text in one piece: concatenated strings are trees of their parts, walked again by every line they are in. */
function flat(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

/** What a model call adds to the line, between `protocol` and `retry.attempt`. */
function compileModelFields({
  number: key,
  open,
  close,
  content,
}: Writer): (llm: LlmRecord, record: RequestRecord) => string {
  const operation = open('gen_ai.operation.name');
  const provider = open('gen_ai.provider.name');
  const requestModel = open('gen_ai.request.model');
  const responseModel = open('gen_ai.response.model');
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
  const encodings = open('gen_ai.request.encoding_formats');
  const topP = key('gen_ai.request.top_p');
  const maxTokens = key('gen_ai.request.max_tokens');
  const frequencyPenalty = key('gen_ai.request.frequency_penalty');
  const presencePenalty = key('gen_ai.request.presence_penalty');
  const seed = key('gen_ai.request.seed');

  const number = (name: string, value: number | null | undefined): string =>
    value === null || value === undefined ? '' : name + fixedNumber(value);

  return (llm, record) => {
    let line = operation + content(llm.operation) + close + provider + content(llm.provider) + close;
    if (llm.requestModel !== null) line += requestModel + content(llm.requestModel) + close;
    if (llm.responseModel !== null) line += responseModel + content(llm.responseModel) + close;
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
    if (params.encodingFormat !== undefined) line += encodings + content(params.encodingFormat) + close;
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

/** As an authority has it (RFC 3986 §3.2): an IPv6 address stands in brackets. */
export function hostPort(host: string, port: number): string {
  return host.indexOf(':') < 0 ? `${host}:${port}` : `[${host}]:${port}`;
}
