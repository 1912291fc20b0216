import { randomFillSync } from 'node:crypto';

/** Random bytes are fetched for some hundred ids at a time: a call into the system for each would cost more than the rest of a span. */
const pool = Buffer.alloc(4096);
let used = pool.length;

function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const id = pool.toString('hex', used, used + bytes);
  used += bytes;
  return id;
}

/** 32 hexadecimal digits, not all zero. */
export function newTraceId(): string {
  const id = randomHex(16);
  return /[^0]/.test(id) ? id : newTraceId();
}

/** 16 hexadecimal digits, not all zero. */
export function newSpanId(): string {
  const id = randomHex(8);
  return /[^0]/.test(id) ? id : newSpanId();
}
