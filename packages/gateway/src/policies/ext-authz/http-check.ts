import type { Program, Value } from '@agentgateway/cel';
import {
  type Abort,
  type Body,
  type BodyStream,
  collect,
  Headers,
  isStream,
  Request,
  Response,
} from '@agentgateway/http';
import type { Callout } from '../../pipeline/callout.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { isFieldValue, isPseudo, setRequestHeader } from '../../pipeline/header-mutation.ts';
import { hold } from '../../pipeline/hold.ts';
import type { Ports } from '../../pipeline/step.ts';
import type { Expression } from '../../resources/model.ts';
import { toBytes } from '../../resources/routing/text.ts';
import type { ShownBody } from './body.ts';
import { type Check, MAX_REMEMBERED_BODY } from './check.ts';
import type { Late } from './late.ts';
import type { ExtAuthzSpec, HttpCheckSpec } from './spec.ts';
import type * as Values from './values.ts';
import type { Metadata, Verdict } from './verdict.ts';

/** Milliseconds until the head of the answer must be there, and again until its body, where that is read. */
const defaultTimeout = 2_000;

/** Bytes that expressions may read of an answer where the file does not say otherwise. */
const defaultBodyLimit = 2 * 1024 * 1024;

/** Fields that belong to the connection of whoever sends them: a check has its own. */
const ownFields: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Asks over HTTP (spec 03 §5.2): a request like the client's, to which 2xx is yes and anything else is the client's answer.
 *
 * @param values Null where nothing has an expression.
 */
export function compileHttpCheck(
  spec: HttpCheckSpec,
  policy: ExtAuthzSpec,
  service: Callout,
  ports: Ports,
  values: Late<typeof Values> | null,
): Check {
  const program = (expression: Expression | undefined) => (expression && ports.expression(expression)) ?? null;
  const path = program(spec.path);
  const redirect = program(spec.redirect);
  const body = program(spec.body);
  const added = Object.entries(spec.addRequestHeaders).map(([name, value]) => [name, ports.expression(value)] as const);
  const metadata = Object.entries(spec.metadata).map(
    ([name, value]) => [name, ports.expression(value, 'service')] as const,
  );
  const readsBody = metadata.some(([, value]) => ports.needsOf(value).responseBody);
  const shown = policy.includeRequestHeaders.length === 0 ? ['authorization'] : policy.includeRequestHeaders;
  const remembers = policy.cache !== undefined;

  return async (exchange, shownBody): Promise<Verdict> => {
    const language = values === null ? null : (values.value ?? (await values.loading));
    const request = checkRequest(exchange, shown);
    if (path !== null) setPath(request, path.evaluate(exchange.variables));
    for (const [name, value] of added) addHeader(request, name, value.evaluate(exchange.variables));
    if (body !== null) request.body = bodyOf(body.evaluate(exchange.variables), language);
    else if (shownBody !== null) showBody(request, shownBody);

    try {
      const options = { kind: 'ExtAuthz', exchange, timeout: defaultTimeout } as const;
      const response = await service.send(request, options);
      const { status } = response;
      if (status >= 200 && status < 300) {
        const content = readsBody ? await read(response, exchange) : null;
        if (content === null) discard(response.body);
        return allowed(response, content, exchange);
      }
      if (status !== 401 && status !== 403) return { is: 'answered', cacheable: false, response };
      if (redirect !== null) {
        discard(response.body);
        return { is: 'denied', cacheable: true, metadata: null, answer: (asked) => redirected(asked, redirect) };
      }
      return remembers ? await denied(response, exchange.abort) : { is: 'answered', cacheable: false, response };
    } catch (error) {
      return { is: 'failed', cacheable: false, error: error as Error };
    }
  };

  function allowed(response: Response, content: Buffer | null, exchange: Exchange): Verdict {
    const copied: [name: string, value: string][] = [];
    for (const name of spec.includeResponseHeaders) {
      const value = response.headers.get(name);
      if (value !== undefined) copied.push([name, value]);
    }
    return {
      is: 'allowed',
      cacheable: true,
      metadata: metadata.length === 0 ? null : found(response, content, exchange),
      change: ({ request }) => {
        for (const [name, value] of copied) setRequestHeader(request, name, value);
      },
    };
  }

  /** Expressions see the service's answer as `response`: there is no other one yet, and nothing waits in between. */
  function found(response: Response, content: Buffer | null, exchange: Exchange): Metadata {
    const { response: before, responseCapture: captured } = exchange;
    exchange.response = response;
    exchange.responseCapture = content === null ? null : { bytes: content, whole: true };
    const result: Record<string, unknown> = {};
    for (const [name, value] of metadata) {
      const plain = values?.value?.plain(value.evaluate(exchange.variables));
      if (plain !== undefined) result[name] = plain;
    }
    exchange.response = before;
    exchange.responseCapture = captured;
    return result;
  }
}

/** The client's method and target with what may be shown of its head; the service's own authority unless the client's is shown. */
function checkRequest(exchange: Exchange, shown: readonly string[]): Request {
  const { request } = exchange;
  const headers = new Headers();
  let authority = '';
  for (const name of shown) {
    if (name === 'host' || name === ':authority') authority = request.authority;
    else if (!isPseudo(name) && !ownFields.has(name))
      for (const value of request.headers.getAll(name)) headers.append(name, value);
  }
  return new Request(request.method, '', authority, request.path, 'HTTP/1.1', headers, null);
}

function setPath(request: Request, value: Value): void {
  if (typeof value !== 'string' || !setRequestHeader(request, ':path', value))
    throw unaskable('protocol.http.path gave no path');
}

/** A value that is none takes the field away, so that the client's own does not stand in its place. */
function addHeader(request: Request, name: string, value: Value): void {
  const bytes =
    typeof value === 'string'
      ? toBytes(value)
      : value instanceof Uint8Array
        ? Buffer.from(value).toString('latin1')
        : null;
  if (bytes === null || !setRequestHeader(request, name, bytes)) request.headers.delete(name);
}

function bodyOf(value: Value, values: typeof Values | null): Buffer | null {
  const content = values?.content(value) ?? null;
  if (content === null) throw unaskable('protocol.http.body gave no content');
  return content.length === 0 ? null : content;
}

function showBody(request: Request, { bytes, partial }: ShownBody): void {
  request.body = bytes.length === 0 ? null : bytes;
  request.headers.set('x-envoy-auth-partial-body', String(partial));
}

function unaskable(logDetail: string): GatewayError {
  return new GatewayError('extAuthz', { logDetail });
}

function redirected(exchange: Exchange, program: Program): Response | GatewayError {
  const value = program.evaluate(exchange.variables);
  const location = typeof value === 'string' ? toBytes(value) : '';
  if (location === '' || !isFieldValue(location)) return unaskable('protocol.http.redirect gave no location');
  return new Response(302, Headers.of(['location', location]), null);
}

/** A refusal that can be given again, unless it is too long for that. */
async function denied(response: Response, abort: Abort): Promise<Verdict> {
  const { status, headers, body } = response;
  if (isStream(body)) response.body = (await inTime(body, hold(body, MAX_REMEMBERED_BODY, abort))).body;
  const whole = response.body;
  if (isStream(whole) || (whole !== null && whole.length > MAX_REMEMBERED_BODY))
    return { is: 'answered', cacheable: false, response };
  return {
    is: 'denied',
    cacheable: true,
    metadata: null,
    answer: () => new Response(status, headers.clone(), whole),
  };
}

function read({ body }: Response, { maxBufferSize }: Exchange): Buffer | Promise<Buffer> {
  if (!isStream(body)) return body ?? Buffer.alloc(0);
  return inTime(body, collect(body, maxBufferSize ?? defaultBodyLimit));
}

/** What is made of a body, unless the body takes too long. */
function inTime<T>(body: BodyStream, reading: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const error = new GatewayError('upstreamCallTimeout', { logDetail: 'the answer did not end' });
      body.cancel(error);
      reject(error);
    }, defaultTimeout);
    reading.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Lets a short rest of an answer come, so that its connection can be used again. */
function discard(body: Body): void {
  if (!isStream(body)) return;
  let left = MAX_REMEMBERED_BODY;
  const cancel = () => body.cancel(new Error('nobody reads it'));
  const timer = setTimeout(cancel, defaultTimeout);
  timer.unref();
  body.read({
    onData(chunk) {
      left -= chunk.length;
      if (left >= 0) return;
      clearTimeout(timer);
      cancel();
    },
    onTrailers() {},
    onEnd: () => clearTimeout(timer),
    onError: () => clearTimeout(timer),
  });
}
