import { Abort, type BodyStream, Headers, type Request, Response } from '@agentgateway/http';
import { afterEach, expect, test, vi } from 'vitest';
import type { CalloutOptions } from '../../../pipeline/callout.ts';
import { GatewayError } from '../../../pipeline/errors.ts';
import { secret } from '../../../resources/secret.ts';
import { testExchange, testPorts } from '../../testing.ts';
import type { ClientAuthSpec } from './spec.ts';
import { TokenEndpoint } from './token-endpoint.ts';

const exchange = testExchange();

afterEach(() => {
  vi.useRealTimers();
});

function endpointThat(
  send: (request: Request, options: CalloutOptions) => Promise<Response>,
  clientAuth?: ClientAuthSpec,
): TokenEndpoint {
  const target = { $backend: { address: { host: 'as', port: 1 } }, policies: [] };
  const ports = testPorts({ callout: () => ({ name: 'as:1', authority: 'as:1', send }) });
  return new TokenEndpoint({ target, path: '/token', ...(clientAuth ? { clientAuth } : {}) }, true, ports);
}

test('the head of the answer has ten seconds, and nobody but the waiting ends the call', async () => {
  const seen: CalloutOptions[] = [];
  const endpoint = endpointThat(async (_request, options) => {
    seen.push(options);
    return new Response(200, Headers.of(), Buffer.from('{"access_token":"t"}'));
  });
  const abort = new Abort();
  expect(await endpoint.ask([], exchange, abort)).toEqual({ access_token: 't' });
  expect(seen).toEqual([{ kind: 'Oidc', exchange, detached: true, abort, timeout: 10_000 }]);
});

test('so has the body', async () => {
  vi.useFakeTimers();
  const abort = new Abort();
  const cancelled: Error[] = [];
  const body: BodyStream = {
    length: undefined,
    read: (consumer) => abort.listen((reason) => consumer.onError(reason)),
    pause() {},
    resume() {},
    cancel: (reason) => cancelled.push(reason),
  };
  const endpoint = endpointThat(async () => new Response(200, Headers.of(), body));
  const failure = endpoint.ask([], exchange, abort).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await failure).toMatchObject({ code: 'backendAuthFailed', logDetail: 'as:1: upstream call timeout' });
  expect(vi.getTimerCount()).toBe(0);
});

test('a call that its own policies hold up comes to an end', async () => {
  vi.useFakeTimers();
  const endpoint = endpointThat(
    (_request, options) => new Promise((_resolve, reject) => options.abort?.listen(reject)),
  );
  const failure = endpoint.ask([], exchange, new Abort()).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await failure).toMatchObject({ code: 'backendAuthFailed', logDetail: 'as:1: upstream call timeout' });
  expect(vi.getTimerCount()).toBe(0);
});

test('why the endpoint could not be asked is for the log', async () => {
  const cause = new GatewayError('upstreamCallFailed', { detail: 'Connect', logDetail: 'ECONNREFUSED 10.0.0.1:1' });
  const failure = await endpointThat(async () => {
    throw cause;
  })
    .ask([], exchange, new Abort())
    .catch((error: unknown) => error);
  expect(failure).toMatchObject({
    status: 500,
    message: 'backend authentication failed: the token endpoint cannot be asked',
    logDetail: 'as:1: upstream call failed: Connect: ECONNREFUSED 10.0.0.1:1',
  });
});

test('who left takes the reason along', async () => {
  const abort = new Abort();
  const gone = new Error('gone');
  const endpoint = endpointThat(
    (_request, options) => new Promise((_resolve, reject) => options.abort?.listen(reject)),
  );
  const asking = endpoint.ask([], exchange, abort);
  abort.abort(gone);
  await expect(asking).rejects.toBe(gone);
});

test('with a key that cannot sign nobody is asked', async () => {
  const endpoint = endpointThat(() => Promise.reject(new Error('asked')), {
    method: 'privateKeyJwt',
    clientId: 'a',
    signingKey: secret('nonsense'),
    alg: 'RS256',
    assertionAudience: 'b',
  });
  await expect(endpoint.ask([], exchange, new Abort())).rejects.toMatchObject({
    code: 'backendAuthFailed',
    logDetail: 'the signing key is not a private key in PEM',
  });
});
