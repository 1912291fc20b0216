import type { BodyConsumer } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { OutgoingMessages } from './outgoing.ts';

/** Notes what it is given; pauses after so many chunks. */
function consumer(body: OutgoingMessages, pauseAfter = Number.POSITIVE_INFINITY) {
  const got: string[] = [];
  const own: BodyConsumer & { got: string[] } = {
    got,
    onData(chunk) {
      if (got.push(chunk.toString()) >= pauseAfter) body.pause();
    },
    onTrailers: () => {},
    onEnd: () => void got.push('end'),
    onError: (error) => void got.push(error.message),
  };
  return own;
}

const push = (body: OutgoingMessages, ...texts: string[]) => {
  for (const text of texts) body.push(Buffer.from(text));
};

test('what came before the reader and after it arrives in order, then the end', () => {
  const body = new OutgoingMessages();
  push(body, 'a', 'b');
  const reader = consumer(body);
  body.read(reader);
  push(body, 'c');
  body.end();
  push(body, 'too late');
  expect(reader.got).toEqual(['a', 'b', 'c', 'end']);
});

test('a paused reader gets nothing, the end neither', () => {
  const body = new OutgoingMessages();
  const reader = consumer(body, 1);
  body.read(reader);
  push(body, 'a', 'b');
  body.end();
  expect(reader.got).toEqual(['a']);
  body.resume();
  body.resume();
  expect(reader.got).toEqual(['a', 'b', 'end']);
});

test('it is full while much waits, and says when there is room', () => {
  const body = new OutgoingMessages();
  let drained = 0;
  body.onDrain = () => drained++;
  body.push(Buffer.alloc(65_536));
  expect([body.full, drained]).toEqual([true, 0]);
  body.read(consumer(body));
  expect([body.full, drained]).toEqual([false, 1]);
});

test('a connection that was dead before anything left is followed by another one', () => {
  const body = new OutgoingMessages();
  const dead = consumer(body);
  body.read({ ...dead, onData: () => expect.fail('nothing was sent yet') });
  body.cancel(new Error('dead'));
  push(body, 'a');
  const next = consumer(body);
  body.read(next);
  expect(next.got).toEqual(['a']);
  // Now something has left: what comes later has nowhere to go.
  body.cancel(new Error('dead too'));
  push(body, 'b');
  body.end();
  expect(next.got).toEqual(['a']);
});
