import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
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

const noBodies = 'processingOptions: { requestBodyMode: none, responseBodyMode: none }';

function config(echo: EchoServer, service: Pick<GrpcService, 'host'>, options = '', more = ''): string {
  return `
gateways: { default: { port: PORT } }
routes:
- policies: { extProc: { host: "${service.host}", ${options} }, ${more} }
  backends: [ { host: "${echo.host}" } ]
`;
}

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
  const options = 'processingOptions: { requestBodyMode: buffered, responseBodyMode: none }';
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
