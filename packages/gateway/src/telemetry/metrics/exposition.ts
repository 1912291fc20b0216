import type { TextFormat } from './text-format.ts';

/** What a scrape can get. */
export type ExpositionFormat = TextFormat | 'protobuf';

/** A format, and the content type that says so. */
export interface Negotiated {
  readonly format: ExpositionFormat;
  readonly contentType: string;
}

const contentTypes: Readonly<Record<ExpositionFormat, string>> = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  classic: 'text/plain; version=0.0.4; charset=utf-8',
  protobuf: 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricSet;encoding=delimited;version=1.0.0',
};

/** The same messages by the name that Prometheus itself asks for. */
const metricFamilies = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited';

const formats: Readonly<Record<string, ExpositionFormat>> = {
  'text/plain': 'classic',
  'application/openmetrics-text': 'openmetrics',
  'application/vnd.google.protobuf': 'protobuf',
  'application/protobuf': 'protobuf',
  'application/x-protobuf': 'protobuf',
};

/** The richer goes before the poorer where both are wanted as much. */
const order: readonly ExpositionFormat[] = ['protobuf', 'openmetrics', 'classic'];

/**
 * Chooses the format for an `Accept` field: the one with the highest `q`; plain text where none is wanted, for what is not served, and
 * where nothing can be read (spec 10 §6.1). Parameters other than `q` do not count.
 */
export function negotiate(accept: string | undefined): Negotiated {
  const wanted: Record<ExpositionFormat, number> = { protobuf: 0, openmetrics: 0, classic: 0 };
  for (const range of (accept ?? '').split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const format = Object.hasOwn(formats, type) ? formats[type] : undefined;
    if (format === undefined) continue;
    const quality = parameters.find((parameter) => parameter.startsWith('q='));
    const q = quality === undefined ? 1 : Number(quality.slice(2));
    if (q >= 0 && q <= 1) wanted[format] = Math.max(wanted[format], q);
  }
  const best = Math.max(wanted.protobuf, wanted.openmetrics, wanted.classic);
  const format = best === 0 ? 'classic' : (order.find((one) => wanted[one] === best) ?? 'classic');
  const byFamilies = format === 'protobuf' && /proto=io\.prometheus\.client\.MetricFamily\b/i.test(accept ?? '');
  return { format, contentType: byFamilies ? metricFamilies : contentTypes[format] };
}
