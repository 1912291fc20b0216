import { once } from 'node:events';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { bodies, processing } from './support/ext-proc-config.ts';
import { gateway } from './support/gateway.ts';
import { answerOn, H2Client } from './support/h2-client.ts';
import { H2Upstream } from './support/h2-upstream.ts';
import {
  bodyOf,
  ends,
  headOf,
  mutation,
  parts,
  processor,
  replaced,
  type Script,
  streamed,
  unchanged,
} from './support/processors.ts';

const text = { host: 'h.test', 'content-type': 'text/plain' };
const post = { method: 'POST', headers: text };
const small = 'frontendPolicies: { http: { maxBufferSize: 10 } }';

/** Answers nothing but what every mode takes for "as it is". */
const nod: Script = (part) => ({ [part]: {} });

test('a buffered body comes in one message, and goes on as it came, was changed, or was taken away', async () => {
  await using echo = await EchoServer.start();
  let answer: Script = nod;
  await using service = await processor((part, message, call) =>
    part === 'request_body' ? answer(part, message, call) : nod(part, message, call),
  );
  await using gw = await gateway(processing(echo, service, bodies('buffered')));
  const chunked = { ...text, 'transfer-encoding': 'chunked' };
  expect((await ask(gw.port, { method: 'POST', headers: chunked, body: 'words' })).status).toBe(200);
  expect(parts(service)).toEqual(['request_headers', 'request_body!', 'response_headers']);
  expect(String(bodyOf(service.requests[1] ?? {}))).toBe('words');
  answer = (part) => replaced(part, 'other words');
  await ask(gw.port, { method: 'POST', headers: chunked, body: 'words' });
  answer = (part) => ({ [part]: { response: { body_mutation: { clear_body: true } } } });
  await ask(gw.port, { method: 'POST', headers: chunked, body: 'words' });
  answer = (part) => streamed(part, 'streamed', true);
  await ask(gw.port, { ...post, body: 'words' });
  expect(echo.requests.map(({ body }) => body)).toEqual(['words', 'other words', '', 'streamed']);
  expect(echo.requests[3]?.headers).toMatchObject({ 'transfer-encoding': 'chunked' });
});

test('of a body over the limit a prefix is sent, and the rest goes on behind it', async () => {
  await using echo = await EchoServer.start();
  await using service = await processor((part, message, call) =>
    part === 'request_body' ? replaced(part, bodyOf(message).toString().toUpperCase()) : nod(part, message, call),
  );
  await using gw = await gateway(`${small}\n${processing(echo, service, bodies('bufferedPartial'))}`);
  expect((await ask(gw.port, { ...post, body: 'abcdefghijklmno' })).status).toBe(200);
  expect(parts(service)).toEqual(['request_headers', 'request_body', 'response_headers']);
  expect(echo.requests[0]).toMatchObject({ body: 'ABCDEFGHIJklmno', headers: { 'transfer-encoding': 'chunked' } });
  const long = 'x'.repeat(1_000_000);
  await ask(gw.port, { ...post, body: long });
  expect(echo.requests[1]?.body).toBe(`${'X'.repeat(10)}${long.slice(10)}`);
  service.requests.length = 0;
  await ask(gw.port, { ...post, body: 'short' });
  expect(parts(service)).toEqual(['request_headers', 'request_body!', 'response_headers']);
  expect(echo.requests[2]).toMatchObject({ body: 'SHORT', headers: { 'content-length': '5' } });
});

test('a body that is too long to be held is 413, on the way back an error', async () => {
  // In its better form (spec/README): a request over a limit is the client's mistake.
  await using echo = await EchoServer.start();
  await using service = await processor(nod);
  await using gw = await gateway(`${small}\n${processing(echo, service, bodies('buffered'))}`);
  expect((await ask(gw.port, { ...post, body: '12345678901' })).status).toBe(413);
  expect(echo.requests).toEqual([]);
  await gw.reload(`${small}\n${processing(echo, service, bodies('none', 'buffered'))}`);
  const answer = await ask(gw.port, { headers: text });
  expect([answer.status, answer.text]).toEqual([500, 'ext_proc failed: the response is larger than 10 bytes']);
});

test('a compressed body is sent as it is on the wire', async () => {
  const packed = gzipSync('words');
  await using echo = await EchoServer.start('echo', (_request, response) => {
    response.setHeader('content-encoding', 'gzip').end(packed);
  });
  await using service = await processor(nod);
  await using gw = await gateway(processing(echo, service, bodies('buffered', 'buffered')));
  await ask(gw.port, { method: 'POST', headers: { ...text, 'content-encoding': 'gzip' }, body: packed });
  const sent = service.requests.filter(({ request }) => String(request).endsWith('_body'));
  expect(sent.map((message) => gunzipSync(bodyOf(message)).toString())).toEqual(['words', 'words']);
});

/** Answers with the request's trailers as the body, and with trailers of its own. */
function trailing(): Promise<H2Upstream> {
  return H2Upstream.start(async (request, response) => {
    request.resume();
    await once(request, 'end');
    response.addTrailers({ 'x-down': 'old', 'x-gone': '1' });
    response.end(JSON.stringify(request.trailers));
  });
}

test.each(['fullDuplexStreamed', 'buffered'])('trailers are sent both ways, and may be changed: %s', async (mode) => {
  // In its better form (03 §12): the changes of trailers count.
  await using upstream = await trailing();
  await using service = await processor((part, message, call) => {
    if (part === 'request_trailers') return { [part]: { header_mutation: mutation({ 'x-up': 'new', ':path': '/x' }) } };
    if (part === 'response_trailers') return { [part]: { header_mutation: mutation({ 'x-more': '2' }, ['x-gone']) } };
    return mode === 'buffered' ? nod(part, message, call) : unchanged(part, message, call);
  });
  await using gw = await gateway(processing(upstream, service, bodies(mode, mode)));
  await using client = new H2Client(gw.url(''));
  const stream = client.session.request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true } as object);
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-up': 'old' }));
  stream.end('body');
  const answer = await answerOn(stream);
  expect(answer).toMatchObject({ status: 200, text: '{"x-up":"new"}', trailers: { 'x-down': 'old', 'x-more': '2' } });
  expect(answer.trailers).not.toHaveProperty('x-gone');
  const shape = ['headers', 'body', 'trailers'];
  expect(parts(service)).toEqual([
    ...shape.map((part) => `request_${part}`),
    ...shape.map((part) => `response_${part}`),
  ]);
  expect(headOf(service.requests[2])).toEqual({ 'x-up': 'old' });
});

test('trailers that are skipped pass by the processor', async () => {
  await using upstream = await trailing();
  await using service = await processor(nod);
  const skip = 'requestTrailerMode: skip, responseTrailerMode: skip';
  await using gw = await gateway(processing(upstream, service, bodies('none', 'buffered', skip)));
  await using client = new H2Client(gw.url(''));
  const answer = await client.ask({ ':method': 'POST', ':path': '/' }, 'body');
  expect(answer).toMatchObject({ status: 200, trailers: { 'x-down': 'old', 'x-gone': '1' } });
  expect(parts(service)).toEqual(['request_headers', 'response_headers', 'response_body!']);
});

test('in full duplex the upstream answers while the client still sends', async () => {
  await using upstream = await H2Upstream.start((request, response) => {
    request.pipe(response);
  });
  await using service = await processor(unchanged);
  await using gw = await gateway(processing(upstream, service));
  await using client = new H2Client(gw.url(''));
  const stream = client.open({ ':method': 'POST', ':path': '/' });
  for (const word of ['one', 'two', 'three']) {
    stream.write(word);
    const [back] = await once(stream, 'data');
    expect(String(back)).toBe(word);
  }
  stream.end();
  await once(stream, 'end');
});

test('a body that comes back as fast as it goes does not stop itself', async () => {
  const bytes = 4 * 1024 * 1024;
  await using upstream = await H2Upstream.start((request, response) => {
    request.pipe(response);
  });
  await using service = await processor(unchanged);
  await using gw = await gateway(processing(upstream, service));
  await using client = new H2Client(gw.url(''));
  const stream = client.open({ ':method': 'POST', ':path': '/' });
  stream.end(Buffer.alloc(bytes, 'x'));
  let back = 0;
  for await (const chunk of stream) back += (chunk as Buffer).length;
  expect(back).toBe(bytes);
});

test('the processor may end the body before the client does', async () => {
  await using upstream = await H2Upstream.start((request, response) => {
    request.pipe(response);
  });
  await using service = await processor((part, message, call) => {
    if (part !== 'request_body') return unchanged(part, message, call);
    return bodyOf(message).length === 0 ? undefined : streamed(part, 'enough', true);
  });
  await using gw = await gateway(processing(upstream, service, bodies('fullDuplexStreamed')));
  await using client = new H2Client(gw.url(''));
  const stream = client.open({ ':method': 'POST', ':path': '/' });
  stream.write('more than ');
  const answer = answerOn(stream);
  await once(stream, 'end');
  stream.end('was said');
  expect(await answer).toMatchObject({ status: 200, text: 'enough' });
});

test('modes that the processor chooses count from the answer on', async () => {
  await using echo = await EchoServer.start();
  await using service = await processor((part, message, call) => {
    if (part === 'request_headers') {
      const mode_override = { request_body_mode: 'BUFFERED', response_body_mode: 'FULL_DUPLEX_STREAMED' };
      return { [part]: {}, mode_override };
    }
    if (part === 'request_body') return replaced(part, 'NEW', mutation({ 'content-length': '3' }));
    return unchanged(part, message, call);
  });
  await using gw = await gateway(processing(echo, service, bodies('none', 'none', 'allowModeOverride: true')));
  const answer = await ask(gw.port, { ...post, body: 'words' });
  expect(JSON.parse(answer.text).body).toBe('NEW');
  const [head, body, ...others] = parts(service);
  expect([head, body]).toEqual(['request_headers', 'request_body!']);
  expect(others[0]).toBe('response_headers');
  expect(others.at(-1)).toBe('response_body!');
  expect(service.requests.filter(ends)).toHaveLength(2);
});
