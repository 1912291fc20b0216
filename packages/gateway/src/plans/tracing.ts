import type { Program } from '@agentgateway/cel';
import type { Exchange } from '../pipeline/exchange.ts';
import type { PhaseNeeds } from '../pipeline/needs.ts';
import type { Ports } from '../pipeline/step.ts';
import type { Trace, Tracer } from '../pipeline/trace.ts';
import type { Sampling, TracingSpec } from '../policies/tracing/spec.ts';
import type { BatchExporter } from '../telemetry/otlp/batch.ts';
import type { Exporters } from '../telemetry/otlp/exporters.ts';
import type { Attribute, SpanData } from '../telemetry/otlp/model.ts';
import { callSpan, serverSpan } from '../telemetry/spans.ts';
import type { FinishedExchange } from '../telemetry/telemetry.ts';
import { compileSpanExporter } from './otlp.ts';

/** What is done with the values of expressions; loaded with the language. */
type CelValues = typeof import('../telemetry/cel-values.ts');

/** The attribute that is no attribute: it renames the span. */
const NAME = 'span.name';

/**
 * Compiles a tracing policy (spec 10 §2.3).
 *
 * @param cel Null where the policy has no expression.
 */
export function compileTracing(
  spec: TracingSpec,
  ports: Ports,
  exporters: Exporters,
  cel: CelValues | null,
): { readonly tracer: Tracer; readonly needs: readonly PhaseNeeds[] } {
  const compileSampling = (sampling: Sampling) =>
    typeof sampling === 'number' ? sampling : ports.expression(sampling);
  const resource: Attribute[] = [];
  for (const [name, expression] of spec.resources) {
    cel?.addAttribute(resource, name, ports.expression(expression).evaluate(cel.noVariables), true);
  }
  const filter = spec.filter === undefined ? null : ports.expression(spec.filter);
  const attributes = spec.attributes.map(([name, expression]): [string, Program] => [
    name,
    ports.expression(expression),
  ]);
  const tracer = new PolicyTracer({
    random: compileSampling(spec.randomSampling ?? 0),
    client: compileSampling(spec.clientSampling ?? 1),
    filter,
    attributes,
    remove: spec.remove,
    chance: ports.random,
    cel,
    exporter: compileSpanExporter({ target: spec, resource, ports, exporters }),
  });
  const late = attributes.map(([, program]) => program);
  if (filter !== null) late.push(filter);
  return { tracer, needs: late.map((program) => ports.needsOf(program)) };
}

interface TracerParts {
  readonly random: number | Program;
  readonly client: number | Program;
  readonly filter: Program | null;
  readonly attributes: readonly (readonly [name: string, program: Program])[];
  readonly remove: readonly string[];
  /** Uniform in [0, 1). */
  readonly chance: () => number;
  readonly cel: CelValues | null;
  readonly exporter: BatchExporter<SpanData>;
}

class PolicyTracer implements Tracer {
  readonly #parts: TracerParts;
  readonly #omitted: ReadonlySet<string>;

  constructor(parts: TracerParts) {
    this.#parts = parts;
    // The error is the span's status.
    this.#omitted = new Set(['error', ...parts.remove, ...parts.attributes.map(([name]) => name)]);
  }

  samples(exchange: Exchange, client: boolean): boolean {
    const { random, client: ofClient, chance, cel } = this.#parts;
    const sampling = client ? ofClient : random;
    let likely: number;
    if (typeof sampling === 'number') likely = sampling;
    else likely = cel === null ? 0 : cel.probability(sampling.evaluate(exchange.variables));
    return likely >= 1 || (likely > 0 && chance() < likely);
  }

  finish(exchange: FinishedExchange, trace: Trace): void {
    const { filter, exporter } = this.#parts;
    if (filter !== null && !filter.test(exchange.variables)) return;
    exporter.add(this.#server(exchange, trace));
    for (const call of trace.calls) exporter.add(callSpan(exchange.record, trace, call));
  }

  #server(exchange: FinishedExchange, trace: Trace): SpanData {
    const { attributes, cel } = this.#parts;
    const own: Attribute[] = [];
    let name: string | null = null;
    for (const [key, program] of attributes) {
      const value = program.evaluate(exchange.variables);
      if (key !== NAME) cel?.addAttribute(own, key, value, false);
      else if (typeof value === 'string') name = value;
    }
    return serverSpan(exchange, trace, { omitted: this.#omitted, name, attributes: own });
  }
}
