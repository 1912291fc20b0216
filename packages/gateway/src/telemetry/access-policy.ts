import { CelError, Flattened, type Program, toNative, type Value } from '@agentgateway/cel';
import type { PhaseNeeds } from '../pipeline/needs.ts';
import type { Ports } from '../pipeline/step.ts';
import type { AccessFieldsSpec, AccessLogSpec } from '../policies/access-log/spec.ts';
import type { AccessLogPlan } from './access-log-plan.ts';
import { addAttribute } from './cel-values.ts';
import { accessAttributes, accessKeyNames } from './key-values.ts';
import type { Attribute, LogData } from './otlp/model.ts';
import { compileProjectedFormat } from './projected-line.ts';
import type { FinishedExchange } from './telemetry.ts';
import type { Json } from './text.ts';

/** Takes records of the access log; never throws, never waits. */
export interface LogExporter {
  add(record: LogData): void;
}

/** Compiles the policy with what its expressions read of bodies. Loads the language: not for gateways without the policy. */
export function compileAccessLog(
  spec: AccessLogSpec,
  ports: Pick<Ports, 'expression' | 'needsOf'>,
  exporter: LogExporter | null,
): { readonly plan: AccessLogPlan; readonly needs: readonly PhaseNeeds[] } {
  const programs: Program[] = [];
  const expression: Ports['expression'] = (source) => {
    const program = ports.expression(source);
    programs.push(program);
    return program;
  };
  const filter = spec.filter === undefined ? null : expression(spec.filter);
  const projection = new Projection(spec, expression);
  const plan: AccessLogPlan = {
    keeps: compileFilter(filter),
    compile: projection.empty ? null : (format, options) => compileProjectedFormat(format, projection, options),
    export: null,
  };
  if (spec.otlp === undefined || exporter === null) return { plan, needs: needs() };
  const keeps = compileFilter(spec.otlp.filter === undefined ? filter : expression(spec.otlp.filter));
  const exported = spec.otlp.fields === undefined ? projection : new Projection(spec.otlp.fields, expression);
  const toExporter = (exchange: FinishedExchange) => {
    if (keeps(exchange)) exporter.add(logData(exchange, exported));
  };
  return { plan: { ...plan, export: toExporter }, needs: needs() };

  function needs(): PhaseNeeds[] {
    return programs.map((program) => ports.needsOf(program));
  }
}

/** Variables exist only where the language was loaded: they are not touched without need. */
function compileFilter(filter: Program | null): (exchange: FinishedExchange) => boolean {
  return filter === null ? () => true : (exchange) => filter.test(exchange.variables);
}

/** The keys of a request that a policy chose: what is left of the default ones, and what is added behind them. */
export class Projection {
  /** Default keys that are not written. */
  readonly omitted: ReadonlySet<string>;
  readonly #added: readonly { readonly name: string; readonly program: Program }[];
  /** What flattening makes of a client's data must not say what a key of the gateway's, or of the file's, says. */
  readonly #reserved: ReadonlySet<string>;

  constructor({ add, remove }: AccessFieldsSpec, expression: Ports['expression']) {
    const names = add.map(([name]) => name);
    this.omitted = new Set([...remove, ...names]);
    this.#added = add.map(([name, source]) => ({ name, program: expression(source) }));
    this.#reserved = new Set([...accessKeyNames, ...names, 'level', 'time', 'scope']);
  }

  /** Whether the keys stay as they are. */
  get empty(): boolean {
    return this.omitted.size === 0;
  }

  /** Keys and values to add, in their order; null and errors are not there (spec 10 §3.3). */
  additions(exchange: FinishedExchange): readonly (readonly [name: string, value: Json])[] {
    const list: [string, Json][] = [];
    for (const [name, value] of this.#values(exchange)) {
      const plain = toNative(value);
      if (plain !== null && !(plain instanceof CelError)) list.push([name, plain]);
    }
    return list;
  }

  /** All keys, as attributes. */
  attributes(exchange: FinishedExchange): Attribute[] {
    const list = accessAttributes(exchange.record, this.omitted);
    for (const [name, value] of this.#values(exchange)) addAttribute(list, name, value, true);
    return list;
  }

  #values(exchange: FinishedExchange): [string, Value][] {
    const list: [string, Value][] = [];
    for (const { name, program } of this.#added) {
      const value = program.evaluate(exchange.variables);
      if (!(value instanceof Flattened)) list.push([name, value]);
      else for (const part of value.fields(name)) if (!this.#reserved.has(part[0])) list.push(part);
    }
    return list;
  }
}

function logData(exchange: FinishedExchange, projection: Projection): LogData {
  const { record, trace } = exchange;
  return {
    time: record.startedAtEpoch + record.endedAt - record.startedAt,
    traceId: record.traceId,
    spanId: record.spanId,
    flags: trace?.flags ?? 0,
    attributes: projection.attributes(exchange),
  };
}
