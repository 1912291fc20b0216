import fc from 'fast-check';
import { expect, test } from 'vitest';
import { verifies } from '../../../test/verifies.ts';
import { RequestRecord } from '../record.ts';
import { type DecodedMetric, decodeFamilies } from '../testing/metric-family.ts';
import { parseExposition } from '../testing/parse-exposition.ts';
import { Metrics } from './metrics.ts';
import { defaultMetricOptions, type MetricOptions } from './options.ts';
import { exposeProtobuf } from './protobuf.ts';
import { mergeSnapshots, type Snapshot } from './snapshot.ts';
import { expose } from './text-format.ts';

const DURATION = 'agentgateway_request_duration_seconds';

/** Metrics of requests that took so many seconds. */
function counted(durations: readonly number[], histograms: MetricOptions['histograms']): Metrics {
  const metrics = new Metrics('1', { ...defaultMetricOptions, histograms });
  for (const duration of durations) {
    metrics.observeRequest(
      Object.assign(new RequestRecord(), { method: 'G"E\nT', status: 200, endedAt: duration * 1000 }),
    );
  }
  return metrics;
}

function decoded(snapshot: Snapshot, name: string) {
  const family = decodeFamilies(exposeProtobuf(snapshot)).find((one) => one.name === name);
  if (family === undefined) throw new Error(`no family ${name}`);
  return family;
}

/** Counts by the upper bound of each exponential bucket, as a reader makes them of what was sent. */
function buckets({ histogram }: DecodedMetric): [bound: number, count: number][] {
  const step = 2 ** -(histogram?.schema ?? 0);
  const deltas = [...(histogram?.positiveDelta ?? [])];
  const found: [number, number][] = [];
  let index = 0;
  let count = 0;
  for (const { offset, length } of histogram?.positiveSpan ?? []) {
    index += offset;
    for (let i = 0; i < length; i++) {
      count += deltas.shift() ?? 0;
      found.push([2 ** (step * index++), count]);
    }
  }
  expect(deltas).toEqual([]);
  return found;
}

test('every family is told in protobuf as it is in text', () => {
  const metrics = counted([0.02, 0.3], 'classic');
  metrics.set('build', ['1.2.3'], 1);
  metrics.configSynchronized(true);
  const snapshot = metrics.snapshot();
  const text = parseExposition(expose(snapshot, 'classic'), 'classic');
  const families = decodeFamilies(exposeProtobuf(snapshot));
  expect(families.map(({ name }) => name)).toEqual([...text.keys()]);
  for (const { name, type, help, metric } of families) {
    const same = text.get(name);
    expect([type, help]).toEqual([same?.type.toUpperCase(), same?.help]);
    for (const { label, gauge, counter, histogram } of metric) {
      const labels = Object.fromEntries((label ?? []).map((pair) => [pair.name, pair.value]));
      const samples = (same?.samples ?? []).filter((one) => {
        const { le: _, ...own } = one.labels;
        return JSON.stringify(own) === JSON.stringify(labels);
      });
      if (histogram === undefined) {
        expect((gauge ?? counter)?.value).toBe(samples[0]?.value);
        continue;
      }
      const value = (suffix: string) => samples.find((one) => one.name === name + suffix)?.value;
      expect([histogram.sampleCount, histogram.sampleSum]).toEqual([value('_count'), value('_sum')]);
      const bounds = samples.filter((one) => 'le' in one.labels && one.labels.le !== '+Inf');
      expect(histogram.bucket).toEqual(
        bounds.map((one) => ({ cumulativeCount: one.value, upperBound: Number(one.labels.le) })),
      );
      expect(histogram.schema).toBeUndefined();
    }
  }
  expect(decoded(snapshot, 'agentgateway_requests_total').metric[0]?.label).toContainEqual({
    name: 'method',
    value: 'G"E\nT',
  });
  expect(decoded(snapshot, DURATION).unit).toBe('seconds');
});

test('TEL-31: fixed buckets, exponential ones, or both', () => {
  verifies('TEL-31');
  const durations = [0.02, 0.3, 0.3];
  const finite = (snapshot: Snapshot) =>
    expose(snapshot, 'classic')
      .split('\n')
      .filter((line) => line.startsWith(`${DURATION}_bucket`) && !line.includes('le="+Inf"'));
  const histogram = (snapshot: Snapshot) => decoded(snapshot, DURATION).metric[0]?.histogram;

  const native = counted(durations, 'native').snapshot();
  expect(finite(native)).toEqual([]);
  expect(expose(native, 'classic')).toContain(`${DURATION}_count{`);
  parseExposition(expose(native, 'openmetrics'), 'openmetrics');
  expect(histogram(native)).toMatchObject({ sampleCount: 3, schema: 3, positiveSpan: expect.any(Array) });
  expect(histogram(native)).not.toHaveProperty('bucket');

  const both = counted(durations, 'both').snapshot();
  expect(finite(both)).toHaveLength(14);
  expect(histogram(both)).toMatchObject({ bucket: expect.any(Array), positiveSpan: expect.any(Array) });

  const classic = counted(durations, 'classic').snapshot();
  expect(finite(classic)).toHaveLength(14);
  expect(histogram(classic)).not.toHaveProperty('positiveSpan');
});

test('an exponential bucket holds what lies up to its bound and above the one before; threads add up', () => {
  const seconds = fc.oneof(fc.constantFrom(0, 1, 2, 4, 0.5, 0.125, 1e-7), fc.double({ min: 0, max: 1e6, noNaN: true }));
  fc.assert(
    fc.property(fc.array(fc.array(seconds, { maxLength: 20 }), { minLength: 1, maxLength: 3 }), (threads) => {
      const all = threads.flat();
      if (all.length === 0) return;
      const snapshots = threads.map((durations) => structuredClone(counted(durations, 'native').snapshot()));
      const [metric] = decoded(mergeSnapshots(snapshots), DURATION).metric;
      if (metric === undefined) throw new Error('no metric');
      // As they were observed: milliseconds and back.
      const observed = all.map((duration) => (duration * 1000) / 1000);
      const zero = observed.filter((value) => value <= (metric.histogram?.zeroThreshold ?? 0)).length;
      expect(metric.histogram).toMatchObject({ sampleCount: all.length, zeroCount: zero });
      let rest = observed.filter((value) => value > 0);
      for (const [bound, count] of buckets(metric)) {
        // A bound that is no float is off by its last digit.
        const fits = (value: number) => value <= bound * (1 + 1e-12) && value > (bound / 2 ** 0.125) * (1 - 1e-12);
        expect(count).toBeGreaterThan(0);
        expect(rest.filter(fits).length).toBeGreaterThanOrEqual(count);
        rest = rest.filter((value) => value > bound * (1 + 1e-12));
      }
      expect(buckets(metric).reduce((sum, [, count]) => sum + count, zero)).toBe(all.length);
    }),
    { numRuns: 200 },
  );
});

test('bounds that are whole powers of two belong to the bucket below', () => {
  const [metric] = decoded(counted([1, 2, 4, 0.5], 'native').snapshot(), DURATION).metric;
  expect(buckets(metric as DecodedMetric)).toEqual([
    [0.5, 1],
    [1, 1],
    [2, 1],
    [4, 1],
  ]);
});
