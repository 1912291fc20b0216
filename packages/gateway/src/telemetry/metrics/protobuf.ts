import { type Family, families } from './families.ts';
import { type NativeBuckets, SCHEMA, spansOf, ZERO_BUCKET, ZERO_THRESHOLD } from './native.ts';
import { ProtoWriter } from './proto-writer.ts';
import { type FamilySnapshot, type Series, type Snapshot, seriesOf } from './snapshot.ts';
import { classicName } from './text-format.ts';

/** `io.prometheus.client.MetricType`. */
const types: Readonly<Record<Family['type'], number>> = { counter: 0, gauge: 1, info: 1, histogram: 4 };

/**
 * Writes a snapshot as messages `io.prometheus.client.MetricFamily` (metrics.proto of the Prometheus client model), each with its length
 * before it. Only this format knows exponential buckets.
 */
export function exposeProtobuf({ families: snapshots }: Snapshot): Buffer {
  const out = new ProtoWriter();
  for (const snapshot of snapshots) {
    if (snapshot.values.length === 0) continue;
    const message = new ProtoWriter();
    writeFamily(message, snapshot);
    out.delimited(message);
  }
  return out.bytes;
}

function writeFamily(into: ProtoWriter, snapshot: FamilySnapshot): void {
  const family: Family = families[snapshot.family];
  into.string(1, classicName(family));
  into.string(2, `${family.help}.`);
  into.uint(3, types[family.type]);
  for (const series of seriesOf(snapshot)) {
    into.message(4, (metric) => {
      for (const [i, name] of snapshot.names.entries()) {
        metric.message(1, (pair) => {
          pair.string(1, name);
          pair.string(2, series.labels[i] ?? '');
        });
      }
      writeValue(metric, family.type, snapshot, series);
    });
  }
  if (family.unit !== undefined) into.string(5, family.unit);
}

function writeValue(metric: ProtoWriter, type: Family['type'], { bounds }: FamilySnapshot, series: Series): void {
  const { cells, native } = series;
  if (bounds !== null) metric.message(7, (histogram) => writeHistogram(histogram, bounds, cells, native));
  else metric.message(type === 'counter' ? 3 : 2, (value) => value.double(1, cells[0] ?? 0));
}

function writeHistogram(
  into: ProtoWriter,
  bounds: readonly number[],
  cells: Float64Array,
  native: NativeBuckets | null,
): void {
  let count = 0;
  for (let i = 0; i <= bounds.length; i++) count += cells[i] ?? 0;
  into.uint(1, count);
  into.double(2, cells[bounds.length + 1] ?? 0);
  let cumulated = 0;
  for (const [i, bound] of bounds.entries()) {
    cumulated += cells[i] ?? 0;
    into.message(3, (bucket) => {
      bucket.uint(1, cumulated);
      bucket.double(2, bound);
    });
  }
  if (native === null) return;
  into.sint(5, SCHEMA);
  into.double(6, ZERO_THRESHOLD);
  into.uint(7, native.get(ZERO_BUCKET) ?? 0);
  const { spans, deltas } = spansOf(native);
  for (const { offset, length } of spans) {
    into.message(12, (span) => {
      span.sint(1, offset);
      span.uint(2, length);
    });
  }
  for (const delta of deltas) into.sint(13, delta);
}
