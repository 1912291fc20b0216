import { collect, Headers, Request } from '@agentgateway/http';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { Ports } from '../../pipeline/step.ts';
import { remoteSource } from '../../resources/remote-source.ts';
import type { Provider } from './provider.ts';
import type { OidcSpec } from './spec.ts';
import { parseObject, type Transaction } from './transaction.ts';

/** Milliseconds. */
const timeout = 10_000;

/** Bytes of the token endpoint's answer. */
const maxAnswer = 64 * 1024;

/**
 * Exchanges a code for the ID token (RFC 6749 §4.1.3, RFC 7636 §4.5).
 *
 * @throws GatewayError `oidcFailed`, whose details for the log hold nothing of the answer.
 */
export async function exchangeCode(
  spec: OidcSpec,
  provider: Provider,
  code: string,
  { pkceVerifier }: Transaction,
  exchange: Exchange,
  ports: Pick<Ports, 'callout'>,
): Promise<string> {
  const form = new URLSearchParams({
    grant_type: 'authorization_code',
    code,
    redirect_uri: spec.redirectUri,
    code_verifier: pkceVerifier,
  });
  const headers = Headers.of(['content-type', 'application/x-www-form-urlencoded'], ['accept', 'application/json']);
  const secret = spec.clientSecret.$secret;
  if (provider.tokenEndpointAuth === 'clientSecretBasic') {
    const pair = `${formEncode(spec.clientId)}:${formEncode(secret)}`;
    headers.append('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
  } else {
    form.set('client_id', spec.clientId);
    form.set('client_secret', secret);
  }
  const { target } = remoteSource(provider.tokenEndpoint);
  const { pathname, search, host } = new URL(provider.tokenEndpoint);
  const request = new Request('POST', '', host, pathname + search, 'HTTP/1.1', headers, Buffer.from(form.toString()));
  let answer: { readonly status: number; readonly text: string };
  try {
    const response = await ports.callout(target).send(request, { kind: 'Oidc', exchange, timeout });
    answer = { status: response.status, text: (await collect(response.body, maxAnswer)).toString('utf8') };
  } catch (error) {
    if (exchange.abort.reason !== null) throw exchange.abort.reason;
    throw failed('token exchange failed', error instanceof Error ? error.message : String(error));
  }
  if (answer.status !== 200) throw failed('token exchange failed', `the token endpoint answered ${answer.status}`);
  const token = parseObject(answer.text)?.id_token;
  if (typeof token !== 'string') throw failed('token exchange failed', 'the token endpoint gave no id_token');
  return token;
}

/** A failure of the provider's: the client learns what, the log why. */
export function failed(detail: string, logDetail?: string): GatewayError {
  return new GatewayError('oidcFailed', { detail, ...(logDetail === undefined ? {} : { logDetail }) });
}

function formEncode(text: string): string {
  return new URLSearchParams({ v: text }).toString().slice(2);
}
