import { type BodyConsumer, type BodyStream, Headers, isStream, Response } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { captureRequest } from '../../pipeline/capture.ts';
import { noPorts, testExchange } from '../testing.ts';
import { transformationsSchema, transformationsSpec } from './schema.ts';
import { compileTransformationRequest, compileTransformationResponse } from './step.ts';

type Options = Parameters<typeof testExchange>[0];

function onRequest(request: object, options: Options = {}) {
  const exchange = testExchange(options);
  const spec = transformationsSpec(transformationsSchema.parse({ request }));
  compileTransformationRequest(spec, noPorts)?.(exchange);
  return exchange;
}

function onResponse(response: object, given: Response, options: Options = {}) {
  const exchange = testExchange(options);
  exchange.response = given;
  const spec = transformationsSpec(transformationsSchema.parse({ response }));
  compileTransformationResponse(spec, noPorts)?.(exchange, given);
  return { exchange, response: given };
}

const fieldsOf = ({ headers }: { readonly headers: Headers }) => [...headers].map((field) => field.join(': '));

/** A body that is never read; notes that it was cancelled. */
class Endless implements BodyStream {
  readonly length = undefined;
  cancelled: string | null = null;
  read(_consumer: BodyConsumer): void {}
  pause(): void {}
  resume(): void {}
  cancel(reason: Error): void {
    this.cancelled = reason.message;
  }
}

test('each step sees what those before it did, in the order of the policy and not of the file', () => {
  const { request, metadata } = onRequest(
    {
      remove: ['x-3'],
      set: { 'x-3': '"set " + request.headers["x-2"]', 'x-2': '"set"' },
      add: { 'x-2': '"added to " + request.headers["x-1"]', 'x-4': 'metadata.two' },
      replace: '{"x-1": metadata.one}',
      metadata: { one: 'request.method', two: 'metadata.one + "!"' },
    },
    { headers: [['x-1', 'client']] },
  );
  expect(metadata).toEqual({ one: 'GET', two: 'GET!' });
  expect(fieldsOf(request)).toEqual(['x-1: GET', 'x-2: set', 'x-4: GET!']);
});

test.each(['1', '1u', '1.5', 'true', 'null', '["a"]', '{"a": "b"}', 'jwt.sub', 'fail("x")', '"a\\nb"', 'timestamp(0)'])(
  'what is no text takes the header away, whatever the client sent: %s',
  (source) => {
    const headers: [string, string][] = [['x-user', 'evil']];
    expect(fieldsOf(onRequest({ set: { 'x-user': source } }, { headers }).request)).toEqual([]);
    expect(fieldsOf(onRequest({ add: { 'X-User': source } }, { headers }).request)).toEqual([]);
    const response = new Response(200, Headers.of(...headers), null);
    expect(fieldsOf(onResponse({ set: { 'x-user': source } }, response).response)).toEqual([]);
  },
);

test('add appends, set replaces all, bytes and texts are sent as they are', () => {
  const headers: [string, string][] = [
    ['x', '1'],
    ['y', '1'],
    ['y', '2'],
  ];
  const { request } = onRequest({ add: { x: '"2"' }, set: { y: 'b"\\xff\\x41"', z: '"é"' } }, { headers });
  expect(fieldsOf(request)).toEqual(['x: 1', 'y: ÿA', 'x: 2', 'z: Ã©']);
});

test('what expressions read of headers is text, and what they set is bytes again', () => {
  const { request } = onRequest(
    { set: { 'x-again': 'request.headers.name', 'x-length': 'string(request.headers.name.indexOf("!"))' } },
    { headers: [['name', 'Ã©!']] },
  );
  expect(fieldsOf(request)).toEqual(['name: Ã©!', 'x-again: Ã©!', 'x-length: 1']);
});

test('the first line is changed by texts, the status by an int, and stays where they are not', () => {
  const { request } = onRequest({
    set: { ':path': 'request.path + "new?q"', ':method': '"POST"', host: '"b.test:8080"', ':scheme': '"https"' },
  });
  expect([request.method, request.scheme, request.authority, request.path]).toEqual([
    'POST',
    'https',
    'b.test:8080',
    '/new?q',
  ]);
  const kept = onRequest({ set: { ':path': '1', ':method': 'jwt.sub', ':authority': 'fail("x")', ':status': '200' } });
  expect([kept.request.method, kept.request.authority, kept.request.path]).toEqual(['GET', 'gateway.test', '/']);

  for (const [source, status] of [
    ['404', 404],
    ['418u', 418],
    ['"404"', 200],
    ['101', 200],
    ['1000', 200],
    ['404.0', 200],
    ['jwt.sub', 200],
  ] as const) {
    const { response } = onResponse({ set: { ':status': source } }, new Response(200, new Headers(), null));
    expect([source, response.status]).toEqual([source, status]);
  }
});

test('replace puts a map in the place of all fields', () => {
  const headers: [string, string][] = [
    ['a', '1'],
    ['b', '2'],
    ['b', '3'],
  ];
  const kept = onRequest({ replace: 'request.headers.filterKeys(k, k != "a")' }, { headers }).request;
  expect(fieldsOf(kept)).toEqual(['b: 2', 'b: 3']);
  const replace =
    '{"S": "s", "i": 1, "u": 2u, "d": 1.5, "t": true, "l": ["x", 2, null], "n": null, "m": {}, "y": b"y", ' +
    '"e\\n": "x", "v": "a\\nb", "host": "b.test", ":path": "/no"}';
  const { request } = onRequest({ replace }, { headers });
  expect(fieldsOf(request)).toEqual(['s: s', 'i: 1', 'u: 2', 'd: 1.5', 't: true', 'l: x', 'l: 2']);
  expect([request.authority, request.path]).toEqual(['b.test', '/']);
  for (const wrong of ['"text"', '[1]', 'jwt', 'fail("x")'])
    expect(fieldsOf(onRequest({ replace: wrong }, { headers }).request)).toHaveLength(3);
  expect(fieldsOf(onRequest({ replace: '{}' }, { headers }).request)).toEqual([]);
});

test('metadata is kept as JSON; of the response it wins; what fails is not kept', () => {
  const spec = transformationsSpec(
    transformationsSchema.parse({
      request: { metadata: { both: '"request"', list: '[1, b"hi"]', none: 'jwt.sub', null: 'null' } },
      response: { metadata: { both: 'metadata.both + " and response"', list: 'fail("x")' } },
    }),
  );
  const exchange = testExchange();
  compileTransformationRequest(spec, noPorts)?.(exchange);
  expect(exchange.metadata).toEqual({ both: 'request', list: [1, 'aGk='], null: null });
  compileTransformationResponse(spec, noPorts)?.(exchange, new Response(200, new Headers(), null));
  expect(exchange.metadata).toEqual({ both: 'request and response', list: [1, 'aGk='], null: null });
});

test.each([
  ['"text"', 'text'],
  ['b"bytes"', 'bytes'],
  ['{"a": 1, "b": [true, null]}', '{"a":1,"b":[true,null]}'],
  ['1', '1'],
  ['null', 'null'],
  ['""', null],
  ['fail("x")', null],
  ['jwt.sub', null],
])('the body %s is sent as %j', (source, body) => {
  const old: [string, string][] = [
    ['content-length', '3'],
    ['trailer', 't'],
    ['content-type', 'text/plain'],
  ];
  const { request } = onRequest({ body: source }, { headers: old, body: Buffer.from('old') });
  expect([request.body?.toString() ?? null, ...fieldsOf(request)]).toEqual([body, 'content-type: text/plain']);
  const { response } = onResponse({ body: source }, new Response(200, Headers.of(...old), Buffer.from('old')));
  expect([response.body?.toString() ?? null, ...fieldsOf(response)]).toEqual([body, 'content-type: text/plain']);
});

test('a coding that can be written is written again, and others are dropped', () => {
  const encoded = (coding: string, options: object = {}) =>
    onRequest({ body: '"x"', ...options }, { headers: [['content-encoding', coding]] }).request;
  for (const coding of ['gzip', 'br', 'deflate', 'zstd']) {
    const request = encoded(coding);
    expect([isStream(request.body), request.headers.get('content-encoding')]).toEqual([true, coding]);
  }
  for (const request of [encoded('snappy'), encoded('gzip, br'), encoded('gzip', { remove: ['content-encoding'] })])
    expect([String(request.body), request.headers.has('content-encoding')]).toEqual(['x', false]);
  const empty = encoded('gzip', { body: 'fail("x")' });
  expect([empty.body, empty.headers.has('content-encoding')]).toEqual([null, false]);
});

test('the stream that was there is cancelled; a switch of protocols has no body to change', () => {
  const upload = new Endless();
  const { request } = onRequest({ body: '"new"' }, { body: upload });
  expect([String(request.body), upload.cancelled]).toEqual(['new', 'replaced by a transformation']);

  const exchange = testExchange();
  exchange.upgrade = 'websocket';
  const spec = transformationsSpec(transformationsSchema.parse({ request: { body: '"new"', set: { x: '"1"' } } }));
  compileTransformationRequest(spec, noPorts)?.(exchange);
  expect([exchange.request.body, exchange.request.headers.get('x')]).toEqual([null, '1']);
  const { response } = onResponse({ body: '"new"', set: { ':status': '200' } }, new Response(101, new Headers(), null));
  expect([response.status, response.body]).toEqual([101, null]);
});

test('expressions see the body as it came, before and after it is changed', () => {
  const exchange = testExchange({ method: 'POST', body: Buffer.from('old') });
  captureRequest(exchange);
  const spec = transformationsSpec(
    transformationsSchema.parse({ request: { body: 'string(request.body) + " and new"' } }),
  );
  const step = compileTransformationRequest(spec, noPorts);
  step?.(exchange);
  step?.(exchange);
  expect(String(exchange.request.body)).toBe('old and new');
});

test('logs get the body that the client sent, even where no expression of a policy reads it', () => {
  const exchange = testExchange({ method: 'POST', body: Buffer.from('old') });
  exchange.logNeeds = { requestBody: true, responseBody: true };
  const spec = transformationsSpec(
    transformationsSchema.parse({ request: { body: '"new"' }, response: { body: '"new"' } }),
  );
  compileTransformationRequest(spec, noPorts)?.(exchange);
  const response = new Response(200, new Headers(), Buffer.from('answer'));
  compileTransformationResponse(spec, noPorts)?.(exchange, response);
  expect([String(exchange.requestCapture?.bytes), String(exchange.request.body)]).toEqual(['old', 'new']);
  expect([String(exchange.responseCapture?.bytes), String(response.body)]).toEqual(['answer', 'new']);
});

test('a side that is not named is no step', () => {
  const spec = transformationsSpec(transformationsSchema.parse({}));
  expect([compileTransformationRequest(spec, noPorts), compileTransformationResponse(spec, noPorts)]).toEqual([
    null,
    null,
  ]);
});
