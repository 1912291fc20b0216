import { type Family, families } from './families.ts';
import { type Snapshot, seriesOf } from './snapshot.ts';

/** The texts that a scrape can get (spec 10 W34). */
export type TextFormat = 'openmetrics' | 'classic';

/** Writes a snapshot in a text format of Prometheus. Sample lines are the same in both; what says the types is not. */
export function expose(snapshot: Snapshot, format: TextFormat): string {
  const parts: string[] = [];
  for (const one of snapshot.families) {
    const family: Family = families[one.family];
    if (one.values.length === 0) continue;
    parts.push(format === 'openmetrics' ? openMetricsHead(family) : classicHead(family));
    for (const { labels, cells } of seriesOf(one)) {
      const pairs = one.names.map((name, at) => `${name}="${escapeLabel(labels[at] ?? '')}"`).join(',');
      parts.push(
        one.bounds === null ? sample(family, pairs, cells[0] ?? 0) : histogram(family, one.bounds, pairs, cells),
      );
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
  const name = classicName(family);
  return `# HELP ${name} ${family.help}.\n# TYPE ${name} ${family.type === 'info' ? 'gauge' : family.type}\n`;
}

/** Name of a family where samples are called as their family is. */
export function classicName({ name, type }: Family): string {
  if (type === 'counter') return `${name}_total`;
  return type === 'info' ? `${name}_info` : name;
}

function sample(family: Family, pairs: string, value: number): string {
  return `${classicName(family)}${pairs === '' ? '' : `{${pairs}}`} ${value}\n`;
}

function histogram({ name }: Family, bounds: readonly number[], pairs: string, cells: Float64Array): string {
  const own = pairs === '' ? '' : `{${pairs}}`;
  const before = pairs === '' ? '' : `${pairs},`;
  let out = '';
  let count = 0;
  for (let i = 0; i <= bounds.length; i++) {
    count += cells[i] ?? 0;
    out += `${name}_bucket{${before}le="${bound(bounds[i])}"} ${count}\n`;
  }
  return `${out}${name}_sum${own} ${cells[bounds.length + 1] ?? 0}\n${name}_count${own} ${count}\n`;
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
