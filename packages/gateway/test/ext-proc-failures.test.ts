import { once } from 'node:events';
import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { bodies, processing } from './support/ext-proc-config.ts';
import { gateway } from './support/gateway.ts';
import type { GrpcService, Plain } from './support/grpc-services.ts';
import { answerOn, H2Client } from './support/h2-client.ts';
import { H2Upstream } from './support/h2-upstream.ts';
import { bodyOf, changed, parts, processor, type Script, streamed, unchanged } from './support/processors.ts';
import { RawClient } from './support/raw.ts';

const text = { host: 'h.test', 'content-type': 'text/plain' };
const post = { method: 'POST', headers: text, body: 'words' };

test.each([
  ['request_headers', 0],
  ['response_headers', 1],
])('a processor that hangs at %s is waited for as long as the request may take', async (where, asked) => {
  await using echo = await EchoServer.start();
  await using service = await processor((part, message, call) =>
    part === where ? undefined : unchanged(part, message, call),
  );
  await using gw = await gateway(processing(echo, service, bodies('none'), 'timeout: { requestTimeout: 200ms }'));
  const answer = await ask(gw.port, { headers: text });
  expect([answer.status, answer.text]).toEqual([504, 'request timeout']);
  expect(await gw.line()).toMatchObject({ reason: 'Timeout' });
  expect(echo.requests).toHaveLength(asked);
  await service.givenUp(1);
});

const wrong: [name: string, answer: Script][] = [
  [
    'a body before the headers',
    (_part, message, call) => unchanged('request_body', { ...message, request: 'request_headers' }, call),
  ],
  ['trailers before the headers', () => ({ request_trailers: {} })],
  ['the response before there is one', () => ({ response_headers: {} })],
  ['headers twice', (part) => [{ [part]: {} }, { [part]: {} }]],
  ['a status that is none', () => ({ immediate_response: { status: { code: 101 } } })],
];

test.each(wrong)(
  'a processor that answers out of order fails the request, and nothing else: %s',
  async (_name, answer) => {
    await using echo = await EchoServer.start();
    let good = false;
    await using service = await processor((part, message, call) =>
      good || part !== 'request_headers' ? unchanged(part, message, call) : answer(part, message, call),
    );
    await using gw = await gateway(processing(echo, service));
    const failed = await ask(gw.port, post);
    expect([failed.status, failed.text]).toEqual([500, expect.stringMatching(/^ext_proc failed: the processor('s|) /)]);
    expect(await gw.line()).toMatchObject({ reason: 'ExtProc' });
    good = true;
    expect((await ask(gw.port, post)).status).toBe(200);
  },
);

test('what nobody can read is no answer', async () => {
  await using upstream = await EchoServer.start();
  await using nonsense = await H2Upstream.start((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/grpc');
    response.end(Buffer.from('\x00\x00\x00\x00\x03\xff\xff\xff', 'latin1'));
  });
  const service = { host: `127.0.0.1:${nonsense.port}` };
  await using gw = await gateway(processing(upstream, service, bodies('none')));
  expect(await ask(gw.port, { headers: text })).toMatchObject({
    status: 500,
    text: 'ext_proc failed: the processor cannot be asked',
  });
  await gw.reload(processing(upstream, { host: upstream.host }, `failureMode: failOpen, ${bodies('none')}`));
  expect((await ask(gw.port, { headers: text })).status).toBe(200);
});

test('messages that say nothing, or only more than is understood, change nothing', async () => {
  await using echo = await EchoServer.start();
  await using service = await processor((part, message, call) => {
    const answer = unchanged(part, message, call) as Plain;
    return [{}, { override_message_timeout: { seconds: 9 } }, answer];
  });
  await using gw = await gateway(processing(echo, service));
  expect((await ask(gw.port, post)).status).toBe(200);
  expect(echo.requests[0]?.body).toBe('words');
});

test('what cannot be sent is left out, and the log says so', async () => {
  await using echo = await EchoServer.start();
  await using service = await processor((part) =>
    changed(part, { 'x-bad': 'a\nb', ':path': '/no path', 'x-good': '1' }),
  );
  await using gw = await gateway(processing(echo, service, bodies('none')));
  expect((await ask(gw.port, { headers: text })).status).toBe(200);
  expect(echo.requests[0]).toMatchObject({ url: '/', headers: { 'x-good': '1' } });
  expect(echo.requests[0]?.headers).not.toHaveProperty('x-bad');
  expect(gw.log).toContainEqual(expect.stringContaining('warn ext_proc a header cannot be set {"header":"x-bad"}'));
});

test('a processor that leaves before the response is asked about fails the response', async () => {
  await using echo = await EchoServer.start();
  await using service = await processor((part, message, call) => {
    const answer = unchanged(part, message, call);
    setImmediate(() => call.end());
    return answer;
  });
  await using gw = await gateway(processing(echo, service, `failureMode: failOpen, ${bodies('none')}`));
  const answer = await ask(gw.port, { headers: text });
  expect([answer.status, answer.text]).toEqual([500, 'ext_proc failed: the processor closed its stream']);
});

test('one that has no part in responses may leave when it likes', async () => {
  await using echo = await EchoServer.start();
  await using service = await processor((part, message, call) => {
    const answer = unchanged(part, message, call);
    setImmediate(() => call.end());
    return answer;
  });
  await using gw = await gateway(processing(echo, service, bodies('none', 'none', 'responseHeaderMode: skip')));
  expect((await ask(gw.port, { headers: text })).status).toBe(200);
});

test('a processor that closes its stream before the end of the request is an error, not the end of the body', async () => {
  // In its better form (design: a wrong answer is never made to look right).
  const codes: number[] = [];
  await using upstream = await H2Upstream.start((request) => {
    request.resume();
    request.stream.on('close', () => codes.push(request.stream.rstCode ?? 0));
  });
  await using service = await processor((part, message, call) => {
    if (part !== 'request_body') return unchanged(part, message, call);
    setImmediate(() => call.end());
    return streamed(part, bodyOf(message));
  });
  await using gw = await gateway(processing(upstream, service));
  await using client = new H2Client(gw.url(''));
  const stream = client.open({ ':method': 'POST', ':path': '/' });
  stream.write('words');
  const answer = await answerOn(stream);
  expect([answer.status, answer.text]).toEqual([500, 'ext_proc failed: the processor closed its stream']);
  expect(await gw.line()).toMatchObject({ reason: 'ExtProc', 'http.status': 500 });
  expect(upstream.requests.length).toBe(codes.filter((code) => code !== 0).length);
});

test('a response that the processor leaves in the middle is cut off, and the record says why', async () => {
  await using echo = await EchoServer.start();
  await using service: GrpcService = await processor((part, message, call) => {
    if (part !== 'response_body') return unchanged(part, message, call);
    setImmediate(() => service.die());
    return streamed(part, 'beginning');
  });
  await using gw = await gateway(processing(echo, service, bodies('none', 'fullDuplexStreamed')));
  await using client = await RawClient.connect(gw.port);
  client.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  expect(await client.until('beginning')).toContain('HTTP/1.1 200');
  expect(await client.end()).not.toContain('0\r\n\r\n');
  expect(await gw.line()).toMatchObject({ reason: 'ExtProc', 'http.status': 200 });
});

test('an immediate response while the body streams ends the call of the upstream and takes the place of its answer', async () => {
  const closed = Promise.withResolvers<void>();
  await using upstream = await H2Upstream.start((request) => {
    request.resume();
    request.stream.on('close', () => closed.resolve());
  });
  const began = Promise.withResolvers<void>();
  await using service = await processor((part, message, call) => {
    if (part !== 'request_body') return unchanged(part, message, call);
    if (bodyOf(message).toString() === 'bad') {
      return { immediate_response: { status: { code: 403 }, body: Buffer.from('not that') } };
    }
    setImmediate(() => began.resolve());
    return unchanged(part, message, call);
  });
  await using gw = await gateway(processing(upstream, service, '', 'retry: { attempts: 3, codes: [503] }'));
  await using client = new H2Client(gw.url(''));
  const stream = client.open({ ':method': 'POST', ':path': '/' });
  stream.write('good');
  await began.promise;
  while (upstream.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
  stream.write('bad');
  const answer = await answerOn(stream);
  expect([answer.status, answer.text]).toEqual([403, 'not that']);
  await closed.promise;
  expect(upstream.requests).toHaveLength(1);
  expect(await gw.line()).toMatchObject({ reason: 'DirectResponse', 'http.status': 403 });
});

test('an immediate response that comes when the client has the head of another cuts that off', async () => {
  await using echo = await EchoServer.start();
  await using service = await processor((part, message, call) => {
    if (part !== 'response_body') return unchanged(part, message, call);
    return [streamed(part, 'beginning'), { immediate_response: { status: { code: 403 } } }];
  });
  await using gw = await gateway(processing(echo, service, bodies('none', 'fullDuplexStreamed')));
  const answer = await ask(gw.port, { headers: text });
  expect([answer.status, answer.whole]).toEqual([200, false]);
  expect(await gw.line()).toMatchObject({ reason: 'ExtProc' });
});

test('a client that leaves ends the stream, wherever it is', async () => {
  await using echo = await EchoServer.start();
  await using service = await processor(() => undefined);
  await using gw = await gateway(processing(echo, service));
  const waiting = await RawClient.connect(gw.port);
  waiting.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  await service.received(1);
  await waiting[Symbol.asyncDispose]();
  await service.givenUp(1);

  await using client = new H2Client(gw.url(''));
  const stream = client.open({ ':method': 'POST', ':path': '/' });
  stream.write('words');
  await service.received(3);
  stream.close(8);
  await service.givenUp(2);
  expect(echo.connections).toBe(0);
  expect(gw.log.filter((line) => line.includes('threw'))).toEqual([]);
});

test('a client that leaves in the middle of a response ends the stream', async () => {
  await using upstream = await H2Upstream.start((_request, response) => {
    response.write('first');
  });
  await using service = await processor(unchanged);
  await using gw = await gateway(processing(upstream, service));
  await using client = new H2Client(gw.url(''));
  const stream = client.open({ ':path': '/' });
  await once(stream, 'data');
  stream.close(8);
  await service.givenUp(1);
  expect(await gw.line()).not.toHaveProperty('reason', 'ExtProc');
});

test('an upstream that breaks off ends the stream, and is to blame', async () => {
  await using upstream = await H2Upstream.start((request, response) => {
    if (request.method === 'POST') {
      request.stream.close(2);
      return;
    }
    response.write('first');
    request.stream.once('drain', () => {});
    setImmediate(() => request.stream.close(2));
  });
  await using service = await processor(unchanged);
  await using gw = await gateway(processing(upstream, service));
  await using client = new H2Client(gw.url(''));
  const posting = client.open({ ':method': 'POST', ':path': '/' });
  posting.write('words');
  expect((await answerOn(posting)).status).toBe(503);
  await service.givenUp(1);
  const getting = await client.ask({ ':path': '/' });
  expect(getting.code === 0 && getting.status === 200).toBe(false);
  await service.givenUp(2);
  expect(await gw.line(2)).toMatchObject({ reason: 'UpstreamFailure' });
});

test('a client that breaks off its body is to blame', async () => {
  await using echo = await EchoServer.start();
  await using service = await processor((part) => (part === 'request_headers' ? { [part]: {} } : undefined));
  await using gw = await gateway(processing(echo, service, bodies('buffered')));
  await using client = await RawClient.connect(gw.port);
  client.write('POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n');
  await service.received(1);
  client.write('nonsense\r\n');
  expect(await client.end()).toMatch(/^HTTP\/1\.1 400 /);
  await service.givenUp(1);
  expect(parts(service)).toEqual(['request_headers']);
});
