import type { Program } from '@agentgateway/cel';
import type { Expression } from '../resources/model.ts';
import type { Exchange } from './exchange.ts';
import type { Ports, ResponseStep, Step } from './step.ts';

type PortsOf = (spec: unknown) => Ports;

interface Entry {
  readonly condition: Expression | null;
  readonly spec: unknown;
}

/** A policy with its one specification, or with several of which a request gets one. */
type Policy = { readonly spec: unknown } | { readonly entries: readonly Entry[] };

/** The policy's step; null where nothing is to be done for any request. */
export function requestStep(
  policy: Policy,
  compile: (spec: unknown, ports: Ports) => Step | null,
  portsOf: PortsOf,
): Step | null {
  if ('spec' in policy) return compile(policy.spec, portsOf(policy.spec));
  const { entries } = policy;
  const conditions = conditionsOf(entries, portsOf);
  const steps = entries.map(({ spec }) => compile(spec, portsOf(spec)));
  return (exchange) => {
    const chosen = choose(conditions, exchange);
    exchange.choices ??= new Map();
    exchange.choices.set(policy, chosen);
    return steps[chosen]?.(exchange);
  };
}

/** The step of the entry that the request side chose. A request that never came that far has none. */
export function responseStep(
  policy: Policy,
  compile: (spec: unknown, ports: Ports) => ResponseStep | null,
  portsOf: PortsOf,
): ResponseStep | null {
  if ('spec' in policy) return compile(policy.spec, portsOf(policy.spec));
  const steps = policy.entries.map(({ spec }) => compile(spec, portsOf(spec)));
  if (steps.every((step) => step === null)) return null;
  return (exchange: Exchange, response) => {
    const chosen = exchange.choices?.get(policy) ?? -1;
    return steps[chosen]?.(exchange, response);
  };
}

/** The first whose condition holds; -1 if none does. */
function choose(conditions: readonly (Program | null)[], exchange: Exchange): number {
  for (let i = 0; i < conditions.length; i++) {
    const condition = conditions[i] as Program | null;
    if (condition === null || condition.test(exchange.variables)) return i;
  }
  return -1;
}

function conditionsOf(entries: readonly Entry[], portsOf: PortsOf): (Program | null)[] {
  return entries.map(({ condition, spec }) => (condition === null ? null : portsOf(spec).expression(condition)));
}
