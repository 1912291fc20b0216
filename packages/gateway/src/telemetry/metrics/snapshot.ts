import { type FamilyName, families } from './families.ts';
import { addBuckets, type NativeBuckets } from './native.ts';

/** What one thread counted so far, as plain data that can be sent between threads. */
export interface Snapshot {
  readonly families: readonly FamilySnapshot[];
}

export interface FamilySnapshot {
  readonly family: FamilyName;
  /** Names of the labels of every series. */
  readonly names: readonly string[];
  /** Upper bounds of the buckets, without `+Inf`; null for what is no histogram. */
  readonly bounds: readonly number[] | null;
  /** Label values of all series, one after the other. */
  readonly labels: readonly string[];
  /** Cells of all series, one after the other: one each, or for histograms the buckets, those beyond, and the sum. */
  readonly values: Float64Array;
  /** Exponential buckets of each series, where they are counted. */
  readonly native: readonly NativeBuckets[] | null;
}

/** Cells that one series of a family takes. */
export function cellsOf({ bounds }: Pick<FamilySnapshot, 'bounds'>): number {
  return bounds === null ? 1 : bounds.length + 2;
}

/** One series of a family. */
export interface Series {
  readonly labels: readonly string[];
  readonly cells: Float64Array;
  readonly native: NativeBuckets | null;
}

/** The series of a family, one by one. */
export function* seriesOf(snapshot: FamilySnapshot): Generator<Series> {
  const { names, labels, values, native } = snapshot;
  const size = cellsOf(snapshot);
  for (let i = 0; i * size < values.length; i++) {
    yield {
      labels: labels.slice(i * names.length, (i + 1) * names.length),
      cells: values.subarray(i * size, (i + 1) * size),
      native: native?.[i] ?? null,
    };
  }
}

/** Puts series together that were taken apart. */
export function familySnapshot(
  shape: Pick<FamilySnapshot, 'family' | 'names' | 'bounds'>,
  series: readonly Series[],
): FamilySnapshot {
  const size = cellsOf(shape);
  const values = new Float64Array(series.length * size);
  series.forEach(({ cells }, index) => {
    values.set(cells, index * size);
  });
  const native = series[0]?.native == null ? null : series.map((one) => one.native ?? new Map());
  const { family, names, bounds } = shape;
  return { family, names, bounds, labels: series.flatMap((one) => one.labels), values, native };
}

/**
 * Sums snapshots of several threads, series by series. Gauges of one name and labels come from one thread only; should
 * there be several, the last one wins.
 */
export function mergeSnapshots(snapshots: Iterable<Snapshot>): Snapshot {
  const merged = new Map<FamilyName, { readonly shape: FamilySnapshot; readonly series: Map<string, Sum> }>();
  for (const snapshot of snapshots) {
    for (const shape of snapshot.families) {
      let family = merged.get(shape.family);
      if (family === undefined) {
        family = { shape, series: new Map() };
        merged.set(shape.family, family);
      }
      const { type } = families[shape.family];
      const replaces = type === 'gauge' || type === 'info';
      for (const { labels, cells, native } of seriesOf(shape)) {
        const key = JSON.stringify(labels);
        const known = family.series.get(key);
        if (known === undefined) {
          family.series.set(key, { labels, cells: cells.slice(), native: native === null ? null : new Map(native) });
          continue;
        }
        if (replaces) known.cells.set(cells);
        else for (let c = 0; c < cells.length; c++) known.cells[c]! += cells[c]!;
        if (native !== null && known.native !== null) addBuckets(known.native, native);
      }
    }
  }
  return {
    families: (Object.keys(families) as FamilyName[]).flatMap((name) => {
      const family = merged.get(name);
      if (family === undefined || family.series.size === 0) return [];
      return [familySnapshot(family.shape, [...family.series.values()])];
    }),
  };
}

interface Sum extends Series {
  readonly native: Map<number, number> | null;
}

/**
 * Adds the last snapshot of a thread that ended to what earlier ones left behind: counters and histograms only, for a
 * gauge says what is. Keep one such total and merge it with the living at every scrape; counters then never fall.
 */
export function retireSnapshot(total: Snapshot | null, last: Snapshot): Snapshot {
  const lasting = last.families.filter(({ family }) => {
    const { type } = families[family];
    return type === 'counter' || type === 'histogram';
  });
  return mergeSnapshots(total === null ? [{ families: lasting }] : [total, { families: lasting }]);
}
