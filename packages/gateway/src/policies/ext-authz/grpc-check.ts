import { Headers, Response } from '@agentgateway/http';
import { Authorization, type CheckResponse, type DeniedHttpResponse, type OkHttpResponse } from '@agentgateway/protos';
import { parseAuthority } from '../../pipeline/authority.ts';
import type { Callout } from '../../pipeline/callout.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { applyHeaderOption, type HeaderOption, isPseudo } from '../../pipeline/header-mutation.ts';
import type { Log } from '../../pipeline/step.ts';
import { GrpcCallout } from '../grpc-callout.ts';
import { attributesOf, type Shown } from './attributes.ts';
import type { ShownBody } from './body.ts';
import { MAX_REMEMBERED_BODY } from './check.ts';
import { changeQuery } from './query.ts';
import type { Verdict } from './verdict.ts';

/** Of these fields a response may have several, each of its own. */
const listValued: ReadonlySet<string> = new Set(['set-cookie', 'vary', 'www-authenticate']);

/** Envoy's authorization service (spec 03 §5.2, §10a). */
export class GrpcCheck {
  readonly #service: GrpcCallout;
  readonly #shown: Shown;
  readonly #log: Log;

  constructor(service: Callout, shown: Shown, log: Log) {
    this.#service = new GrpcCallout(service, 'ExtAuthz');
    this.#shown = shown;
    this.#log = log;
  }

  /** @param maps See {@link attributesOf}. */
  async ask(
    exchange: Exchange,
    body: ShownBody | null,
    maps: Readonly<Record<string, object>> | null,
  ): Promise<Verdict> {
    const attributes = attributesOf(exchange, body, this.#shown, maps);
    try {
      return this.#read(await this.#service.unary(Authorization.method.check, { attributes }, { exchange }));
    } catch (error) {
      return { is: 'failed', cacheable: false, error: error as Error };
    }
  }

  #read({ status, httpResponse, dynamicMetadata }: CheckResponse): Verdict {
    const { case: kind, value } = httpResponse;
    const metadata = dynamicMetadata ?? null;
    // An answer without a status says nothing, which is no permission.
    if (status?.code === 0) {
      const ok = kind === 'okResponse' ? value : null;
      const change = (exchange: Exchange) => {
        if (ok !== null) this.#change(exchange, ok);
      };
      return { is: 'allowed', cacheable: true, metadata, change };
    }
    const denied = kind === 'deniedResponse' ? value : null;
    const cacheable = denied === null || Buffer.byteLength(denied.body) <= MAX_REMEMBERED_BODY;
    const answer = (exchange: Exchange) =>
      denied === null ? new GatewayError('extAuthz') : this.#answer(exchange, denied);
    return { is: 'denied', cacheable, metadata, answer };
  }

  #change(exchange: Exchange, ok: OkHttpResponse): void {
    const { request } = exchange;
    for (const name of ok.headersToRemove) {
      const lower = name.toLowerCase();
      if (lower !== 'host') request.headers.delete(lower);
    }
    for (const option of ok.headers) {
      const name = option.header?.key.toLowerCase();
      const done = applyHeaderOption(request, option);
      if (!done) this.#ignored(option);
      else if (name === 'host' || name === ':authority') nameHost(exchange);
    }
    if (ok.queryParametersToSet.length > 0 || ok.queryParametersToRemove.length > 0)
      request.path = changeQuery(request.path, ok.queryParametersToSet, ok.queryParametersToRemove);
    if (ok.responseHeadersToAdd.length === 0) return;
    exchange.responseHeaders ??= new Headers();
    this.#add(new Response(200, exchange.responseHeaders, null), ok.responseHeadersToAdd);
  }

  /** Several of one name in one answer are several values, unless the service says otherwise. */
  #add(response: Response, options: readonly HeaderOption[]): void {
    const added = new Set<string>();
    for (const option of options) {
      const name = option.header?.key.toLowerCase() ?? '';
      const several = added.has(name) || listValued.has(name);
      added.add(name);
      const append = option.append === true || several;
      if (isPseudo(name) || !applyHeaderOption(response, { ...option, append })) this.#ignored(option);
    }
  }

  #answer(exchange: Exchange, { status, headers, body }: DeniedHttpResponse): Response | GatewayError {
    const code = status?.code ?? 0;
    const answer = new Response(code >= 200 && code <= 999 ? code : 403, new Headers(), null);
    this.#add(answer, headers);
    const type = answer.headers.get('content-type');
    if (exchange.grpc && type?.startsWith('application/grpc') !== true) return this.#forGrpc(answer, body);
    if (body === '') return answer;
    answer.body = Buffer.from(body, 'utf8');
    if (type === undefined) answer.headers.set('content-type', 'text/plain');
    return answer;
  }

  /** A caller that speaks gRPC reads a status of gRPC. */
  #forGrpc({ status, headers }: Response, body: string): GatewayError {
    headers.delete('content-type');
    return new GatewayError('extAuthz', { status, headers: [...headers], ...(body === '' ? {} : { detail: body }) });
  }

  #ignored({ header }: HeaderOption): void {
    this.#log.warn('extAuthz', 'a header of the service’s answer cannot be sent', {
      service: this.#service.name,
      header: header?.key ?? '',
    });
  }
}

/** The service has decided where the request goes. */
function nameHost(exchange: Exchange): void {
  const parsed = parseAuthority(exchange.request.authority);
  if ('host' in parsed) exchange.host = parsed.host;
  exchange.autoHost = false;
}
