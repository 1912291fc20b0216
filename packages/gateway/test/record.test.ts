import http from 'node:http';
import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { count } from './support/counts.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { H2Client } from './support/h2-client.ts';
import { H2Upstream } from './support/h2-upstream.ts';
import { RawClient } from './support/raw.ts';
import { verifies } from './verifies.ts';

const to = (host: string) => `
gateways: { default: { port: PORT } }
routes: [ { name: api, backends: [ { host: "${host}" } ] } ]
`;

test('one line, its keys in their order and no others', async () => {
  verifies('TEL-1', 'TEL-2');
  await using echo = await EchoServer.start();
  await using gw = await gateway(to(echo.host));
  await ask(gw.port, { path: '/a?x=1', headers: { host: 'h:1' } });
  const line = await gw.line();
  expect(Object.keys(line)).toEqual([
    'level',
    'time',
    'scope',
    'gateway',
    'listener',
    'route',
    'endpoint',
    'src.addr',
    'http.method',
    'http.host',
    'http.path',
    'http.version',
    'http.status',
    'protocol',
    'duration',
  ]);
  expect(line).toMatchObject({
    level: 'info',
    scope: 'request',
    route: 'default/api',
    'http.host': 'h',
    'http.path': '/a?x=1',
    'http.status': 200,
    duration: expect.stringMatching(/^\d+ms$/),
  });
});

test('the same as text', async () => {
  verifies('TEL-3');
  await using echo = await EchoServer.start();
  await using gw = await gateway(to(echo.host), { format: 'text' });
  await ask(gw.port);
  expect(gw.texts).toHaveLength(1);
  expect(gw.texts[0]).toMatch(
    /^\S+\tinfo\trequest gateway=default\/default listener=\S+ .*http\.status=200 .*duration=\d+ms\n$/,
  );
});

test('a stream is logged when it ends, not before', async () => {
  verifies('TEL-9');
  const pieces = Promise.withResolvers<(text: string | null) => void>();
  await using echo = await EchoServer.start('pieces', (_request, response) => {
    pieces.resolve((text) => (text === null ? response.end() : response.write(text)));
  });
  await using gw = await gateway(to(echo.host));
  await using client = await RawClient.connect(gw.port);
  client.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  const send = await pieces.promise;
  for (const text of ['one', 'two', 'three']) {
    send(text);
    await client.until(text);
    expect(gw.lines).toHaveLength(0);
  }
  send(null);
  await client.until('0\r\n\r\n');
  expect(gw.lines).toHaveLength(1);
  expect(gw.lines[0]).toMatchObject({ 'http.status': 200 });
  expect(count(gw.metrics(), 'agentgateway_response_bytes_total')).toBe(11);
});

test('a client that leaves in the middle is one line, and the upstream is let go', async () => {
  verifies('TEL-10');
  const gone = Promise.withResolvers<void>();
  await using echo = await EchoServer.start('endless', (_request, response) => {
    response.on('close', gone.resolve);
    response.write('first');
  });
  await using gw = await gateway(to(echo.host));
  await using client = await RawClient.connect(gw.port);
  client.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  await client.until('first');
  client.socket.destroy();
  await gone.promise;
  expect(await gw.line()).toMatchObject({ 'http.status': 200 });
  expect(gw.lines).toHaveLength(1);
});

test('a client that leaves before there is an answer is one line too', async () => {
  const gone = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  await using echo = await EchoServer.start('thinking', (request) => {
    request.socket.on('close', () => gone.resolve());
    asked.resolve();
  });
  await using gw = await gateway(to(echo.host));
  await using client = await RawClient.connect(gw.port);
  client.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  await asked.promise;
  client.socket.destroy();
  await gone.promise;
  const line = await gw.line();
  expect(line).not.toHaveProperty('http.status');
  expect(line).toMatchObject({ endpoint: echo.host });
  expect(gw.lines).toHaveLength(1);
});

test('the status of a gRPC call is read from where it stands', async () => {
  verifies('TEL-11');
  await using upstream = await H2Upstream.start((request, response) => {
    response.setHeader('content-type', 'application/grpc');
    if (request.url === '/p.S/HeadersOnly') response.setHeader('grpc-status', '5');
    else response.addTrailers({ 'grpc-status': '13' });
    response.end(request.url === '/p.S/HeadersOnly' ? '' : 'message');
  });
  await using gw = await gateway(to(upstream.host));
  await using client = new H2Client(gw.url(''));
  const call = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };
  const answer = await client.ask({ ...call, ':path': '/p.S/Trailers' }, 'x');
  expect(answer).toMatchObject({ status: 200, text: 'message', trailers: { 'grpc-status': '13' } });
  await client.ask({ ...call, ':path': '/p.S/HeadersOnly' });
  await gw.line(2);
  expect(gw.lines.map((line) => line['grpc.status'])).toEqual([13, 5]);
});

test('an upstream that breaks off is told to the client and stands in the record', async () => {
  await using echo = await EchoServer.start('breaking', (request, response) => {
    if (request.url === '/length') response.setHeader('content-length', '100');
    response.write('half');
    setImmediate(() => request.socket.destroy());
  });
  await using gw = await gateway(to(echo.host));
  for (const [i, path] of ['/length', '/chunked'].entries()) {
    const answer = await ask(gw.port, { path });
    expect(answer).toMatchObject({ status: 200, text: 'half', whole: false });
    expect(await gw.line(i + 1)).toMatchObject({ 'http.status': 200, reason: 'UpstreamFailure' });
    expect(gw.lines[i]?.error).toMatch(/^upstream call failed/);
  }
});

test('reasons of what the gateway answers itself', async () => {
  verifies('TEL-12');
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- { matches: [ { path: { exact: /direct } } ], policies: { directResponse: { status: 201 } } }
- { matches: [ { path: { exact: /key } } ], policies: { apiKey: { mode: strict, keys: [ { key: secret-key } ] }, directResponse: { status: 200 } } }
`);
  for (const path of ['/direct', '/nothing', '/key']) await ask(gw.port, { path });
  await ask(gw.port, { path: '/key', headers: { authorization: 'Bearer secret-key' } });
  await gw.line(4);
  expect(gw.lines.map((line) => [line['http.status'], line.reason])).toEqual([
    [201, 'DirectResponse'],
    [404, 'NotFound'],
    [401, 'APIKeyAuth'],
    [200, 'DirectResponse'],
  ]);
  expect(gw.lines.map((line) => line.error !== undefined)).toEqual([false, true, true, false]);
  expect(gw.texts.join('')).not.toContain('secret-key');
});

test('requests are counted by what they were and what became of them', async () => {
  await using echo = await EchoServer.start('echo', (_request, response) => response.writeHead(202).end('12345'));
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- { name: api, matches: [ { path: { exact: /api } } ], backends: [ { backend: named } ] }
backends: [ { name: named, host: "${echo.host}" } ]
`);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < 3; i++) await ask(gw.port, { path: '/api', method: 'PUT', agent });
  await ask(gw.port, { path: '/other', agent });
  const bind = `bind/${gw.port}`;
  const labels = { backend: '/named', protocol: 'http', method: 'PUT', status: '202', reason: 'Upstream', bind };
  const where = { gateway: 'default/default', listener: 'default', route: 'default/api', route_rule: 'unknown' };
  const metrics = gw.metrics();
  expect(count(metrics, 'agentgateway_requests_total', { ...labels, ...where })).toBe(3);
  expect(count(metrics, 'agentgateway_response_bytes_total', labels)).toBe(15);
  expect(count(metrics, 'agentgateway_request_duration_seconds_count', labels)).toBe(3);
  const lost = { status: '404', reason: 'NotFound', backend: 'unknown', route: 'unknown' };
  expect(count(metrics, 'agentgateway_requests_total', lost)).toBe(1);
  expect(count(metrics, 'agentgateway_upstream_connect_duration_seconds_count', { transport: 'plaintext' })).toBe(1);
  expect(count(metrics, 'agentgateway_upstream_call_duration_seconds_count', { kind: 'Primary' })).toBe(3);
  agent.destroy();
});

test('a call to an upstream is counted whatever became of it', async () => {
  await using echo = await EchoServer.start('breaking', (request, response) => {
    if (request.url === '/fine') response.end();
    else request.socket.destroy();
  });
  await using gw = await gateway(to(echo.host));
  const calls = () =>
    count(gw.metrics(), 'agentgateway_upstream_call_duration_seconds_count', { kind: 'Primary', subtype: 'Http' });
  expect((await ask(gw.port, { path: '/fine' })).status).toBe(200);
  expect(calls()).toBe(1);
  expect((await ask(gw.port, { method: 'POST' })).status).toBe(503);
  expect(calls()).toBe(2);
});

test('TEL-27: labels of the configuration', async () => {
  verifies('TEL-27');
  await using echo = await EchoServer.start();
  await using gw = await gateway(`
config:
  metrics: { fields: { add: { tenant: 'request.headers["x-tenant"]', num: '5', size: 'string(size(request.body))' } } }
${to(echo.host)}`);
  await ask(gw.port, { method: 'POST', headers: { 'x-tenant': 't1' }, body: '12345' });
  await ask(gw.port);
  await gw.line(2);
  const metrics = gw.metrics();
  for (const name of ['requests_total', 'request_duration_seconds_count', 'response_processing_seconds_count']) {
    const counted = (labels: Record<string, string>) => count(metrics, `agentgateway_${name}`, labels);
    expect(counted({ tenant: 't1', num: 'unknown', size: '5', route: 'default/api' })).toBe(1);
    expect(counted({ tenant: 'unknown', num: 'unknown', size: '0' })).toBe(1);
  }
  expect(count(metrics, 'agentgateway_downstream_connections_total', { bind: `bind/${gw.port}` })).toBe(2);
  expect(count(metrics, 'agentgateway_downstream_connections_total', { tenant: 'unknown' })).toBe(0);
});

test('connections are counted when they come, their bytes when they go', async () => {
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes: [ { policies: { directResponse: { status: 200, body: hi } } } ]
`);
  const request = 'GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n';
  const where = { bind: `bind/${gw.port}`, gateway: 'default/default', listener: 'default', protocol: 'http' };
  const counted = (name: string) => count(gw.metrics(), `agentgateway_downstream_${name}_total`, where);
  let length = 0;
  {
    await using client = await RawClient.connect(gw.port);
    client.write(request);
    length = (await client.end()).length;
    expect(counted('connections')).toBe(1);
  }
  // The server hears of the close after the client: a second connection is accepted behind it.
  await ask(gw.port);
  expect([counted('connections'), counted('received_bytes')]).toEqual([2, request.length]);
  expect(counted('sent_bytes')).toBe(length);
});
