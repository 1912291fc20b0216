import { type FamilyName, families } from './families.ts';

/** What one thread counted so far, as plain data that can be sent between threads. */
export interface Snapshot {
  readonly families: readonly FamilySnapshot[];
}

export interface FamilySnapshot {
  readonly family: FamilyName;
  /** Label values of all series, one after the other. */
  readonly labels: readonly string[];
  /** Cells of all series, one after the other: one each, or for histograms the buckets, those beyond, and the sum. */
  readonly values: Float64Array;
}

/** Cells that one series of a family takes. */
export function cellsOf(family: FamilyName): number {
  const definition = families[family];
  return 'buckets' in definition ? definition.buckets.length + 2 : 1;
}

/**
 * Sums snapshots of several threads, series by series. Gauges of one name and labels come from one thread only; should
 * there be several, the last one wins.
 */
export function mergeSnapshots(snapshots: Iterable<Snapshot>): Snapshot {
  const merged = new Map<
    FamilyName,
    Map<string, { readonly labels: readonly string[]; readonly cells: Float64Array }>
  >();
  for (const snapshot of snapshots) {
    for (const { family, labels, values } of snapshot.families) {
      let series = merged.get(family);
      if (series === undefined) {
        series = new Map();
        merged.set(family, series);
      }
      const width = families[family].labels.length;
      const size = cellsOf(family);
      const replaces = families[family].type === 'gauge' || families[family].type === 'info';
      for (let i = 0; i * size < values.length; i++) {
        const own = labels.slice(i * width, (i + 1) * width);
        const key = JSON.stringify(own);
        const cells = values.subarray(i * size, (i + 1) * size);
        const known = series.get(key);
        if (known === undefined) series.set(key, { labels: own, cells: cells.slice() });
        else if (replaces) known.cells.set(cells);
        else for (let c = 0; c < size; c++) known.cells[c]! += cells[c]!;
      }
    }
  }
  return {
    families: (Object.keys(families) as FamilyName[]).flatMap((family) => {
      const series = merged.get(family);
      if (series === undefined || series.size === 0) return [];
      const size = cellsOf(family);
      const values = new Float64Array(series.size * size);
      let at = 0;
      for (const { cells } of series.values()) {
        values.set(cells, at);
        at += size;
      }
      return [{ family, labels: [...series.values()].flatMap((one) => one.labels), values }];
    }),
  };
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
