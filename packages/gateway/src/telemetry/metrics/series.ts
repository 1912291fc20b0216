import { bucketOf } from './native.ts';

/** Series of one metric; what comes beyond is counted under `__overflow__` in every label. */
export const SERIES_LIMIT = 10_000;
export const OVERFLOW = '__overflow__';
/** The label of what is not known. */
export const UNKNOWN = 'unknown';

/** One counter or gauge. */
export class Value {
  readonly labels: readonly string[];
  value = 0;

  constructor(labels: readonly string[]) {
    this.labels = labels;
  }
}

/** One histogram. */
export class Histogram {
  readonly labels: readonly string[];
  readonly #bounds: readonly number[];
  /** Observations per bucket (not cumulated), those beyond the last bound, and the sum. */
  readonly cells: Float64Array;
  /** Observations per exponential bucket; null where those are not counted. */
  readonly native: Map<number, number> | null;

  constructor(labels: readonly string[], { bounds, native }: HistogramShape) {
    this.labels = labels;
    this.#bounds = bounds;
    this.cells = new Float64Array(bounds.length + 2);
    this.native = native ? new Map() : null;
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    const cells = this.cells;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket += 1;
    cells[bucket]! += 1;
    cells[bounds.length + 1]! += value;
    if (this.native === null) return;
    const index = bucketOf(value);
    this.native.set(index, (this.native.get(index) ?? 0) + 1);
  }
}

/** What the histograms of a family have. */
export interface HistogramShape {
  /** Upper bounds of the buckets, without `+Inf`. */
  readonly bounds: readonly number[];
  /** Exponential buckets as well. */
  readonly native: boolean;
}

/** The series of one metric in one thread, bounded. Look-up is the caller's business: this is the slow path. */
abstract class SeriesSet<T extends { readonly labels: readonly string[] }> {
  /** Names of the labels of every series. */
  readonly names: readonly string[];
  /** Empty for a metric that is not wanted. */
  readonly all: T[] = [];
  readonly #wanted: boolean;
  /** What is too much, or not wanted at all, goes here. */
  #overflow: T | null = null;

  constructor(names: readonly string[], wanted: boolean) {
    this.names = names;
    this.#wanted = wanted;
  }

  protected abstract create(labels: readonly string[]): T;

  /** A new series, or the one for what is too much. `overflow`: the labels already say that it is. */
  add(labels: readonly string[], overflow = false): T {
    if (this.#wanted && (overflow || this.all.length < SERIES_LIMIT)) {
      const series = this.create(labels);
      this.all.push(series);
      return series;
    }
    if (this.#overflow === null) {
      this.#overflow = this.create(this.names.map(() => OVERFLOW));
      if (this.#wanted) this.all.push(this.#overflow);
    }
    return this.#overflow;
  }
}

export class ValueSet extends SeriesSet<Value> {
  protected create(labels: readonly string[]): Value {
    return new Value(labels);
  }
}

export class HistogramSet extends SeriesSet<Histogram> {
  readonly shape: HistogramShape;

  constructor(names: readonly string[], wanted: boolean, shape: HistogramShape) {
    super(names, wanted);
    this.shape = shape;
  }

  protected create(labels: readonly string[]): Histogram {
    return new Histogram(labels, this.shape);
  }
}

/**
 * A tree of label values: one map look-up per label, no string built. It holds a bounded number of leaves; beyond it, every new
 * combination is one shared leaf.
 */
export class LabelTree<Leaf> {
  readonly #root = new Map<LabelValue, unknown>();
  readonly #limit: number;
  #leaves = 0;
  #overflow: Leaf | null = null;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Allocates nothing: `path` may be the caller's scratch. */
  find(path: readonly LabelValue[]): Leaf | undefined {
    let node: unknown = this.#root;
    for (let i = 0; i < path.length && node !== undefined; i++) node = (node as Map<LabelValue, unknown>).get(path[i]!);
    return node as Leaf | undefined;
  }

  /** Puts a leaf at a path where `find` found none. `create` is told to count under `__overflow__` if the tree is full. */
  insert(path: readonly LabelValue[], create: (overflow: boolean) => Leaf): Leaf {
    if (this.#leaves >= this.#limit) {
      this.#overflow ??= create(true);
      return this.#overflow;
    }
    this.#leaves += 1;
    let node = this.#root;
    for (let i = 0; i < path.length - 1; i++) {
      const key = owned(path[i]!);
      let next = node.get(key) as Map<LabelValue, unknown> | undefined;
      if (next === undefined) {
        next = new Map();
        node.set(key, next);
      }
      node = next;
    }
    const leaf = create(false);
    node.set(owned(path[path.length - 1]!), leaf);
    return leaf;
  }
}

export type LabelValue = string | number | null;

/** A label as it is shown; missing is `unknown`. */
export function label(value: LabelValue): string {
  return value === null || value === '' || value === 0 ? UNKNOWN : owned(String(value));
}

/**
 * A string of its own. What a parser cut out of a request's head keeps the whole head alive; a series lives as long as the
 * process.
 */
function owned<T extends LabelValue>(value: T): T {
  if (typeof value !== 'string') return value;
  // One byte per character where that carries it: such strings are compared fastest.
  const narrow = Buffer.from(value, 'latin1').toString('latin1');
  return (narrow === value ? narrow : Buffer.from(value, 'utf16le').toString('utf16le')) as T;
}
