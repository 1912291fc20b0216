import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { Certificates } from './support/certificates.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { extAuthz } from './support/grpc-services.ts';
import { OtlpReceiver } from './support/otlp-receiver.ts';
import { freePort } from './support/ports.ts';
import { RawClient } from './support/raw.ts';
import { verifies } from './verifies.ts';

const env = { OTEL_BSP_SCHEDULE_DELAY: '0' };

const config = (backend: string, tracing: string | null, rest = '') => `
frontendPolicies: { ${tracing === null ? '' : `tracing: ${tracing}`} }
gateways: { default: { port: PORT } }
routes:
- name: all
  backends: [ { host: "${backend}" } ]
  ${rest}
`;

const traceId = '0af7651916cd43dd8448eb211c80319c';
const parentId = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${parentId}-01`;

test('TEL-33: without a policy and without a caller’s trace there is none', async () => {
  verifies('TEL-33');
  await using echo = await EchoServer.start();
  await using gw = await gateway(config(echo.host, null));
  await ask(gw.port);
  expect(echo.requests[0]?.headers).not.toHaveProperty('traceparent');
  const line = await gw.line();
  expect([line['trace.id'], line['span.id']]).toEqual([undefined, undefined]);
});

test('without a policy a caller’s trace goes on with a span of ours that nobody exports', async () => {
  await using echo = await EchoServer.start();
  await using gw = await gateway(config(echo.host, null));
  await ask(gw.port, { headers: { traceparent, tracestate: 'a=b', baggage: 'c=d' } });
  const line = await gw.line();
  expect(line['trace.id']).toBe(traceId);
  expect(echo.requests[0]?.headers).toMatchObject({
    traceparent: `00-${traceId}-${line['span.id']}-01`,
    tracestate: 'a=b',
    baggage: 'c=d',
  });
  expect(line['span.id']).not.toBe(parentId);
});

test('TEL-34: a sampled request is exported as a server’s span with a client’s below it', async () => {
  verifies('TEL-34');
  await using echo = await EchoServer.start();
  await using otlp = await OtlpReceiver.grpc();
  const tracing = `{ host: "${otlp.host}", randomSampling: true }`;
  await using gw = await gateway(config(`localhost:${echo.port}`, tracing), { env });
  await ask(gw.port, { path: '/a?x=1' });
  const [server, client, ...more] = await otlp.spans(2);
  expect(more).toEqual([]);
  expect(server).toMatchObject({ name: 'GET /*', kind: 'SPAN_KIND_SERVER', parentSpanId: '', scope: 'agentgateway' });
  expect(server?.status.code).toBe('STATUS_CODE_UNSET');
  expect(server?.attributes).toMatchObject({
    route: 'default/all',
    'http.path': '/a?x=1',
    'http.status': 200,
    protocol: 'http',
    'url.scheme': 'http',
    'network.protocol.version': '1.1',
  });
  expect(client).toMatchObject({
    name: `GET localhost:${echo.port}`,
    kind: 'SPAN_KIND_CLIENT',
    traceId: server?.traceId,
    parentSpanId: server?.spanId,
    attributes: {
      'agentgateway.outbound.kind': 'Primary',
      'agentgateway.outbound.subtype': 'Http',
      'http.method': 'GET',
      'http.host': `localhost:${echo.port}`,
      'http.path': '/a?x=1',
      'http.status': 200,
    },
  });
  expect(echo.requests[0]?.headers.traceparent).toBe(`00-${client?.traceId}-${client?.spanId}-01`);
  expect(await gw.line()).toMatchObject({ 'trace.id': server?.traceId, 'span.id': server?.spanId });
  const inside = server!.start <= client!.start && client!.start <= client!.end && client!.end <= server!.end;
  expect(inside).toBe(true);
});

test('TEL-34: an upstream without a name is not named', async () => {
  await using echo = await EchoServer.start();
  await using otlp = await OtlpReceiver.http();
  const tracing = `{ host: "${otlp.host}", protocol: http, randomSampling: true }`;
  await using gw = await gateway(config(echo.host, tracing), { env });
  await ask(gw.port);
  expect((await otlp.spans(2)).map(({ name }) => name)).toEqual(['GET /*', 'GET']);
  expect(otlp.exports).toMatchObject([{ path: '/v1/traces', headers: { 'content-type': 'application/x-protobuf' } }]);
  // An export is no request of a trace.
  expect(otlp.exports[0]?.headers).not.toHaveProperty('traceparent');
});

test('TEL-35: a caller’s valid trace goes on; what is not one is ignored', async () => {
  verifies('TEL-35');
  await using echo = await EchoServer.start();
  await using otlp = await OtlpReceiver.grpc();
  await using gw = await gateway(config(echo.host, `{ host: "${otlp.host}" }`), { env });
  const invalid = [
    `00-${'0'.repeat(32)}-${parentId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `ff-${traceId}-${parentId}-01`,
    `00-${traceId}-${parentId}`,
    `00-${traceId}0-${parentId}-01`,
    `00-${traceId.slice(1)}g-${parentId}-01`,
  ];
  for (const text of invalid) await ask(gw.port, { headers: { traceparent: text } });
  expect(echo.requests.map(({ headers }) => headers.traceparent)).toEqual(invalid);
  await ask(gw.port, { headers: { traceparent } });
  const [server, client] = await otlp.spans(2);
  // Bits 8 and 9: it is known that the parent is remote, and it is.
  expect(server).toMatchObject({ traceId, parentSpanId: parentId, flags: 0x301 });
  expect(client).toMatchObject({ traceId, parentSpanId: server?.spanId, flags: 0x101 });
  expect(echo.requests.at(-1)?.headers.traceparent).toBe(`00-${traceId}-${client?.spanId}-01`);
  expect((await gw.line(7))['trace.id']).toBe(traceId);
  expect(gw.lines.slice(0, 6).map((line) => line['trace.id'])).toEqual(new Array(6).fill(undefined));
});

test('TEL-36: a trace whose caller does not record is told in the log and exported to nobody', async () => {
  verifies('TEL-36');
  await using echo = await EchoServer.start();
  await using otlp = await OtlpReceiver.grpc();
  {
    await using gw = await gateway(config(echo.host, `{ host: "${otlp.host}" }`), { env });
    await ask(gw.port, { headers: { traceparent: `00-${traceId}-${parentId}-00` } });
    const line = await gw.line();
    expect(line['trace.id']).toBe(traceId);
    expect(echo.requests[0]?.headers.traceparent).toBe(`00-${traceId}-${line['span.id']}-00`);
  }
  // The gateway is closed: what it had to export is exported.
  expect(otlp.exports).toEqual([]);
});

test.each([
  ['clientSampling: false', traceparent],
  ['clientSampling: 0.0', traceparent],
  [`randomSampling: '"yes"'`, undefined],
  ['randomSampling: 0.0', undefined],
])('TEL-37, CEL-78: %s samples nothing', async (sampling, header) => {
  verifies('TEL-37', 'CEL-78');
  await using echo = await EchoServer.start();
  await using otlp = await OtlpReceiver.grpc();
  {
    await using gw = await gateway(config(echo.host, `{ host: "${otlp.host}", ${sampling} }`), { env });
    await ask(gw.port, { headers: header === undefined ? {} : { traceparent: header } });
    expect(echo.requests[0]?.headers.traceparent).toBe(header);
    expect(await gw.line()).not.toHaveProperty(['trace.id']);
  }
  expect(otlp.exports).toEqual([]);
});

test.each(['1.0', 'true', `'request.method == "GET"'`])('CEL-78: randomSampling %s samples everything', async (all) => {
  verifies('CEL-78');
  await using echo = await EchoServer.start();
  await using otlp = await OtlpReceiver.grpc();
  await using gw = await gateway(config(echo.host, `{ host: "${otlp.host}", randomSampling: ${all} }`), { env });
  for (let i = 0; i < 3; i++) await ask(gw.port);
  expect(await otlp.spans(6)).toHaveLength(6);
});

test('TEL-38: the filter decides at the end, for the children too', async () => {
  verifies('TEL-38');
  const asked = Promise.withResolvers<void>();
  await using echo = await EchoServer.start('echo', (request, response) => {
    if (request.url === '/never') asked.resolve();
    else response.writeHead(405).end();
  });
  await using otlp = await OtlpReceiver.grpc();
  const filter = '!(request.method == "GET" && response.code == 405)';
  const tracing = `{ host: "${otlp.host}", randomSampling: true, filter: '${filter}' }`;
  {
    await using gw = await gateway(config(echo.host, tracing), { env });
    await ask(gw.port);
    await ask(gw.port, { method: 'POST' });
    await otlp.spans(2);
    // No response is not a response with another status.
    ask(gw.port, { path: '/never' }).catch(() => {});
    await asked.promise;
  }
  const spans = await otlp.spans(2);
  expect(spans.map(({ name }) => name)).toEqual(['POST /*', 'POST']);
});

test('TEL-39: attributes are added and removed, and one of them is the name', async () => {
  verifies('TEL-39');
  await using echo = await EchoServer.start();
  await using otlp = await OtlpReceiver.grpc();
  const attributes = `
      span.name: '"x " + request.method'
      tier: '"gold"'
      http.method: '"mine"'
      share: '0.5'
      whole: '2.0'
      yes: 'true'
      list: '[1, "a"]'
      nothing: 'null'
      missing: 'request.headers["x-none"]'
      flat: 'flatten({"a": 1})'`;
  const tracing = `
    host: "${otlp.host}"
    randomSampling: 1
    remove: [http.host]
    attributes: ${attributes}`;
  await using gw = await gateway(config(echo.host, null).replace('{  }', `\n  tracing: ${tracing}`), { env });
  await ask(gw.port);
  const [server, client] = await otlp.spans(2);
  expect(server?.name).toBe('x GET');
  expect(server?.attributes).toMatchObject({
    tier: 'gold',
    'http.method': 'mine',
    share: { double: 0.5 },
    whole: { double: 2 },
    yes: 'true',
    list: '[1,"a"]',
    'flat.a': 1,
  });
  for (const name of ['http.host', 'span.name', 'nothing', 'missing'])
    expect(server?.attributes).not.toHaveProperty([name]);
  expect(client).toMatchObject({ name: 'GET', attributes: { 'http.host': expect.stringContaining('127.0.0.1') } });
});

test('TEL-40: who the spans are of: the policy, the environment, the default', async () => {
  verifies('TEL-40');
  await using echo = await EchoServer.start();
  await using otlp = await OtlpReceiver.grpc();
  const named = {
    ...env,
    OTEL_SERVICE_NAME: 'foo',
    OTEL_RESOURCE_ATTRIBUTES: 'team=a%20b',
    POD_NAME: 'p',
    NAMESPACE: 'n',
  };
  const resources = `resources: { service.name: '"edge"', fails: 'request.path', count: '1', truth: 'true' }`;
  const services: unknown[] = [];
  for (const [policy, given] of [
    [resources, named],
    ['', named],
    ['', env],
  ] as const) {
    const tracing = `{ host: "${otlp.host}", randomSampling: true, ${policy} }`;
    await using gw = await gateway(config(echo.host, tracing), { env: given });
    await ask(gw.port);
    services.push((await otlp.spans(2 * (services.length + 1))).at(-1)?.resource);
  }
  expect(services).toMatchObject([
    { 'service.name': 'edge', team: 'a b', count: 1, truth: true, 'k8s.pod.name': 'p', 'k8s.namespace.name': 'n' },
    { 'service.name': 'foo' },
    { 'service.name': 'agentgateway' },
  ]);
  expect(services[0]).not.toHaveProperty('fails');
  expect(services[0]).toMatchObject({ 'service.instance.id': 'agentgateway~~p.n~n.svc.cluster.local' });
});

test('every attempt has a span, and a call that failed says why', async () => {
  await using echo = await EchoServer.start();
  await using otlp = await OtlpReceiver.grpc();
  const nowhere = await freePort();
  const tracing = `{ host: "${otlp.host}", randomSampling: true }`;
  const retry = 'policies: { retry: { attempts: 1, codes: [500] } }';
  await using gw = await gateway(config(`127.0.0.1:${nowhere}`, tracing, retry), { env });
  await ask(gw.port);
  const [server, first, second] = await otlp.spans(3);
  expect(server?.status).toMatchObject({
    code: 'STATUS_CODE_ERROR',
    message: expect.stringContaining('upstream call failed'),
  });
  expect(server?.attributes).not.toHaveProperty('error');
  for (const call of [first, second]) {
    expect(call?.attributes['error.type']).toBe('UpstreamFailure');
    expect(call?.status.code).toBe('STATUS_CODE_ERROR');
    expect(call?.parentSpanId).toBe(server?.spanId);
  }
  expect(first?.spanId).not.toBe(second?.spanId);
  // An upstream's own failure is an answer.
  await using failing = await EchoServer.start('failing', (_request, response) => response.writeHead(500).end());
  await gw.reload(config(failing.host, tracing));
  await ask(gw.port);
  expect((await otlp.spans(5)).slice(3).map(({ status }) => status.code)).toEqual([
    'STATUS_CODE_UNSET',
    'STATUS_CODE_UNSET',
  ]);
  expect(echo.requests).toEqual([]);
});

test('a request that no route takes is traced as well', async () => {
  await using echo = await EchoServer.start();
  await using otlp = await OtlpReceiver.grpc();
  const tracing = `{ host: "${otlp.host}", randomSampling: true }`;
  const exact = 'matches: [ { path: { exact: /x } } ]';
  await using gw = await gateway(config(echo.host, tracing, exact), { env });
  await ask(gw.port, { path: '/nope' });
  await ask(gw.port, { path: '/x' });
  expect((await otlp.spans(3)).map(({ name }) => name)).toEqual(['unknown', 'GET /x', 'GET']);
});

test('what is not exported yet is when the policy goes, and when the gateway does', async () => {
  await using echo = await EchoServer.start();
  await using otlp = await OtlpReceiver.grpc();
  const late = { OTEL_BSP_SCHEDULE_DELAY: '600000' };
  const tracing = `{ host: "${otlp.host}", randomSampling: true }`;
  {
    await using gw = await gateway(config(echo.host, tracing), { env: late });
    await ask(gw.port);
    await gw.reload(config(echo.host, null));
    expect(await otlp.spans(2)).toHaveLength(2);
    await gw.reload(config(echo.host, tracing));
    await ask(gw.port);
    await gw.drain();
  }
  expect(otlp.exports).toHaveLength(2);
  expect(await otlp.spans(4)).toHaveLength(4);
});

test('a request that outlives its policy is exported all the same', async () => {
  const asked = Promise.withResolvers<ServerResponse>();
  await using echo = await EchoServer.start('echo', (_request, response) => asked.resolve(response));
  await using otlp = await OtlpReceiver.grpc();
  const late = { OTEL_BSP_SCHEDULE_DELAY: '600000' };
  {
    await using gw = await gateway(config(echo.host, `{ host: "${otlp.host}", randomSampling: true }`), { env: late });
    const answer = ask(gw.port);
    const response = await asked.promise;
    await gw.reload(config(echo.host, null));
    response.end();
    await answer;
    await gw.line();
  }
  expect(await otlp.spans(2)).toHaveLength(2);
});

test('a receiver that is away costs spans, never requests, and is told once', async () => {
  await using echo = await EchoServer.start();
  const nowhere = await freePort();
  const tracing = `{ host: "127.0.0.1:${nowhere}", randomSampling: true }`;
  let log: readonly string[];
  {
    await using gw = await gateway(config(echo.host, tracing), { env });
    log = gw.log;
    for (let i = 0; i < 3; i++) expect((await ask(gw.port)).status).toBe(200);
  }
  expect(log.filter((line) => line.includes('spans are not exported'))).toHaveLength(1);
});

test('a receiver that asks for patience gets the batch again', async () => {
  await using echo = await EchoServer.start();
  await using otlp = await OtlpReceiver.http((number) => (number < 3 ? 503 : null));
  const tracing = `{ host: "${otlp.host}", protocol: http, path: /own, randomSampling: true }`;
  await using gw = await gateway(config(echo.host, tracing), { env });
  await ask(gw.port);
  expect(await otlp.spans(2)).toHaveLength(2);
  expect(otlp.exports.map(({ path }) => path)).toEqual(['/own', '/own', '/own']);
  expect(gw.log).toEqual([]);
});

test('a receiver that refuses gets nothing again', async () => {
  await using echo = await EchoServer.start();
  await using otlp = await OtlpReceiver.http((number) => (number === 1 ? 400 : null));
  const tracing = `{ host: "${otlp.host}", protocol: http, randomSampling: true }`;
  await using gw = await gateway(config(echo.host, tracing), { env });
  await ask(gw.port, { path: '/1' });
  await otlp.exported(1);
  await ask(gw.port, { path: '/2' });
  const paths = (await otlp.spans(2)).map(({ attributes }) => attributes['http.path']);
  expect(paths).toEqual(['/2', '/2']);
});

test('TEL-41: what a policy asks is a span of its own, and says why it failed', async () => {
  verifies('TEL-41');
  await using echo = await EchoServer.start();
  await using otlp = await OtlpReceiver.grpc();
  await using authz = await extAuthz((request) => {
    const { path } = (request.attributes as { request: { http: { path: string } } }).request.http;
    if (path === '/broken') throw Object.assign(new Error('out of order'), { code: 14 });
    return { status: { code: path === '/denied' ? 7 : 0 } };
  });
  const tracing = `{ host: "${otlp.host}", randomSampling: true }`;
  await using gw = await gateway(config(echo.host, tracing, `policies: { extAuthz: { host: "${authz.host}" } }`), {
    env,
  });
  const spansOf = async (path: string, count: number) => {
    const before = (await otlp.spans(0)).length;
    await ask(gw.port, { path });
    return (await otlp.spans(before + count)).slice(before);
  };

  const [server, check, primary] = await spansOf('/', 3);
  expect(check).toMatchObject({
    name: 'ExtAuthz',
    kind: 'SPAN_KIND_CLIENT',
    traceId: server?.traceId,
    parentSpanId: server?.spanId,
    status: { code: 'STATUS_CODE_UNSET' },
    attributes: {
      'agentgateway.outbound.kind': 'Policy',
      'agentgateway.outbound.subtype': 'ExtAuthz',
      'http.method': 'POST',
      'http.path': '/envoy.service.auth.v3.Authorization/Check',
      'http.status': 200,
      'grpc.status': 0,
    },
  });
  expect(check?.attributes).not.toHaveProperty('error.type');
  expect(primary).toMatchObject({ name: 'GET', parentSpanId: server?.spanId });
  // The service sees its caller.
  expect(authz.metadata[0]?.get('traceparent')).toEqual([`00-${check?.traceId}-${check?.spanId}-01`]);
  expect(echo.requests[0]?.headers.traceparent).toBe(`00-${primary?.traceId}-${primary?.spanId}-01`);

  const [denied, answered] = await spansOf('/denied', 2);
  const deniedLine = await gw.line(2);
  expect(denied?.status).toEqual({ code: 'STATUS_CODE_ERROR', message: deniedLine.error });
  expect(answered).toMatchObject({ name: 'ExtAuthz', status: { code: 'STATUS_CODE_UNSET' } });

  const [failed, broken] = await spansOf('/broken', 2);
  expect(broken).toMatchObject({
    name: 'ExtAuthz',
    attributes: { 'error.type': 'UNAVAILABLE', 'grpc.status': 14 },
    status: { code: 'STATUS_CODE_ERROR', message: 'out of order' },
  });
  expect(failed?.status).toEqual({ code: 'STATUS_CODE_ERROR', message: (await gw.line(3)).error });

  authz.die();
  const [, gone] = await spansOf('/', 2);
  expect(gone?.attributes).toMatchObject({ 'error.type': 'UpstreamFailure' });
  expect(gone?.status.code).toBe('STATUS_CODE_ERROR');
});

test('TEL-42: the old section exports to its path, with its headers', async () => {
  verifies('TEL-42');
  await using echo = await EchoServer.start();
  await using otlp = await OtlpReceiver.http();
  const old = `{ otlpEndpoint: "http://${otlp.host}/custom/v1/t", otlpProtocol: http, randomSampling: true, headers: { authorization: s3cret } }`;
  const text = config(echo.host, null).replace('frontendPolicies: {  }', `config: { tracing: ${old} }`);
  await using gw = await gateway(text, { env: { ...env, OTLP_HEADERS: 'x-tenant=a' } });
  await ask(gw.port);
  expect(await otlp.spans(2)).toHaveLength(2);
  expect(otlp.exports).toMatchObject([
    { path: '/custom/v1/t', headers: { authorization: 's3cret', 'x-tenant': 'a', host: otlp.host } },
  ]);
});

test('TEL-42: exports by TLS', async () => {
  await using echo = await EchoServer.start();
  using certificates = new Certificates({ otlp: ['DNS:otlp.test'] });
  await using otlp = await OtlpReceiver.http(() => null, {
    cert: certificates.read('otlp.pem'),
    key: certificates.read('otlp.key'),
  });
  const tls = `{ backendTLS: { root: "${certificates.path('ca.pem')}", hostname: otlp.test } }`;
  const tracing = `{ host: "${otlp.host}", protocol: http, randomSampling: true, policies: ${tls} }`;
  await using gw = await gateway(config(echo.host, tracing), { env });
  await ask(gw.port);
  expect(await otlp.spans(2)).toHaveLength(2);
});

test('a gRPC request is named by its method, a model’s call is told apart', async () => {
  await using echo = await EchoServer.start();
  await using otlp = await OtlpReceiver.grpc();
  const tracing = `{ host: "${otlp.host}", randomSampling: true }`;
  await using gw = await gateway(config(echo.host, tracing), { env });
  await ask(gw.port, { method: 'POST', path: '/pkg.Service/Method', headers: { 'content-type': 'application/grpc' } });
  expect((await otlp.spans(2))[0]?.name).toBe('pkg.Service/Method');
  const model = `{ name: m, provider: { openAI: {} }, hostOverride: "${echo.host}" }`;
  await gw.reload(config(echo.host, tracing).replace(`{ host: "${echo.host}" }`, `{ ai: ${model} }`));
  const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }] });
  await ask(gw.port, {
    method: 'POST',
    path: '/v1/chat/completions',
    headers: { 'content-type': 'application/json' },
    body,
  });
  const [server, call] = (await otlp.spans(4)).slice(2);
  expect(server?.attributes).toMatchObject({ protocol: 'llm', 'gen_ai.request.model': 'm' });
  expect(call?.attributes['agentgateway.outbound.subtype']).toBe('Llm');
});

test('a call that was given up says why: the time was over, the client was gone', async () => {
  const asked = Promise.withResolvers<void>();
  await using echo = await EchoServer.start('echo', (request) => {
    if (request.url === '/left') asked.resolve();
  });
  await using otlp = await OtlpReceiver.grpc();
  const tracing = `{ host: "${otlp.host}", randomSampling: true }`;
  const timeout = `policies: { timeout: { requestTimeout: 20ms } }`;
  await using gw = await gateway(config(echo.host, tracing, timeout), { env });
  await ask(gw.port);
  const [server, call] = await otlp.spans(2);
  expect(server?.status).toEqual({ code: 'STATUS_CODE_ERROR', message: 'request timeout' });
  expect(call).toMatchObject({ status: { code: 'STATUS_CODE_ERROR' }, attributes: { 'error.type': 'Timeout' } });
  expect(call?.attributes).not.toHaveProperty(['http.status']);

  await gw.reload(config(echo.host, tracing));
  const client = await RawClient.connect(gw.port);
  client.write('GET /left HTTP/1.1\r\nhost: x\r\n\r\n');
  await asked.promise;
  await client[Symbol.asyncDispose]();
  const left = (await otlp.spans(4)).slice(2);
  expect(left[0]?.status.code).toBe('STATUS_CODE_UNSET');
  expect(left[1]?.attributes['error.type']).toBe('Cancelled');
});
