import { expect, test } from 'vitest';
import { frontendHttpSchema, frontendHttpSpec } from './schema.ts';

test('what is not said is absent', () => {
  expect(frontendHttpSpec(frontendHttpSchema.parse({}))).toEqual({});
  expect(frontendHttpSpec(frontendHttpSchema.parse({ http1MaxHeaders: null }))).toEqual({});
});

test('times become milliseconds', () => {
  const options = { http1IdleTimeout: '1m', http2KeepaliveInterval: '10s', maxConnectionDuration: '1h' };
  expect(frontendHttpSpec(frontendHttpSchema.parse(options))).toEqual({
    http1IdleTimeout: 60_000,
    http2KeepaliveInterval: 10_000,
    maxConnectionDuration: 3_600_000,
  });
});

test.each([
  { http2FrameSize: 16_383 },
  { http2FrameSize: 16_777_216 },
  { http2WindowSize: 0 },
  { http2WindowSize: 2 ** 31 },
  { http1MaxHeaders: 0 },
  { maxBufferSize: -1 },
  { maxBufferSize: 1.5 },
  { http1HeaderCase: 'UPPER' },
])('%j is outside of what the protocol allows', (options) => {
  expect(frontendHttpSchema.safeParse(options).success).toBe(false);
});
