import { type Family, families } from './families.ts';
import { cellsOf, type Snapshot } from './snapshot.ts';

/** The texts that a scrape can get (spec 10 W34). */
export type ExpositionFormat = 'openmetrics' | 'classic';

export const contentTypes: Readonly<Record<ExpositionFormat, string>> = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  classic: 'text/plain; version=0.0.4; charset=utf-8',
};

/**
 * Chooses the text for an `Accept` field: OpenMetrics where it is wanted at least as much as plain text, plain text otherwise, also
 * for what is not served (protobuf) or cannot be read. Parameters other than `q` do not count.
 */
export function negotiate(accept: string | undefined): ExpositionFormat {
  let openmetrics = 0;
  let plain = 0;
  for (const range of (accept ?? '').split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith('q='));
    const q = quality === undefined ? 1 : Number(quality.slice(2));
    if (!(q >= 0 && q <= 1)) continue;
    if (type === 'application/openmetrics-text') openmetrics = Math.max(openmetrics, q);
    if (type === 'text/plain') plain = Math.max(plain, q);
  }
  return openmetrics > 0 && openmetrics >= plain ? 'openmetrics' : 'classic';
}

/** Writes a snapshot in a format of Prometheus. Sample lines are the same in both; what says the types is not. */
export function expose(snapshot: Snapshot, format: ExpositionFormat): string {
  const parts: string[] = [];
  for (const { family: key, labels, values } of snapshot.families) {
    const family: Family = families[key];
    if (values.length === 0) continue;
    parts.push(format === 'openmetrics' ? openMetricsHead(family) : classicHead(family));
    const size = cellsOf(key);
    const width = family.labels.length;
    for (let i = 0; i * size < values.length; i++) {
      const pairs = family.labels.map((name, at) => `${name}="${escapeLabel(labels[i * width + at] ?? '')}"`).join(',');
      const cells = values.subarray(i * size, (i + 1) * size);
      parts.push(family.buckets === undefined ? sample(family, pairs, cells[0] ?? 0) : histogram(family, pairs, cells));
    }
  }
  parts.push('# EOF\n');
  return parts.join('');
}

function openMetricsHead({ name, type, help, unit }: Family): string {
  const head = `# HELP ${name} ${help}.\n# TYPE ${name} ${type}\n`;
  return unit === undefined ? head : `${head}# UNIT ${name} ${unit}\n`;
}

function classicHead(family: Family): string {
  const name = `${family.name}${suffix(family)}`;
  return `# HELP ${name} ${family.help}.\n# TYPE ${name} ${family.type === 'info' ? 'gauge' : family.type}\n`;
}

function suffix({ type }: Family): string {
  if (type === 'counter') return '_total';
  return type === 'info' ? '_info' : '';
}

function sample(family: Family, pairs: string, value: number): string {
  return `${family.name}${suffix(family)}${pairs === '' ? '' : `{${pairs}}`} ${value}\n`;
}

function histogram({ name, buckets = [] }: Family, pairs: string, cells: Float64Array): string {
  const own = pairs === '' ? '' : `{${pairs}}`;
  const before = pairs === '' ? '' : `${pairs},`;
  let out = '';
  let count = 0;
  for (let i = 0; i <= buckets.length; i++) {
    count += cells[i] ?? 0;
    out += `${name}_bucket{${before}le="${bound(buckets[i])}"} ${count}\n`;
  }
  return `${out}${name}_sum${own} ${cells[buckets.length + 1] ?? 0}\n${name}_count${own} ${count}\n`;
}

/** As OpenMetrics writes floats: a whole number keeps its `.0`. */
function bound(value: number | undefined): string {
  if (value === undefined) return '+Inf';
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

function escapeLabel(value: string): string {
  if (!/[\\"\n]/.test(value)) return value;
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
