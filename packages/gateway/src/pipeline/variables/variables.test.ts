import { CelError, toNative } from '@agentgateway/cel';
import { Headers, Response } from '@agentgateway/http';
import { expect, test } from 'vitest';
import type { ListenerPlan } from '../../plans/plan.ts';
import { noPorts, testExchange } from '../../policies/testing.ts';
import type { Backend, Route } from '../../resources/model.ts';
import { captureRequest, captureResponse } from '../capture.ts';
import type { Exchange } from '../exchange.ts';

/** What an expression gives, as JSON; errors as their text. */
function read(exchange: Exchange, source: string): unknown {
  const value = toNative(noPorts.expression({ $cel: source }).evaluate(exchange.variables));
  return value instanceof CelError ? value.message : value;
}

function readAll(exchange: Exchange, variable: string): unknown {
  return read(exchange, `${variable}.mapValues(v, v)`);
}

const noKey = (name: string) => `No such key: ${name}`;

test('request', () => {
  const exchange = testExchange({
    method: 'POST',
    scheme: 'https',
    authority: 'a.test:8443',
    path: '/p/q?x=1',
    headers: [['x-a', '1']],
    body: Buffer.from('hello'),
  });
  const { record } = exchange;
  record.startedAtEpoch = 1_700_000_000_250;
  record.startedAt = 10;
  captureRequest(exchange);
  expect(readAll(exchange, 'request')).toEqual({
    method: 'POST',
    uri: 'https://a.test:8443/p/q?x=1',
    path: '/p/q',
    pathAndQuery: '/p/q?x=1',
    host: 'a.test:8443',
    scheme: 'https',
    version: 'HTTP/1.1',
    headers: { 'x-a': '1' },
    body: 'aGVsbG8=',
    bodyPrefix: 'aGVsbG8=',
    bodyTruncated: false,
    startTime: '2023-11-14T22:13:20.25Z',
  });
  expect(read(exchange, 'request.endTime')).toBe(noKey('endTime'));
  record.endedAt = 1510;
  expect(read(exchange, 'request.endTime')).toBe('2023-11-14T22:13:21.75Z');
  expect(read(exchange, 'request.nonsense')).toBe(noKey('nonsense'));
  expect(read(exchange, 'request.constructor')).toBe(noKey('constructor'));
});

test('a request without authority and scheme has nulls, and its path alone is the URI', () => {
  const exchange = testExchange({ authority: '', scheme: '', path: '/p' });
  exchange.request.version = 'HTTP/2.0';
  expect(read(exchange, '[request.host, request.scheme, request.uri, request.version, has(request.host)]')).toEqual([
    null,
    null,
    '/p',
    'HTTP/2',
    true,
  ]);
});

test('bodies that were not captured are no keys, those that are longer have a beginning', () => {
  const exchange = testExchange({ body: Buffer.from('hello') });
  for (const name of ['body', 'bodyPrefix', 'bodyTruncated']) {
    expect(read(exchange, `request.${name}`)).toBe(noKey(name));
    expect(read(exchange, `has(request.${name})`)).toBe(false);
  }
  exchange.maxBufferSize = 2;
  captureRequest(exchange);
  expect(read(exchange, 'request.body')).toBe(noKey('body'));
  expect(read(exchange, '[string(request.bodyPrefix), request.bodyTruncated]')).toEqual(['he', true]);
});

test('header values are UTF-8; a constant index takes ASCII only', () => {
  const exchange = testExchange({
    headers: [
      ['name', Buffer.from('é').toString('latin1')],
      ['name', 'ascii'],
      ['cookie', Buffer.from('c=ü').toString('latin1')],
      ['broken', '\xff'],
    ],
  });
  expect(read(exchange, 'request.headers.name')).toEqual(['é', 'ascii']);
  expect(read(exchange, 'request.headers.join().name')).toBe('é,ascii');
  expect(read(exchange, 'request.headers.cookie("c")')).toBe('ü');
  expect(read(exchange, 'request.headers.broken')).toBe('\ufffd');
  expect(read(exchange, 'request.headers["name"]')).toBe("No such key: request.headers['name']");
});

test('expressions see the headers that are there now', () => {
  const exchange = testExchange({ headers: [['x', '1']] });
  expect(read(exchange, 'request.headers["x"]')).toBe('1');
  exchange.request.headers.set('x', '2');
  expect(read(exchange, 'request.headers["x"]')).toBe('2');
  exchange.request.headers = Headers.of(['x', '3']);
  expect(read(exchange, 'request.headers["x"]')).toBe('3');
});

test('sensitive headers are hidden where that is asked for', () => {
  const exchange = testExchange({
    headers: [
      ['authorization', 'a'],
      ['x-secret', 'b'],
      ['x-open', 'c'],
    ],
  });
  exchange.sensitiveHeaders = new Set(['x-secret']);
  expect(readAll(exchange, 'request.headers.redacted()')).toEqual({
    authorization: '<redacted>',
    'x-secret': '<redacted>',
    'x-open': 'c',
  });
});

test('response', () => {
  const exchange = testExchange();
  expect(read(exchange, 'response == null')).toBe(true);
  expect(read(exchange, 'response.code')).toBe(noKey('code'));
  const headers = Headers.of(['grpc-status', '7'], ['x', Buffer.from('é').toString('latin1')]);
  const response = new Response(503, headers, Buffer.from('no'));
  exchange.response = response;
  captureResponse(exchange, response);
  expect(readAll(exchange, 'response')).toEqual({
    code: 503,
    grpcStatus: 7,
    headers: { 'grpc-status': '7', x: 'é' },
    body: 'bm8=',
    bodyPrefix: 'bm8=',
    bodyTruncated: false,
  });
  expect(read(exchange, 'response.code + 1u == 504u && type(response.grpcStatus) == uint')).toBe(true);
  exchange.record.grpcStatus = 14;
  expect(read(exchange, 'response.grpcStatus')).toBe(14);

  exchange.record.grpcStatus = null;
  exchange.response = new Response(200, Headers.of(['grpc-status', 'ok']), null);
  exchange.responseCapture = null;
  expect(read(exchange, '[response.code == 200u, has(response.grpcStatus), has(response.body)]')).toEqual([
    true,
    false,
    false,
  ]);
});

test('source and destination of a connection without TLS', () => {
  const exchange = testExchange();
  expect(readAll(exchange, 'source')).toEqual({
    address: '127.0.0.1',
    port: 1,
    rawAddress: '127.0.0.1',
    rawPort: 1,
    connectHeaders: {},
  });
  for (const name of ['identity', 'spiffeId', 'subjectAltNames', 'issuer', 'subject', 'subjectCn', 'certificate'])
    expect(read(exchange, `source.${name}`)).toBe(noKey(name));
  expect(readAll(exchange, 'destination')).toEqual({ address: '127.0.0.1', port: 2 });
  expect(read(exchange, 'source.port + 1u + destination.rawPort')).toBe(noKey('rawPort'));
});

test('what was authenticated', () => {
  const exchange = testExchange();
  for (const name of ['jwt', 'apiKey', 'basicAuth', 'extauthz', 'extproc', 'metadata', 'llm', 'backend', 'mcp'])
    expect(read(exchange, `${name} == null`)).toBe(true);

  exchange.jwt = { claims: { sub: 'me', exp: 5, roles: ['a'], rawToken: 'claim' }, token: 'a.b.c' };
  expect(readAll(exchange, 'jwt')).toEqual({ sub: 'me', exp: 5, roles: ['a'], rawToken: '<redacted>' });
  expect(read(exchange, 'jwt.rawToken')).toBe('<redacted>');
  expect(read(exchange, 'jwt.rawToken.unredacted()')).toBe('a.b.c');
  expect(read(exchange, 'jwt.exp + 1')).toBe(6);

  exchange.apiKey = { key: 'k-1', metadata: { team: 'red', key: 'hidden' }, allowedModels: null };
  expect(readAll(exchange, 'apiKey')).toEqual({ key: '<redacted>', team: 'red' });
  expect(read(exchange, 'apiKey.key.unredacted()')).toBe('k-1');

  exchange.basicAuth = { username: 'bob' };
  exchange.extauthz = { user: 'a' };
  exchange.extproc = { seen: { by: 'b' } };
  exchange.metadata = { mine: [1, 2] };
  expect(read(exchange, '[basicAuth.username, extauthz.user, extproc.seen.by, metadata.mine[1]]')).toEqual([
    'bob',
    'a',
    'b',
    2,
  ]);
});

test('claims of a token do not show the token among them', () => {
  const exchange = testExchange();
  exchange.jwt = { claims: { sub: 'me' }, token: 'a.b.c' };
  expect(readAll(exchange, 'jwt')).toEqual({ sub: 'me' });
  expect(read(exchange, 'variables().jwt')).toEqual({ sub: 'me' });
});

test('backend, once the backend phase is over', () => {
  const exchange = testExchange();
  const target = { type: 'host', address: { host: 'a', port: 80 } } as const;
  const backend: Backend = { kind: 'backend', key: '/a', name: { namespace: '', name: 'a' }, target, policies: [] };
  exchange.backend = backend;
  expect(read(exchange, 'backend')).toBeNull();
  exchange.backendSelected = true;
  expect(readAll(exchange, 'backend')).toEqual({ name: '/a', type: 'static', protocol: 'http' });
  exchange.backend = { ...backend, target: { type: 'dynamic' } };
  exchange.record.protocol = 'llm';
  expect(read(exchange, '[backend.type, backend.protocol]')).toEqual(['dynamic', 'llm']);
});

test('proxy: what was matched, and how long each part took as far as it is over', () => {
  const exchange = testExchange();
  expect(readAll(exchange, 'proxy')).toEqual({});
  const { record } = exchange;
  record.bind = 'bind/80';
  exchange.listenerPlan = {
    listener: { name: { gatewayName: 'gw', gatewayNamespace: 'ns', listenerName: 'web' } },
  } as ListenerPlan;
  exchange.route = { name: { namespace: 'default', name: 'r' } } as Route;
  const matched = {
    bind: 'bind/80',
    gateway: { namespace: 'ns', name: 'gw' },
    listener: { name: 'web' },
    route: { namespace: 'default', name: 'r', kind: 'http' },
  };
  expect(readAll(exchange, 'proxy')).toEqual(matched);
  record.routeRule = 'rule';
  record.startedAt = 1;
  record.upstreamStartedAt = 3;
  expect(readAll(exchange, 'proxy')).toEqual({
    ...matched,
    route: { ...matched.route, rule: 'rule' },
    requestProcessingDuration: '0.002s',
  });
  record.upstreamRespondedAt = 10;
  record.respondedAt = 10.5;
  expect(read(exchange, '[proxy.upstreamDuration, proxy.responseProcessingDuration]')).toEqual(['0.007s', '0.0005s']);
});

test('env', () => {
  const exchange = testExchange();
  expect(read(exchange, 'env.podName')).toBe(noKey('podName'));
  exchange.environment = { podName: 'pod-1' };
  expect([read(exchange, 'env.podName'), read(exchange, 'has(env.namespace)')]).toEqual(['pod-1', false]);
});

test('llm: what the provider did not say has no key', () => {
  const exchange = testExchange();
  exchange.record.startedAt = 100;
  exchange.record.llm = {
    operation: 'chat',
    provider: 'openai',
    requestModel: 'gpt',
    responseModel: null,
    streaming: true,
    inputTokens: 10,
    cachedInputTokens: null,
    cacheCreationInputTokens: null,
    outputTokens: 4,
    reasoningTokens: null,
    inputAudioTokens: null,
    outputAudioTokens: null,
    outputImageTokens: null,
    totalTokens: 14,
    serviceTier: null,
    firstTokenAt: 150,
    params: { temperature: 1, maxTokens: 5, seed: -1, encodingFormat: 'float' },
  };
  const known = {
    streaming: true,
    requestModel: 'gpt',
    provider: 'openai',
    inputTokens: 10,
    outputTokens: 4,
    totalTokens: 14,
    timeToFirstToken: '0.05s',
    params: { temperature: 1, max_tokens: 5, seed: -1, encoding_format: 'float' },
  };
  expect(readAll(exchange, 'llm')).toEqual(known);
  expect(read(exchange, 'llm.totalTokens > 13u && type(llm.params.temperature) == double')).toBe(true);
  expect(read(exchange, 'llm.responseModel')).toBe(noKey('responseModel'));
  exchange.record.endedAt = 190;
  expect(readAll(exchange, 'llm')).toEqual({ ...known, timePerOutputToken: '0.01s' });
});
