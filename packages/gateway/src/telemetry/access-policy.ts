import { CelError, Flattened, type Program, toNative, type Value } from '@agentgateway/cel';
import type { PhaseNeeds } from '../pipeline/needs.ts';
import type { Ports } from '../pipeline/step.ts';
import type { AccessFieldsSpec, AccessLogSpec } from '../policies/access-log/spec.ts';
import type { AccessLogPlan } from './access-log-plan.ts';
import { accessKeyNames } from './key-values.ts';
import { compileProjectedFormat } from './projected-line.ts';
import type { FinishedExchange } from './telemetry.ts';
import type { Json } from './text.ts';

/** The keys of a request that a policy chose: what is left of the default ones, and what is added behind them. */
export interface Projection {
  /** Default keys that are not written. */
  readonly omitted: ReadonlySet<string>;
  /** Keys and values to add, in their order; those that are null or errors are not there (spec 10 §3.3). */
  additions(exchange: FinishedExchange): readonly (readonly [name: string, value: Json])[];
}

/** Compiles the policy with what its expressions read of bodies. Loads the language: not for gateways without the policy. */
export function compileAccessLog(
  spec: AccessLogSpec,
  ports: Pick<Ports, 'expression' | 'needsOf'>,
): { readonly plan: AccessLogPlan; readonly needs: readonly PhaseNeeds[] } {
  const programs: Program[] = [];
  const expression: Ports['expression'] = (source) => {
    const program = ports.expression(source);
    programs.push(program);
    return program;
  };
  const filter = spec.filter === undefined ? null : expression(spec.filter);
  const projection = compileProjection(spec, expression);
  const plan: AccessLogPlan = {
    // Variables exist only where the language was loaded.
    keeps: (exchange) => filter === null || filter.test(exchange.variables),
    compile: projection === null ? null : (format, options) => compileProjectedFormat(format, projection, options),
  };
  return { plan, needs: programs.map((program) => ports.needsOf(program)) };
}

/** Null where the keys stay as they are. */
function compileProjection({ add, remove }: AccessFieldsSpec, expression: Ports['expression']): Projection | null {
  if (add.length === 0 && remove.length === 0) return null;
  const added = add.map(([name, source]) => ({ name, program: expression(source) }));
  const names = new Set(add.map(([name]) => name));
  // What flattening makes of a client's data must not say what a key of the gateway's own says.
  const reserved = new Set([...accessKeyNames, ...names, 'level', 'time', 'scope']);
  return {
    omitted: new Set([...remove, ...names]),
    additions(exchange) {
      const list: [string, Json][] = [];
      for (const { name, program } of added) {
        const value = program.evaluate(exchange.variables);
        if (value instanceof Flattened) {
          for (const [inner, part] of value.fields(name)) if (!reserved.has(inner)) put(list, inner, part);
        } else {
          put(list, name, value);
        }
      }
      return list;
    },
  };
}

function put(list: [string, Json][], name: string, value: Value): void {
  const plain = toNative(value);
  if (plain !== null && !(plain instanceof CelError)) list.push([name, plain]);
}
