import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { OtlpReceiver } from './support/otlp-receiver.ts';
import { verifies } from './verifies.ts';

const env = { OTEL_BLRP_SCHEDULE_DELAY: '1', OTEL_BSP_SCHEDULE_DELAY: '1' };

const config = (backend: string, accessLog: string, rest = '') => `
gateways: { default: { port: PORT } }
frontendPolicies:
  accessLog: ${accessLog}
  ${rest}
routes: [ { name: api, backends: [ { host: "${backend}" } ] } ]
`;

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

test.each(['grpc', 'http'] as const)('TEL-43: a record says over %s what the line says', async (protocol) => {
  verifies('TEL-43');
  await using echo = await EchoServer.start();
  await using otlp = await OtlpReceiver[protocol]();
  const add = `{ tenant: 'request.headers["x-tenant"]', n: '1.5', whole: '2.0', ok: 'true', list: '[1, {"a": 1e21}]', h: 'flatten({"a": 1, "n": null})', gone: 'null' }`;
  await using gw = await gateway(
    config(echo.host, `{ add: ${add}, remove: [ src.addr ], otlp: { host: "${otlp.host}", protocol: ${protocol} } }`),
    { env },
  );
  await ask(gw.port, { path: '/a?key=secret', headers: { host: 'h', 'x-tenant': 't1', traceparent } });
  const [log, ...others] = await otlp.logs(1);
  expect(others).toEqual([]);
  const { level, time, scope, ...line } = await gw.line();
  expect({ level, scope }).toEqual({ level: 'info', scope: 'request' });
  expect(log).toMatchObject({
    severityNumber: 'SEVERITY_NUMBER_INFO',
    severityText: 'INFO',
    body: null,
    scope: 'agentgateway.access',
    resource: { 'service.name': 'agentgateway' },
    traceId: line['trace.id'],
    spanId: line['span.id'],
  });
  expect(log?.traceId).toBe(traceparent.slice(3, 35));
  expect(log?.attributes).toEqual({
    ...line,
    n: { double: 1.5 },
    whole: { double: 2 },
    list: '[1,{"a":1e+21}]',
  });
  expect(log?.attributes).toMatchObject({ tenant: 't1', ok: true, 'h.a': 1, 'http.status': 200 });
  expect(JSON.stringify(log?.attributes)).not.toContain('secret');
  // The line is written when the record is made.
  const written = Date.parse(String(time));
  expect(Number((log?.time ?? 0n) / 1_000_000n)).toBe(written);
  expect(otlp.exports[0]?.path).toBe(protocol === 'grpc' ? 'LogsService' : '/v1/logs');
});

test('TEL-43: a collector has a filter and keys of its own, or those of the lines', async () => {
  verifies('TEL-43');
  await using echo = await EchoServer.start();
  await using otlp = await OtlpReceiver.grpc();
  const to = `host: "${otlp.host}"`;
  await using gw = await gateway(
    config(
      echo.host,
      `{ filter: 'request.path == "/kept"', remove: [ http.host ], otlp: { ${to}, fields: { remove: [ http.path ] } } }`,
    ),
    { env },
  );
  await ask(gw.port, { path: '/lost' });
  await ask(gw.port, { path: '/kept' });
  const [kept, ...others] = await otlp.logs(1);
  expect(others).toEqual([]);
  expect(kept?.attributes).toHaveProperty(['http.host']);
  expect(kept?.attributes).not.toHaveProperty(['http.path']);
  expect(gw.lines).toHaveLength(1);
  expect(gw.lines[0]).toMatchObject({ 'http.path': '/kept' });
  expect(gw.lines[0]).not.toHaveProperty(['http.host']);

  await gw.reload(config(echo.host, `{ filter: 'false', add: { a: '1' }, otlp: { ${to}, filter: 'true' } }`));
  await ask(gw.port, { path: '/only-there' });
  expect((await otlp.logs(2))[1]?.attributes).toMatchObject({ 'http.path': '/only-there', a: 1 });
  await gw.reload(config(echo.host, `{ otlp: { ${to}, filter: 'false' } }`));
  await ask(gw.port, { path: '/only-here' });
  expect(await gw.line(2)).toMatchObject({ 'http.path': '/only-here' });
  await gw.drain();
  expect(await otlp.logs(2)).toHaveLength(2);
});

test('the collector is called with its own policies, and their secret is shown to nobody else', async () => {
  await using otlp = await OtlpReceiver.http();
  const auth = 'policies: { backendAuth: { key: planted } }';
  await using gw = await gateway(
    config(
      '127.0.0.1:1',
      `{ add: { all: 'variables()' }, otlp: { host: "${otlp.host}", protocol: http, path: /x/logs, ${auth} } }`,
    ),
    { env },
  );
  await ask(gw.port);
  const [log] = await otlp.logs(1);
  expect(otlp.exports[0]).toMatchObject({ path: '/x/logs', headers: { authorization: 'Bearer planted' } });
  expect(JSON.stringify(log?.attributes)).not.toContain('planted');
  expect(gw.texts.join('')).not.toContain('planted');
});

test('records go on where lines are off', async () => {
  await using otlp = await OtlpReceiver.grpc();
  await using gw = await gateway(
    `config: { logging: { level: request=off } }\n${config('127.0.0.1:1', `{ otlp: { host: "${otlp.host}" } }`)}`,
    { env },
  );
  await ask(gw.port);
  const [log] = await otlp.logs(1);
  expect(log?.attributes).toMatchObject({ 'http.status': 503, reason: 'UpstreamFailure', error: expect.any(String) });
  expect(gw.texts).toEqual([]);
});

test('what is still held is handed over at the end', async () => {
  await using otlp = await OtlpReceiver.grpc();
  {
    await using gw = await gateway(config('127.0.0.1:1', `{ otlp: { host: "${otlp.host}" } }`), {
      env: { OTEL_BLRP_SCHEDULE_DELAY: '3600000' },
    });
    await ask(gw.port);
    await gw.line();
    expect(otlp.exports).toHaveLength(0);
  }
  expect(await otlp.logs(1)).toHaveLength(1);
});
