/** A family as a strict reader of the exposition formats sees it. */
export interface ParsedFamily {
  readonly type: string;
  readonly help: string;
  readonly unit?: string;
  readonly samples: { readonly name: string; readonly labels: Record<string, string>; readonly value: number }[];
}

/**
 * Reads OpenMetrics 1.0 or the classic text strictly, and knows nothing of how it was written: metadata before samples, families
 * not interleaved, suffixes as the type asks, no series twice, buckets ascending and cumulative, `# EOF` last.
 *
 * @throws Error at the first line that breaks a rule
 */
export function parseExposition(text: string, format: 'openmetrics' | 'classic'): Map<string, ParsedFamily> {
  if (!text.endsWith('\n')) throw new Error('no line break at the end');
  const lines = text.slice(0, -1).split('\n');
  if (lines.pop() !== '# EOF') throw new Error('no # EOF at the end');
  const families = new Map<string, ParsedFamily>();
  const seen = new Set<string>();
  let name = '';
  let family: { type: string; help: string; unit?: string; samples: ParsedFamily['samples'] } | null = null;
  for (const line of lines) {
    const meta = /^# (HELP|TYPE|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (meta !== null) {
      const [, keyword, metaName = '', rest = ''] = meta;
      if (keyword === 'HELP') {
        if (families.has(metaName)) throw new Error(`family twice: ${line}`);
        name = metaName;
        family = { type: '', help: rest, samples: [] };
        families.set(name, family);
        continue;
      }
      if (family === null || metaName !== name || family.samples.length > 0) throw new Error(`stray metadata: ${line}`);
      if (keyword === 'TYPE') family.type = rest;
      else {
        if (format === 'classic' || !name.endsWith(`_${rest}`)) throw new Error(`bad unit: ${line}`);
        family.unit = rest;
      }
      continue;
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (sample === null || family === null) throw new Error(`not a sample: ${line}`);
    const [, sampleName = '', inner = '', number = ''] = sample;
    const value = Number(number);
    if (!Number.isFinite(value)) throw new Error(`not a number: ${line}`);
    if (!suffixes(family.type, format).some((suffix) => sampleName === name + suffix)) {
      throw new Error(`suffix does not fit ${family.type}: ${line}`);
    }
    const labels = parseLabels(inner, line);
    const identity = sampleName + JSON.stringify(Object.entries(labels).sort());
    if (seen.has(identity)) throw new Error(`series twice: ${line}`);
    seen.add(identity);
    family.samples.push({ name: sampleName, labels, value });
  }
  for (const [key, one] of families) checkFamily(key, one);
  return families;
}

function suffixes(type: string, format: 'openmetrics' | 'classic'): readonly string[] {
  if (type === 'histogram') return ['_bucket', '_sum', '_count'];
  if (type === 'gauge') return [''];
  if (type === 'counter') return format === 'openmetrics' ? ['_total'] : [''];
  if (type === 'info' && format === 'openmetrics') return ['_info'];
  throw new Error(`unknown type ${type}`);
}

function parseLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let at = 0;
  while (at < text.length) {
    const match = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/.exec(text.slice(at));
    if (match === null) throw new Error(`bad labels: ${line}`);
    const [whole, key = '', raw = ''] = match;
    if (key in labels) throw new Error(`label twice: ${line}`);
    labels[key] = raw.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
    at += whole.length;
  }
  return labels;
}

function checkFamily(name: string, { type, samples }: ParsedFamily): void {
  if (samples.length === 0) throw new Error(`${name} has no samples`);
  if (type === 'counter' && samples.some((sample) => sample.value < 0)) {
    throw new Error(`${name} is negative`);
  }
  if (type !== 'histogram') return;
  const groups = new Map<string, typeof samples>();
  for (const sample of samples) {
    const { le: _, ...rest } = sample.labels;
    const key = JSON.stringify(rest);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [sample]);
    else group.push(sample);
  }
  for (const group of groups.values()) {
    const buckets = group.filter((sample) => sample.name.endsWith('_bucket'));
    const count = group.find((sample) => sample.name.endsWith('_count'));
    if (count === undefined || buckets.at(-1)?.labels.le !== '+Inf' || buckets.at(-1)?.value !== count.value) {
      throw new Error(`${name}: the last bucket is not the count`);
    }
    let bound = Number.NEGATIVE_INFINITY;
    let value = 0;
    for (const bucket of buckets) {
      const le = bucket.labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(bucket.labels.le);
      if (!(le > bound) || bucket.value < value) throw new Error(`${name}: buckets do not ascend`);
      bound = le;
      value = bucket.value;
    }
  }
}
