import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BUCKET_BYTES, Bucket } from './bucket.ts';
import type { BucketSpec } from './spec.ts';

const second = 1_000_000_000n;
/** The clock of all threads stands anywhere when a bucket is first used. */
const start = 12_345_678_901n;

function bucket(options: Partial<BucketSpec>, cell = new SharedArrayBuffer(BUCKET_BYTES)) {
  const b = new Bucket(cell, { maxTokens: 3, tokensPerFill: 1, fillInterval: 1000, ...options });
  return {
    take: (after: bigint) => b.take(start + after),
    giveBack: () => b.giveBack(),
    untilFill: (after: bigint) => b.secondsUntilFill(start + after),
    untilToken: (after: bigint) => b.secondsUntilToken(start + after),
  };
}

test('a burst takes the whole bucket and no more', () => {
  const b = bucket({});
  expect([b.take(0n), b.take(0n), b.take(0n), b.take(0n)]).toEqual([2, 1, 0, -1]);
});

test('a fill earns its tokens once, at whole intervals from the first use', () => {
  const b = bucket({ maxTokens: 2, tokensPerFill: 1 });
  for (let i = 0; i < 2; i++) b.take(0n);
  expect(b.take(second - 1n)).toBe(-1);
  expect([b.take(second + 900_000_000n), b.take(second + 900_000_000n)]).toEqual([0, -1]);
  expect(b.take(2n * second)).toBe(0);
});

test('a long pause fills the bucket to the brim, not over it', () => {
  const b = bucket({ maxTokens: 2 });
  b.take(0n);
  b.take(0n);
  expect([1, 2, 3].map(() => b.take(100n * second))).toEqual([1, 0, -1]);
});

test('a token given back can be taken again, and never overfills', () => {
  const b = bucket({ maxTokens: 2 });
  b.take(0n);
  b.giveBack();
  expect(b.take(0n)).toBe(1);
  b.giveBack();
  expect([1, 2, 3].map(() => b.take(5n * second))).toEqual([1, 0, -1]);
});

test('the times are told in whole seconds: the reset rounded down, the wait for a token up', () => {
  const b = bucket({ maxTokens: 2, tokensPerFill: 1, fillInterval: 2500 });
  b.take(0n);
  b.take(0n);
  expect([b.untilFill(0n), b.untilToken(0n)]).toEqual([2, 3]);
  expect([b.untilFill(2n * second), b.untilToken(2n * second)]).toEqual([0, 1]);
});

test('what is never filled says so', () => {
  const never = bucket({ maxTokens: 1, tokensPerFill: 0 });
  expect([never.take(0n), never.take(1000n * second), never.untilToken(0n)]).toEqual([0, -1, null]);
  const empty = bucket({ maxTokens: 0, tokensPerFill: 0 });
  expect([empty.take(0n), empty.untilToken(0n)]).toEqual([-1, null]);
});

test('two views of one cell are one bucket', () => {
  const cell = new SharedArrayBuffer(BUCKET_BYTES);
  const [a, b] = [bucket({}, cell), bucket({}, cell)];
  expect([a.take(0n), b.take(0n), a.take(0n), b.take(0n)]).toEqual([2, 1, 0, -1]);
});

/** The bucket as one would write it for one thread: tokens, and the time of the next fill. */
class Model {
  readonly #options: BucketSpec;
  #tokens: number;
  #next: number;

  constructor(options: BucketSpec) {
    this.#options = options;
    this.#tokens = options.maxTokens;
    this.#next = options.fillInterval;
  }

  take(now: number): number {
    this.#fill(now);
    if (this.#tokens === 0) return -1;
    this.#tokens -= 1;
    return this.#tokens;
  }

  giveBack(now: number): void {
    this.#fill(now);
    this.#tokens = Math.min(this.#options.maxTokens, this.#tokens + 1);
  }

  #fill(now: number): void {
    const { maxTokens, tokensPerFill, fillInterval } = this.#options;
    while (now >= this.#next) {
      this.#tokens = Math.min(maxTokens, this.#tokens + tokensPerFill);
      this.#next += fillInterval;
    }
  }
}

test('does what a simple bucket does', () => {
  const options = fc.nat(8).chain((maxTokens) =>
    fc.record({
      maxTokens: fc.constant(maxTokens),
      tokensPerFill: fc.nat(maxTokens),
      fillInterval: fc.integer({ min: 1, max: 50 }),
    }),
  );
  const steps = fc.array(fc.record({ after: fc.nat(60), back: fc.boolean() }), { maxLength: 60 });
  fc.assert(
    fc.property(options, steps, (spec, sequence) => {
      const [real, model] = [bucket(spec), new Model(spec)];
      let now = 0;
      real.take(0n);
      model.take(0);
      for (const { after, back } of sequence) {
        now += after;
        if (back) {
          real.giveBack();
          model.giveBack(now);
        }
        expect(real.take(BigInt(now) * 1_000_000n)).toBe(model.take(now));
      }
    }),
  );
});

test('four threads on one cell are granted exactly what the bucket holds', async () => {
  const maxTokens = 20_000;
  const cell = new SharedArrayBuffer(BUCKET_BYTES);
  const gate = new Int32Array(new SharedArrayBuffer(8));
  const source = `
    import { Bucket } from ${JSON.stringify(new URL('./bucket.ts', import.meta.url).href)};
    import { parentPort, workerData } from 'node:worker_threads';
    const { cell, gate, maxTokens } = workerData;
    const bucket = new Bucket(cell, { maxTokens, tokensPerFill: 1, fillInterval: 1000 });
    if (Atomics.add(gate, 1, 1) === 3) { Atomics.store(gate, 0, 1); Atomics.notify(gate, 0); }
    else Atomics.wait(gate, 0, 0);
    const left = [];
    for (let i = 0; i < maxTokens; i++) {
      const after = bucket.take(1n);
      if (after >= 0) left.push(after);
    }
    parentPort.postMessage(left);`;
  const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
  const granted = await Promise.all(
    Array.from({ length: 4 }, () => {
      const worker = new Worker(url, { workerData: { cell, gate, maxTokens } });
      return new Promise<number[]>((resolve, reject) => worker.once('message', resolve).once('error', reject));
    }),
  );
  // Every count down from the brim was told to somebody, once.
  const told = granted.flat().sort((a, b) => b - a);
  expect(told).toEqual(Array.from({ length: maxTokens }, (_, i) => maxTokens - 1 - i));
});
