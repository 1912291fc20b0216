import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameReader, frame } from './frames.ts';
import { GrpcError } from './status.ts';

function reader(limit = Number.POSITIVE_INFINITY) {
  const messages: string[] = [];
  const frames = new FrameReader(limit, (message) => messages.push(message.toString('latin1')));
  return { messages, frames };
}

const three = Buffer.concat([frame(Buffer.from('one')), frame(Buffer.alloc(0)), frame(Buffer.from('three'))]);

test('messages are the same wherever they are cut', () => {
  for (let cut = 0; cut <= three.length; cut++) {
    const { messages, frames } = reader();
    frames.read(three.subarray(0, cut));
    frames.read(three.subarray(cut));
    expect(messages).toEqual(['one', '', 'three']);
    expect(frames.idle).toBe(true);
  }
});

test('whatever the pieces, what was framed is read', () => {
  const pieces = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), pieces, (bodies, sizes) => {
      const { messages, frames } = reader();
      const whole = Buffer.concat(bodies.map(frame));
      // The bytes of a chunk are its reader's only during the call.
      for (let at = 0, i = 0; at < whole.length; i++) {
        const chunk = Buffer.from(whole.subarray(at, at + (sizes[i % sizes.length] as number)));
        at += chunk.length;
        frames.read(chunk);
        chunk.fill(0xee);
      }
      expect(messages).toEqual(bodies.map((body) => Buffer.from(body).toString('latin1')));
    }),
  );
});

test('it knows when it stands inside a message', () => {
  const { frames } = reader();
  frames.read(three.subarray(0, 3));
  expect(frames.idle).toBe(false);
  frames.read(three.subarray(3, 7));
  expect(frames.idle).toBe(false);
});

test('what is too large is refused by its length, before it came', () => {
  const { frames, messages } = reader(5);
  frames.read(three);
  expect(messages).toHaveLength(3);
  expect(() => frames.read(frame(Buffer.alloc(6)).subarray(0, 5))).toThrow(GrpcError);
});
