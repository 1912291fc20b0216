import type { Value } from './values/value.ts';

/**
 * The variables of an evaluation (spec 04 §4). What is not available at the moment is null. A property may be a getter that makes its
 * value when first read; `Fields` values may do the same field by field.
 *
 * Give all evaluations objects of one class with all properties declared: the compiled code then finds each at a fixed place.
 */
export interface Activation {
  readonly request: Value;
  readonly response: Value;
  readonly source: Value;
  readonly destination: Value;
  readonly proxy: Value;
  readonly env: Value;
  readonly jwt: Value;
  readonly apiKey: Value;
  readonly basicAuth: Value;
  readonly extauthz: Value;
  readonly extproc: Value;
  readonly metadata: Value;
  readonly llm: Value;
  readonly llmRequest: Value;
  readonly mcp: Value;
  readonly mcpGuardrails: Value;
  readonly backend: Value;
}

/** How to read each variable that expressions may name. */
export type VariableReaders<A> = ReadonlyMap<string, (activation: A) => Value>;

/** The gateway's variables. A function each, so that every variable has an inline cache of its own. */
export const gatewayVariables: VariableReaders<Activation> = new Map<string, (activation: Activation) => Value>([
  ['request', (a) => a.request],
  ['response', (a) => a.response],
  ['source', (a) => a.source],
  ['destination', (a) => a.destination],
  ['proxy', (a) => a.proxy],
  ['env', (a) => a.env],
  ['jwt', (a) => a.jwt],
  ['apiKey', (a) => a.apiKey],
  ['basicAuth', (a) => a.basicAuth],
  ['extauthz', (a) => a.extauthz],
  ['extproc', (a) => a.extproc],
  ['metadata', (a) => a.metadata],
  ['llm', (a) => a.llm],
  ['llmRequest', (a) => a.llmRequest],
  ['mcp', (a) => a.mcp],
  ['mcpGuardrails', (a) => a.mcpGuardrails],
  ['backend', (a) => a.backend],
]);
