import type { PhaseNeeds } from '../../pipeline/needs.ts';
import type { Ports } from '../../pipeline/step.ts';
import type { Settings } from '../../resources/settings.ts';
import type { FinishedExchange } from '../telemetry.ts';
import type { MetricOptions } from './options.ts';

/** UTF-16 units of a label's value; a client may have sent a longer one, ten thousand times. */
const LONGEST = 512;

/** The values of the labels that the configuration adds, in their order; null is unknown. */
export type ReadLabels = (exchange: FinishedExchange) => readonly (string | null)[];

/** What the settings say of metrics, as metrics want to know it. */
export function metricOptions({ histograms, remove, fields }: Settings['metrics']): MetricOptions {
  return { histograms, remove, labels: fields.map(([name]) => name) };
}

/** Compiles `config.metrics.fields`: texts are labels, everything else is unknown (spec 10 §5.1). */
export function compileLabels(
  fields: Settings['metrics']['fields'],
  { expression, needsOf }: Pick<Ports, 'expression' | 'needsOf'>,
): { readonly read: ReadLabels; readonly needs: readonly PhaseNeeds[] } {
  const programs = fields.map(([, source]) => expression(source));
  const read: ReadLabels = (exchange) =>
    programs.map((program) => {
      const value = program.evaluate(exchange.variables);
      return typeof value === 'string' ? value.slice(0, LONGEST) : null;
    });
  return { read, needs: programs.map((program) => needsOf(program)) };
}
