import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Authorization, ExternalProcessor, RateLimitResponse_Code, RateLimitService } from '@agentgateway/protos';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GatewayError } from '../src/pipeline/errors.ts';
import { GrpcCallout } from '../src/policies/grpc-callout.ts';
import { testExchange } from '../src/policies/testing.ts';
import { TestCallouts } from './support/callouts.ts';
import { EchoServer } from './support/echo.ts';
import { extAuthz, extProc, rateLimit } from './support/grpc-services.ts';
import { freePort } from './support/ports.ts';

let callouts: TestCallouts;
beforeEach(() => {
  callouts = new TestCallouts();
});
afterEach(() => callouts[Symbol.asyncDispose]());

const { shouldRateLimit } = RateLimitService.method;
const { process: processing } = ExternalProcessor.method;

const limits = (port: number, maxMessage?: number) => new GrpcCallout(callouts.to(port), 'RateLimit', maxMessage);
const processor = (port: number) => new GrpcCallout(callouts.to(port), 'ExtProc');

test('one message there and one back, as another implementation reads and writes them', async () => {
  await using service = await rateLimit(() => ({
    overall_code: 'OVER_LIMIT',
    statuses: [{ code: 'OVER_LIMIT', current_limit: { requests_per_unit: 5, unit: 'WEEK' }, limit_remaining: 0 }],
    raw_body: Buffer.from('\xff\x00', 'latin1'),
  }));
  const answer = await limits(service.port).unary(
    shouldRateLimit,
    {
      domain: 'grüße',
      descriptors: [
        { entries: [{ key: 'a', value: 'b' }], hitsAddend: 2n ** 53n, limit: { requestsPerUnit: 1, unit: 4 } },
      ],
    },
    { exchange: testExchange(), metadata: [['x-tenant', 't1']], timeout: 10_000 },
  );
  expect(service.requests).toEqual([
    {
      domain: 'grüße',
      descriptors: [
        {
          entries: [{ key: 'a', value: 'b' }],
          hits_addend: { value: '9007199254740992' },
          limit: { requests_per_unit: 1, unit: 'DAY' },
        },
      ],
    },
  ]);
  expect(service.metadata[0]?.getMap()).toMatchObject({ 'x-tenant': 't1' });
  expect(answer.overallCode).toBe(RateLimitResponse_Code.OVER_LIMIT);
  expect(answer.statuses[0]?.currentLimit?.requestsPerUnit).toBe(5);
  expect([...answer.rawBody]).toEqual([0xff, 0]);
});

test('a status is an error with its code and its words', async () => {
  await using service = await extAuthz(() => {
    throw Object.assign(new Error('unused'), { code: 8, details: '100 % übervoll' });
  });
  const call = new GrpcCallout(callouts.to(service.port), 'ExtAuthz');
  const answer = call.unary(Authorization.method.check, {}, { exchange: null });
  await expect(answer).rejects.toMatchObject({ name: 'GrpcError', code: 8, message: '100 % übervoll' });
});

test('a message may be large, unless a limit is set', async () => {
  const body = Buffer.alloc(3_000_000, 7);
  await using service = await rateLimit(() => ({ overall_code: 'OK', raw_body: body }));
  const answer = await limits(service.port).unary(shouldRateLimit, {}, { exchange: null });
  expect(body.equals(answer.rawBody)).toBe(true);
  const limited = limits(service.port, 1_000_000).unary(shouldRateLimit, {}, { exchange: null });
  await expect(limited).rejects.toMatchObject({ name: 'GrpcError', code: 8 });
});

test('the end of the exchange ends the call at the service', async () => {
  await using service = await rateLimit(() => new Promise(() => {}));
  const exchange = testExchange();
  const call = limits(service.port).unary(shouldRateLimit, {}, { exchange });
  await service.received(1);
  const left = new Error('the client has left');
  exchange.abort.abort(left);
  await expect(call).rejects.toBe(left);
  await service.givenUp(1);
});

test('a timeout ends the call at the service', async () => {
  await using service = await rateLimit(() => new Promise(() => {}));
  const call = limits(service.port).unary(shouldRateLimit, {}, { exchange: null, timeout: 50 });
  await expect(call).rejects.toMatchObject({ name: 'GatewayError', code: 'upstreamCallTimeout' });
  await service.givenUp(1);
});

test('nobody listens, the service dies, the service speaks something else: each is an error of its own', async () => {
  const none = limits(await freePort()).unary(shouldRateLimit, {}, { exchange: null });
  await expect(none).rejects.toMatchObject({ name: 'GatewayError', code: 'upstreamCallFailed' });

  await using dying = await rateLimit(() => {
    dying.die();
    return new Promise(() => {});
  });
  const died = limits(dying.port).unary(shouldRateLimit, {}, { exchange: null });
  await expect(died).rejects.toMatchObject({ name: 'GatewayError', code: 'upstreamCallFailed' });

  await using http1 = await EchoServer.start();
  const wrong = limits(http1.port).unary(shouldRateLimit, {}, { exchange: null });
  await expect(wrong).rejects.toMatchObject({ name: 'GatewayError', code: 'upstreamCallFailed' });
});

test.each<[string, (stream: http2.ServerHttp2Stream) => void, object]>([
  ['HTML', (stream) => answer(stream, { 'content-type': 'text/html' }, '<p>'), { code: 2 }],
  ['503', (stream) => answer(stream, { ':status': 503 }, 'busy'), { code: 14 }],
  ['404', (stream) => answer(stream, { ':status': 404 }, ''), { code: 12 }],
  ['no trailers', (stream) => answer(stream, grpc, message(0, '\x08\x01')), { code: 2 }],
  ['half a message', (stream) => answer(stream, grpc, message(0, '\x08\x01').slice(0, -1), '0'), { code: 13 }],
  ['no message', (stream) => answer(stream, grpc, '', '0'), { code: 13 }],
  ['two messages', (stream) => answer(stream, grpc, message(0, '').repeat(2), '0'), { code: 13 }],
  ['no protobuf', (stream) => answer(stream, grpc, message(0, '\xff\xff'), '0'), { code: 13 }],
  ['compressed', (stream) => answer(stream, grpc, message(1, 'x'), '0'), { code: 13 }],
  ['a strange status', (stream) => answer(stream, grpc, '', 'fine'), { code: 2 }],
  ['a status alone', (stream) => answer(stream, { ...grpc, 'grpc-status': '7', 'grpc-message': '%' }, ''), { code: 7 }],
  ['a reset', (stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR), { name: 'GatewayError' }],
])('an answer that makes no sense is an error: %s', async (_name, handler, expected) => {
  await using server = await rawHttp2(handler);
  const call = limits(server.port).unary(shouldRateLimit, {}, { exchange: null });
  await expect(call).rejects.toMatchObject({ name: 'GrpcError', ...expected });
});

test('a stream carries messages both ways until both have ended', async () => {
  await using service = await extProc((call) => {
    call.on('data', ({ request_body }) => call.write({ request_body: { response: { body_mutation: request_body } } }));
    call.on('end', () => call.end());
  });
  const stream = processor(service.port).stream(processing, { exchange: testExchange() });
  const got: string[] = [];
  stream.send({ request: { case: 'requestBody', value: { body: Buffer.from('0') } } });
  for await (const { response } of stream.messages) {
    if (response.case !== 'requestBody') throw new Error(`unexpected ${response.case}`);
    const mutation = response.value.response?.bodyMutation?.mutation;
    got.push(Buffer.from(mutation?.case === 'body' ? mutation.value : []).toString());
    const body = Buffer.from(String(got.length));
    if (got.length < 3) stream.send({ request: { case: 'requestBody', value: { body } } });
    else stream.end();
  }
  expect(got).toEqual(['0', '1', '2']);
  expect([stream.over, service.cancelled]).toEqual([true, 0]);
});

test('a stream that the service ends with a status', async () => {
  await using service = await extProc((call) => {
    call.write({ dynamic_metadata: { fields: { a: { stringValue: 'b' } } } });
    call.emit('error', Object.assign(new Error('no'), { code: 9, details: 'no more' }));
  });
  const stream = processor(service.port).stream(processing, { exchange: null });
  const read = async () => {
    const got: unknown[] = [];
    try {
      for await (const message of stream.messages) got.push(message.dynamicMetadata);
    } catch (error) {
      return [got, error];
    }
    return [got];
  };
  expect(await read()).toMatchObject([[{ a: 'b' }], { name: 'GrpcError', code: 9, message: 'no more' }]);
  // Late words are no error.
  stream.send({});
  stream.end();
});

test('who leaves a stream cancels it: by word, by leaving the loop, by the end of the exchange', async () => {
  await using service = await extProc((call) => call.on('data', () => call.write({})));
  const reason = new Error('enough');

  const byWord = processor(service.port).stream(processing, { exchange: null });
  byWord.send({});
  await service.received(1);
  byWord.cancel(reason);
  await expect(all(byWord.messages)).rejects.toBe(reason);
  await service.givenUp(1);

  const byLeaving = processor(service.port).stream(processing, { exchange: null });
  byLeaving.send({});
  for await (const _ of byLeaving.messages) break;
  await service.givenUp(2);

  const exchange = testExchange();
  const byEnd = processor(service.port).stream(processing, { exchange });
  byEnd.send({});
  await service.received(3);
  exchange.abort.abort(reason);
  expect(byEnd.over).toBe(true);
  await service.givenUp(3);
});

test('a stream to nobody tells its reader', async () => {
  const stream = processor(await freePort()).stream(processing, { exchange: null });
  stream.send({});
  await expect(all(stream.messages)).rejects.toBeInstanceOf(GatewayError);
  expect(stream.over).toBe(true);
});

test('a service that does not read fills the stream, and empties it when it does', async () => {
  let resume = () => {};
  const opened = Promise.withResolvers<void>();
  await using service = await extProc((call) => {
    call.pause();
    resume = () => call.resume();
    call.on('end', () => call.end());
    opened.resolve();
  });
  const stream = processor(service.port).stream(processing, { exchange: null });
  const chunk = { request: { case: 'requestBody', value: { body: Buffer.alloc(65_536) } } } as const;
  stream.send(chunk);
  await opened.promise;
  let sent = 1;
  while (!stream.full) {
    stream.send(chunk);
    sent++;
    if (sent % 16 === 0) await new Promise(setImmediate);
  }
  const drained = new Promise<void>((resolve) => {
    stream.onDrain = resolve;
  });
  resume();
  await drained;
  expect(stream.full).toBe(false);
  stream.end();
  expect(await all(stream.messages)).toEqual([]);
  expect(service.requests).toHaveLength(sent);
});

test('a reader that is slow stops the service', async () => {
  const count = 200;
  let written = 0;
  await using service = await extProc((call) => {
    const body_mutation = { body: Buffer.alloc(65_536) };
    const more = () => {
      while (written < count) {
        written++;
        if (!call.write({ response_body: { response: { body_mutation } } })) return void call.once('drain', more);
      }
      call.end();
    };
    if (written === 0) more();
  });
  const stream = processor(service.port).stream(processing, { exchange: null });
  const reader = stream.messages[Symbol.asyncIterator]();
  await reader.next();
  // Other calls on the same connection come and go: what was going to flow has flowed.
  for (let i = 1; i <= 3; i++) {
    const other = processor(service.port).stream(processing, { exchange: null });
    other.send({});
    await service.received(i);
    other.cancel(new Error('only a round trip'));
  }
  expect(written).toBeLessThan(count);
  let got = 1;
  while (!(await reader.next()).done) got++;
  expect(got).toBe(count);
});

async function all<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const got: T[] = [];
  for await (const message of messages) got.push(message);
  return got;
}

const grpc = { ':status': 200, 'content-type': 'application/grpc' };

function message(flag: number, content: string): string {
  return String.fromCharCode(flag, 0, 0, 0, content.length) + content;
}

function answer(stream: http2.ServerHttp2Stream, head: http2.OutgoingHttpHeaders, body: string, status?: string): void {
  stream.respond(head, { waitForTrailers: status !== undefined });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status as string }));
  stream.end(Buffer.from(body, 'latin1'));
}

async function rawHttp2(handler: (stream: http2.ServerHttp2Stream) => void) {
  const sessions = new Set<http2.ServerHttp2Session>();
  const server = http2.createServer();
  server.on('session', (session) => sessions.add(session.on('error', () => {})));
  server.on('stream', (stream) => handler(stream.on('error', () => {})));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}
