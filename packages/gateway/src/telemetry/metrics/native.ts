/**
 * Exponential buckets as Prometheus defines them: at schema 3, bucket `i` holds what lies above 2^((i-1)/8) and up to 2^(i/8), so that a
 * bucket is 9% wide. Only buckets with something in them exist.
 */
export type NativeBuckets = ReadonlyMap<number, number>;

/** Buckets per doubling are 2 to the power of this. */
export const SCHEMA = 3;

/** Observations up to this are counted as zero. */
export const ZERO_THRESHOLD = 2 ** -128;

/** Index of the bucket of zero. */
export const ZERO_BUCKET = Number.NEGATIVE_INFINITY;

/** The bucket that a value falls in; what lies below zero, by the clock's noise, counts as zero. */
export function bucketOf(value: number): number {
  return value > ZERO_THRESHOLD ? Math.ceil(Math.log2(value) * 2 ** SCHEMA) : ZERO_BUCKET;
}

/** Buckets in a row, and how many are left out before them: from index 0 for the first, from the end of the last for the others. */
export interface BucketSpan {
  readonly offset: number;
  readonly length: number;
}

/** Buckets as they are sent: spans, and the count of each bucket as its difference to the one before. */
export function spansOf(buckets: NativeBuckets): { readonly spans: readonly BucketSpan[]; readonly deltas: number[] } {
  const indices = [...buckets.keys()].filter((index) => index !== ZERO_BUCKET).sort((a, b) => a - b);
  const spans: { offset: number; length: number }[] = [];
  const deltas: number[] = [];
  let end = 0;
  let before = 0;
  for (const index of indices) {
    const last = spans.at(-1);
    if (last !== undefined && index === end) last.length += 1;
    else spans.push({ offset: index - end, length: 1 });
    end = index + 1;
    const count = buckets.get(index)!;
    deltas.push(count - before);
    before = count;
  }
  return { spans, deltas };
}

/** Adds counts to others. */
export function addBuckets(into: Map<number, number>, from: NativeBuckets): void {
  for (const [index, count] of from) into.set(index, (into.get(index) ?? 0) + count);
}
