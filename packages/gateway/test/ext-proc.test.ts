import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { bodies, processing } from './support/ext-proc-config.ts';
import { gateway } from './support/gateway.ts';
import type { GrpcService, Plain } from './support/grpc-services.ts';
import { freePort } from './support/ports.ts';
import {
  bodyOf,
  changed,
  ends,
  headOf,
  parts,
  processor,
  replaced,
  streamed,
  unchanged,
} from './support/processors.ts';
import { verifies } from './verifies.ts';

const config = processing;
const noBodies = bodies('none');
const text = { host: 'h.test', 'content-type': 'text/plain' };

test('POL-44: the processor changes the head of the request', async () => {
  verifies('POL-44');
  await using echo = await EchoServer.start();
  await using service = await processor((part, message, call) =>
    part === 'request_headers'
      ? changed(part, { ':path': '/new?a=1', 'x-added': 'ü' }, ['X-Secret'])
      : unchanged(part, message, call),
  );
  await using gw = await gateway(config(echo, service));
  const answer = await ask(gw.port, { path: '/old?b=2', headers: { ...text, 'x-secret': 's', 'x-kept': '\xe9' } });
  expect(answer.status).toBe(200);
  const [seen] = echo.requests;
  expect(seen).toMatchObject({ url: '/new?a=1', headers: { 'x-kept': '\xe9' } });
  expect(Buffer.from(seen?.headers['x-added'] as string, 'latin1').toString()).toBe('ü');
  expect(seen?.headers).not.toHaveProperty('x-secret');
  expect(headOf(service.requests[0])).toMatchObject({
    ':method': 'GET',
    ':scheme': 'http',
    ':authority': 'h.test',
    ':path': '/old?b=2',
    'x-secret': 's',
    'x-kept': '\xe9',
  });
  expect(parts(service)).toEqual(['request_headers!', 'response_headers', 'response_body', 'response_body!']);
  expect(headOf(service.requests[1])).toMatchObject({ ':status': '200', 'content-type': 'application/json' });
});

test('POL-46: in full duplex the body streams through, and its length is not announced', async () => {
  verifies('POL-46');
  await using echo = await EchoServer.start();
  await using service = await processor((part, message, call) => {
    if (part !== 'request_body') return unchanged(part, message, call);
    return streamed(part, bodyOf(message).toString().toUpperCase(), ends(message));
  });
  await using gw = await gateway(config(echo, service));
  const answer = await ask(gw.port, { method: 'POST', headers: text, body: 'some words' });
  expect(answer.status).toBe(200);
  expect(echo.requests[0]).toMatchObject({ body: 'SOME WORDS', headers: { 'transfer-encoding': 'chunked' } });
  expect(echo.requests[0]?.headers).not.toHaveProperty('content-length');
  expect(answer.headers).not.toHaveProperty('content-length');
  expect(JSON.parse(answer.text).body).toBe('SOME WORDS');
});

test('POL-45: a buffered body of another length than was announced is an error', async () => {
  verifies('POL-45');
  await using echo = await EchoServer.start();
  const body = { word: 'longer than before', headers: {} as Plain };
  await using service = await processor((part, message, call) =>
    part === 'request_body' ? replaced(part, body.word, body.headers) : unchanged(part, message, call),
  );
  const options = bodies('buffered');
  await using gw = await gateway(config(echo, service, options));
  const wrong = await ask(gw.port, { method: 'POST', headers: text, body: 'four' });
  expect([wrong.status, wrong.text]).toEqual([
    500,
    'ext_proc failed: the new body has 18 bytes and content-length says 4',
  ]);
  expect(await gw.line()).toMatchObject({ reason: 'ExtProc' });
  expect(echo.requests).toEqual([]);

  body.word = 'FOUR';
  expect((await ask(gw.port, { method: 'POST', headers: text, body: 'four' })).status).toBe(200);
  expect(echo.requests[0]).toMatchObject({ body: 'FOUR', headers: { 'content-length': '4' } });

  body.word = 'longer';
  body.headers = { remove_headers: ['content-length'] };
  expect((await ask(gw.port, { method: 'POST', headers: text, body: 'four' })).status).toBe(200);
  expect(echo.requests[1]).toMatchObject({ body: 'longer', headers: { 'content-length': '6' } });
});

test('POL-47: an immediate response to the request goes to the client, and nobody else is asked', async () => {
  verifies('POL-47');
  await using echo = await EchoServer.start();
  await using service = await processor(() => ({
    immediate_response: {
      status: { code: 418 },
      headers: { set_headers: [{ header: { key: 'x-why', value: 'tea' } }] },
      body: Buffer.from('short and stout'),
    },
  }));
  await using gw = await gateway(config(echo, service));
  for (const method of ['GET', 'POST']) {
    const answer = await ask(gw.port, { method, headers: text, ...(method === 'POST' ? { body: 'x' } : {}) });
    expect([answer.status, answer.text, answer.headers['x-why']]).toEqual([418, 'short and stout', 'tea']);
  }
  expect(echo.connections).toBe(0);
  expect(await gw.line()).toMatchObject({ reason: 'DirectResponse', 'http.status': 418 });
});

test('POL-48: where nobody answers, failing open lets the request and its response pass', async () => {
  verifies('POL-48');
  await using echo = await EchoServer.start();
  const nobody = { host: `127.0.0.1:${await freePort()}` };
  await using gw = await gateway(config(echo, nobody, 'failureMode: failOpen'));
  expect((await ask(gw.port, { headers: text })).status).toBe(200);
  // Nothing was sent, so nothing is lost.
  const posted = await ask(gw.port, { method: 'POST', headers: text, body: 'words' });
  expect([posted.status, posted.headers['content-type']]).toEqual([200, 'application/json']);
  expect(echo.requests[1]).toMatchObject({ body: 'words', headers: { 'content-length': '5' } });

  await gw.reload(config(echo, nobody));
  const closed = await ask(gw.port, { headers: text });
  expect([closed.status, closed.text]).toEqual([500, 'ext_proc failed: the processor cannot be asked']);
  expect(await gw.line(3)).toMatchObject({ reason: 'ExtProc', error: expect.stringContaining('upstream call failed') });
});

test('POL-49: a processor that dies when it has seen of the body takes the request with it', async () => {
  verifies('POL-49');
  await using echo = await EchoServer.start();
  await using service: GrpcService = await processor((part) => {
    if (part === 'request_body') service.die();
    return undefined;
  });
  await using gw = await gateway(config(echo, service, 'failureMode: failOpen'));
  const answer = await ask(gw.port, { method: 'POST', headers: text, body: 'words' });
  expect([answer.status, answer.text]).toEqual([500, 'ext_proc failed: the processor cannot be asked']);
  expect(echo.requests).toEqual([]);
});

test("POL-50: other modes are the processor's to choose only where it is allowed", async () => {
  verifies('POL-50');
  await using echo = await EchoServer.start();
  await using service = await processor((part, message, call) => {
    if (part !== 'request_headers') return unchanged(part, message, call);
    return {
      [part]: {},
      mode_override: { response_header_mode: 'SKIP', request_body_mode: 'NONE', response_body_mode: 'NONE' },
    };
  });
  await using gw = await gateway(config(echo, service, 'processingOptions: { responseBodyMode: none }'));
  await ask(gw.port, { headers: text });
  expect(parts(service)).toEqual(['request_headers!', 'response_headers']);

  await gw.reload(config(echo, service, 'processingOptions: { responseBodyMode: none, allowModeOverride: true }'));
  service.requests.length = 0;
  await ask(gw.port, { headers: text });
  expect(parts(service)).toEqual(['request_headers!']);
});

test('POL-77: a host that the processor sets is the authority', async () => {
  verifies('POL-77');
  await using echo = await EchoServer.start();
  await using service = await processor((part) =>
    part === 'request_headers' ? changed(part, { host: 'X.test' }) : { [part]: {} },
  );
  const backend = { ...echo, host: `localhost:${echo.port}` } as EchoServer;
  await using gw = await gateway(config(backend, service, noBodies));
  await ask(gw.port, { headers: text });
  expect(echo.requests[0]?.rawHeaders.filter((name) => name.toLowerCase() === 'host')).toHaveLength(1);
  expect(echo.requests[0]?.headers.host).toBe('x.test');
});

test('POL-44: in the gateway phase the processor decides which route matches', async () => {
  verifies('POL-44');
  await using first = await EchoServer.start('first');
  await using second = await EchoServer.start('second');
  await using service = await processor((part) =>
    part === 'request_headers' ? changed(part, { ':path': '/second', ':authority': 'other.test' }) : { [part]: {} },
  );
  const phases = (where: 'gateway' | 'route') => {
    const extProc = `extProc: { host: "${service.host}", ${noBodies} }`;
    return `
gateways: { default: { port: PORT, ${where === 'gateway' ? extProc : ''} } }
routes:
- matches: [ { path: { exact: /second } } ]
  backends: [ { host: "${second.host}" } ]
- backends: [ { host: "${first.host}" } ]
  policies: { ${where === 'route' ? extProc : ''} }
`;
  };
  await using gw = await gateway(phases('gateway'));
  const chosen = await ask(gw.port, { path: '/first', headers: text });
  expect(JSON.parse(chosen.text)).toMatchObject({ upstream: 'second', url: '/second' });
  await gw.reload(phases('route'));
  const kept = await ask(gw.port, { path: '/first', headers: text });
  expect(JSON.parse(kept.text)).toMatchObject({ upstream: 'first', url: '/second' });
});

test('gateway and route may each have a processor: in this order on the request, route first on the response', async () => {
  await using echo = await EchoServer.start();
  const append = (name: string) =>
    processor((part) => {
      const header = { key: 'x-by', value: name };
      return { [part]: { response: { header_mutation: { set_headers: [{ header, append: { value: true } }] } } } };
    });
  await using early = await append('gateway');
  await using late = await append('route');
  await using gw = await gateway(`
gateways: { default: { port: PORT, extProc: { host: "${early.host}", ${noBodies} } } }
routes:
- policies: { extProc: { host: "${late.host}", ${noBodies} } }
  backends: [ { host: "${echo.host}" } ]
`);
  const answer = await ask(gw.port, { headers: text });
  expect(echo.requests[0]?.rawHeaders.filter((_, i, all) => all[i - 1] === 'x-by')).toEqual(['gateway', 'route']);
  expect(answer.rawHeaders.filter((_, i, all) => all[i - 1] === 'x-by')).toEqual(['route', 'gateway']);
});

test('both stream the body, one behind the other', async () => {
  await using echo = await EchoServer.start();
  const wrap = (mark: string) =>
    processor((part, message, call) => {
      if (!part.endsWith('_body')) return unchanged(part, message, call);
      return streamed(part, ends(message) ? mark : bodyOf(message), ends(message));
    });
  await using early = await wrap('g');
  await using late = await wrap('r');
  await using gw = await gateway(`
gateways: { default: { port: PORT, extProc: { host: "${early.host}" } } }
routes:
- policies: { extProc: { host: "${late.host}" } }
  backends: [ { host: "${echo.host}" } ]
`);
  const answer = await ask(gw.port, { method: 'POST', headers: text, body: 'x' });
  expect(echo.requests[0]?.body).toBe('xgr');
  expect(answer.text.endsWith('}rg')).toBe(true);
});

test('answers of the gateway itself are not processed, and the stream ends with the exchange', async () => {
  await using echo = await EchoServer.start();
  await using service = await processor(unchanged);
  await using gw = await gateway(config(echo, service, '', 'directResponse: { status: 200, body: local }'));
  expect((await ask(gw.port, { headers: text })).text).toBe('local');
  await service.givenUp(1);
  expect(parts(service)).toEqual(['request_headers!']);

  const nobody = { host: `127.0.0.1:${await freePort()}` };
  await gw.reload(config(nobody, service));
  expect((await ask(gw.port, { headers: text })).status).toBe(503);
  await service.givenUp(2);
  expect(parts(service)).toEqual(['request_headers!', 'request_headers!']);
});

test('an immediate response to the response takes its place', async () => {
  await using echo = await EchoServer.start();
  await using service = await processor((part, message, call) =>
    part === 'response_headers'
      ? { immediate_response: { body: Buffer.from('instead') } }
      : unchanged(part, message, call),
  );
  await using gw = await gateway(config(echo, service));
  const answer = await ask(gw.port, { headers: text });
  // Without a status it is a 200.
  expect([answer.status, answer.text, answer.headers['content-type']]).toEqual([200, 'instead', undefined]);
});

test('the processor is told what was asked for: attributes once, metadata always, fields of the call', async () => {
  await using echo = await EchoServer.start();
  await using service = await processor(unchanged);
  await using gw = await gateway(
    config(
      echo,
      service,
      `
      metadataContext: {
        tenant: {
          name: 'request.headers["x-tenant"]', missing: 'request.headers["x-none"]', list: '[1, {"a": true}]'
        },
        agentgateway.dev.grpc_initial_metadata: {
          x-tenant: 'request.headers["x-tenant"]', x-n: "7", x-l: "[1]", te: '"x"'
        }
      },
      requestAttributes: { path: request.path, broken: "1 / 0" },
      responseAttributes: { code: response.code },
      `,
    ),
  );
  await ask(gw.port, { method: 'POST', path: '/p', headers: { ...text, 'x-tenant': 't1' }, body: 'x' });
  expect(service.metadata[0]?.getMap()).toMatchObject({ 'x-tenant': 't1', 'x-n': '7' });
  expect(service.metadata[0]?.getMap()).not.toHaveProperty('x-l');
  for (const message of service.requests) {
    expect(plain(message.metadata_context)).toEqual({
      filter_metadata: { tenant: { name: 't1', list: [1, { a: true }] } },
    });
  }
  const told = service.requests.map(({ request, attributes, protocol_config }) => [
    request,
    plain(attributes),
    protocol_config === undefined || protocol_config === null ? null : protocol_config,
  ]);
  const extProc = (members: Plain) => ({ 'envoy.filters.http.ext_proc': members });
  expect(told).toEqual([
    [
      'request_headers',
      extProc({ path: '/p' }),
      expect.objectContaining({
        request_body_mode: 'FULL_DUPLEX_STREAMED',
        response_body_mode: 'FULL_DUPLEX_STREAMED',
      }),
    ],
    ['request_body', undefined, null],
    ['request_body', undefined, null],
    ['response_headers', extProc({ code: 200 }), null],
    ['response_body', undefined, null],
    ['response_body', undefined, null],
  ]);
});

/** `google.protobuf.Struct`, as the loader shows it, as plain data. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const { kind, fields, values } = value as Record<string, unknown>;
  if (typeof kind === 'string') return plain((value as Record<string, unknown>)[kind]);
  if (fields !== undefined) return plain(fields);
  if (values !== undefined) return plain(values);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}

test('what the processor finds out is there for later policies', async () => {
  await using echo = await EchoServer.start();
  const words = { fields: { team: { stringValue: 'blue' } } };
  await using service = await processor((part, message, call) =>
    part === 'request_headers' ? { [part]: {}, dynamic_metadata: words } : unchanged(part, message, call),
  );
  await using gw = await gateway(`
gateways: { default: { port: PORT, extProc: { host: "${service.host}" } } }
routes:
- policies: { authorization: { rules: [ 'extproc.team == "blue"' ] } }
  backends: [ { host: "${echo.host}" } ]
`);
  expect((await ask(gw.port, { headers: text })).status).toBe(200);
  words.fields.team.stringValue = 'red';
  expect((await ask(gw.port, { headers: text })).status).toBe(403);
});

test('of conditional processors the first that fits is asked, for the response too', async () => {
  await using echo = await EchoServer.start();
  await using admin = await processor((part) => changed(part, { 'x-by': 'admin' }));
  await using other = await processor((part) => changed(part, { 'x-by': 'other' }));
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- policies:
    extProc:
      conditional:
      - { condition: 'request.path.startsWith("/admin")', host: "${admin.host}", ${noBodies} }
      - { condition: 'request.path.startsWith("/other")', host: "${other.host}", ${noBodies} }
  backends: [ { host: "${echo.host}" } ]
`);
  const by = async (path: string) => (await ask(gw.port, { path, headers: text })).headers['x-by'];
  expect([await by('/admin'), await by('/other'), await by('/none')]).toEqual(['admin', 'other', undefined]);
  expect([admin.requests.length, other.requests.length]).toEqual([2, 2]);
});

test('headers that are skipped are not seen, and the first message of a body says what they would have', async () => {
  await using echo = await EchoServer.start();
  await using service = await processor((part, message, call) =>
    part === 'request_body' ? replaced(part, 'new', { remove_headers: ['x-kept'] }) : unchanged(part, message, call),
  );
  const skip = 'requestHeaderMode: skip, responseHeaderMode: skip';
  const options = `requestAttributes: { path: request.path }, ${bodies('buffered', 'none', skip)}`;
  await using gw = await gateway(config(echo, service, options));
  await ask(gw.port, { headers: text });
  expect(service.requests).toEqual([]);
  await ask(gw.port, { method: 'POST', headers: { ...text, 'x-kept': '1' }, body: 'words' });
  expect(parts(service)).toEqual(['request_body!']);
  expect(service.requests[0]).toMatchObject({ protocol_config: { request_body_mode: 'BUFFERED' } });
  expect(Object.keys(service.requests[0]?.attributes as object)).toEqual(['envoy.filters.http.ext_proc']);
  // Of the head it says nothing, so it may not change it; the length is not compared with what it did not see.
  expect(echo.requests[1]).toMatchObject({ body: 'new', headers: { 'x-kept': '1', 'content-length': '3' } });
});

test('a head without a body is the end of the stream', async () => {
  await using echo = await EchoServer.start('echo', (request, response) => {
    if (request.method === 'HEAD') response.setHeader('content-length', '9').end();
    else response.writeHead(204).end();
  });
  await using service = await processor(unchanged);
  await using gw = await gateway(config(echo, service));
  const head = await ask(gw.port, { method: 'HEAD', headers: text });
  expect([head.status, head.headers['content-length']]).toEqual([200, '9']);
  expect((await ask(gw.port, { headers: text })).status).toBe(204);
  expect(parts(service)).toEqual(['request_headers!', 'response_headers!', 'request_headers!', 'response_headers!']);
});

test('a switch of protocols is seen and passes', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })));
  await once(server, 'listening');
  const upstream = { host: `127.0.0.1:${(server.address() as AddressInfo).port}` };
  await using service = await processor(unchanged);
  await using gw = await gateway(config(upstream, service));
  const socket = new WebSocket(`ws://127.0.0.1:${gw.port}/`);
  await once(socket, 'open');
  socket.send('hello');
  expect(String((await once(socket, 'message'))[0])).toBe('hello');
  expect(parts(service)).toEqual(['request_headers!', 'response_headers!']);
  expect(headOf(service.requests[1])[':status']).toBe('101');
  socket.terminate();
  await gw.line();
  await new Promise((resolve) => server.close(resolve));
});

test('of several tries the processor sees the request once, and the last response', async () => {
  let tries = 0;
  await using echo = await EchoServer.start('echo', (_request, response, { body }) => {
    response.writeHead(++tries < 3 ? 503 : 200).end(body);
  });
  await using service = await processor(unchanged);
  await using gw = await gateway(config(echo, service, '', 'retry: { attempts: 3, codes: [503] }'));
  const answer = await ask(gw.port, { method: 'POST', headers: text, body: 'words' });
  expect([answer.status, answer.text, tries]).toEqual([200, 'words', 3]);
  expect(parts(service).filter((part) => part.includes('headers'))).toEqual(['request_headers', 'response_headers']);
});

test('the response is processed behind its transformations, status included', async () => {
  await using echo = await EchoServer.start();
  await using service = await processor((part) =>
    part === 'response_headers' ? changed(part, { ':status': '203' }) : { [part]: {} },
  );
  const transformations = `transformations: { response: { set: { x-seen: '"yes"' } } }`;
  await using gw = await gateway(config(echo, service, noBodies, transformations));
  expect((await ask(gw.port, { headers: text })).status).toBe(203);
  expect(headOf(service.requests[1])).toMatchObject({ 'x-seen': 'yes', ':status': '200' });
});

test('a body of any size passes where nobody could be asked', async () => {
  await using echo = await EchoServer.start();
  const nobody = { host: `127.0.0.1:${await freePort()}` };
  await using gw = await gateway(config(echo, nobody, 'failureMode: failOpen'));
  for (const mode of ['fullDuplexStreamed', 'buffered', 'bufferedPartial']) {
    await gw.reload(config(echo, nobody, `failureMode: failOpen, ${bodies(mode)}`));
    const body = `${mode} `.repeat(60_000);
    expect((await ask(gw.port, { method: 'POST', headers: text, body })).status).toBe(200);
    expect(echo.requests.at(-1)?.body === body).toBe(true);
  }
});
