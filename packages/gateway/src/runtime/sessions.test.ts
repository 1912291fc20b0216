import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SessionCodec, sessionKeyBytes } from './sessions.ts';

const self = { index: 3, epoch: 70_000, instance: '0123456789abcdef' };
const codec = new SessionCodec(randomBytes(32), self);

test('property: what was sealed is read again, with its owner', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (payload) => {
      const read = codec.decode(codec.encode(payload));
      expect(read?.owner).toEqual(self);
      expect(read?.payload.equals(payload)).toBe(true);
    }),
  );
});

test('a token with any bit changed, cut or spelled in another way is no token', () => {
  const token = codec.encode('payload');
  const bytes = Buffer.from(token, 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const forged = Buffer.from(bytes);
    forged[bit >> 3] = (forged[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(codec.decode(forged.toString('base64url'))).toBeNull();
  }
  for (let length = 0; length < token.length; length++) expect(codec.decode(token.slice(0, length))).toBeNull();
  for (const other of [`${token}=`, `${token} `, `${token}A`, `!${token}`, 'x'.repeat(1e6)]) {
    expect(codec.decode(other)).toBeNull();
  }
});

test('a token of another key is no token; the configured key outlives the process', () => {
  const key = 'ab'.repeat(32);
  const token = new SessionCodec(sessionKeyBytes(key), self).encode('x');
  expect(codec.decode(token)).toBeNull();
  const later = new SessionCodec(sessionKeyBytes(key), { index: 0, epoch: 1, instance: 'ffffffffffffffff' });
  expect(later.decode(token)?.owner).toEqual(self);
});

test('two tokens of the same session differ, and neither shows what it carries', () => {
  const [one, two] = [codec.encode('secret text'), codec.encode('secret text')];
  expect(one).not.toBe(two);
  expect(Buffer.from(one, 'base64url').toString('latin1')).not.toContain('secret');
});

test('a payload that fits into no header is refused', () => {
  expect(() => codec.encode(Buffer.alloc(64 * 1024))).toThrow(RangeError);
});
