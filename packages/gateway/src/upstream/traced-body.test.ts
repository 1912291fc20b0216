import { type BodyConsumer, type BodyStream, Headers } from '@agentgateway/http';
import { expect, test } from 'vitest';
import type { Exchange } from '../pipeline/exchange.ts';
import { CallSpan } from '../pipeline/trace.ts';
import { testExchange } from '../policies/testing.ts';
import { noteGrpcStatus, TracedBody } from './traced-body.ts';

/** A call at moment 1, and its answer; the clock is moved by the test. */
function call(given: Partial<Exchange> = {}) {
  const clock = { time: 1, now: () => clock.time, epoch: () => 0, monotonic: () => 0n };
  const span = new CallSpan(Object.assign(Object.create(testExchange()), given, { clock }) as Exchange, null);
  const told: string[] = [];
  let consumer: BodyConsumer | null = null;
  const source: BodyStream = {
    length: 3,
    read: (reader) => {
      consumer = reader;
    },
    pause: () => told.push('pause'),
    resume: () => told.push('resume'),
    cancel: (reason) => told.push(`cancel ${reason.message}`),
  };
  const body = new TracedBody(source, span);
  body.read({
    onData: (chunk) => told.push(`data ${chunk}`),
    onTrailers: (trailers) => told.push(`trailers ${[...trailers]}`),
    onEnd: () => told.push('end'),
    onError: (error) => told.push(`error ${error.message}`),
  });
  return { clock, span, told, body, upstream: consumer as unknown as BodyConsumer };
}

test('the span ends with the last byte, and everything passes', () => {
  const { clock, span, told, body, upstream } = call();
  upstream.onData(Buffer.from('abc'));
  body.pause();
  body.resume();
  clock.time = 5;
  expect([span.startedAt, span.endedAt, body.length]).toEqual([1, 0, 3]);
  upstream.onEnd();
  clock.time = 9;
  span.end();
  expect([span.endedAt, span.error]).toEqual([5, null]);
  expect(told).toEqual(['data abc', 'pause', 'resume', 'end']);
});

test('a body that breaks is the call’s failure', () => {
  const { clock, span, told, upstream } = call();
  clock.time = 2;
  upstream.onError(new Error('reset'));
  expect(span).toMatchObject({ endedAt: 2, errorType: 'UpstreamFailure', error: 'reset' });
  expect(told).toEqual(['error reset']);
});

test('a body that nobody wants any more ends the span', () => {
  const { clock, span, told, body } = call();
  clock.time = 3;
  body.cancel(new Error('tried again'));
  expect(span).toMatchObject({ endedAt: 3, error: null });
  expect(told).toEqual(['cancel tried again']);
});

test.each([
  ['0', '', 0, null, null],
  ['7', 'no%20entry', 7, 'PERMISSION_DENIED', 'no entry'],
  ['14', '', 14, 'UNAVAILABLE', 'UNAVAILABLE'],
  ['99', '%', 99, 'UNKNOWN', '%'],
  ['x', '', null, null, null],
])('the status %s in the trailers of a policy’s call', (status, message, grpcStatus, errorType, error) => {
  const { span, told, upstream } = call({ callout: 'ExtAuthz', grpc: true });
  upstream.onTrailers(Headers.of(['grpc-status', status], ['grpc-message', message]));
  expect(span).toMatchObject({ name: 'ExtAuthz', grpcStatus, errorType, error });
  expect(told).toHaveLength(1);
});

test('the status of a client’s own gRPC call is its answer', () => {
  const { span } = call({ grpc: true });
  noteGrpcStatus(span, Headers.of(['grpc-status', '13']));
  expect(span).toMatchObject({ grpcStatus: null, errorType: null });
});
