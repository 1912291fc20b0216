import { type Family, type FamilyName, families, PREFIX } from './families.ts';

/** Which metrics there are and what they look like (spec 10 §6); the same in every thread of a process. */
export interface MetricOptions {
  /** Fixed buckets, exponential ones, or both. */
  readonly histograms: 'classic' | 'native' | 'both';
  /** Names of metrics that are not counted. */
  readonly remove: readonly string[];
  /** Labels that the configuration adds to the metrics of requests. */
  readonly labels: readonly string[];
}

/** Everything, as it is specified. */
export const defaultMetricOptions: MetricOptions = { histograms: 'classic', remove: [], labels: [] };

/** Names of a family's labels; what is counted by route has those of the configuration too. */
export function labelNames(family: Family, custom: readonly string[]): readonly string[] {
  return custom.length > 0 && family.labels.includes('route') ? [...family.labels, ...custom] : family.labels;
}

/** The families that the entries of `config.metrics.remove` mean (spec 10 §6.4). What tells of the process itself always stays. */
export function removedFamilies(entries: readonly string[]): ReadonlySet<FamilyName> {
  const named = new Set(entries);
  const removed = new Set<FamilyName>();
  for (const [key, family] of Object.entries(families) as [FamilyName, Family][]) {
    if (namesOf(family).some((name) => named.has(name))) removed.add(key);
  }
  return removed;
}

/** What an entry may call a family: with and without the prefix, the unit, and `_total`. */
function namesOf({ name, unit }: Family): readonly string[] {
  if (!name.startsWith(PREFIX)) return [];
  const short = name.slice(PREFIX.length);
  const base = unit === undefined ? short : short.slice(0, -unit.length - 1);
  return [base, short].flatMap((one) => [one, `${one}_total`, `${PREFIX}${one}`, `${PREFIX}${one}_total`]);
}
