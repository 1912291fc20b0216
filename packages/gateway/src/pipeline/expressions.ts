import { type Activation, compile, failing, Needs, type Program, parseCustomFunctions } from '@agentgateway/cel';
import type { ConnectionInfo } from '@agentgateway/http';
import type { Expression } from '../resources/model.ts';
import { provideVariables } from './exchange.ts';
import type { PhaseNeeds } from './needs.ts';
import type { Log } from './step.ts';
import { ConnectionVariables } from './variables/connection-only.ts';
import { ExchangeVariables } from './variables/variables.ts';

provideVariables((exchange) => new ExchangeVariables(exchange));

export { expressionValues } from './expression-values.ts';

/** Expressions remembered by their text; beyond it the memory starts anew. */
const REMEMBERED = 4096;

/** Compiles expressions for one worker. An expression that several policies have is compiled once. */
export class Expressions {
  readonly #custom: ReturnType<typeof functionsOf>;
  readonly #log: Log | null;
  readonly #known = new Map<string, Program>();

  /** @param log Told of what cannot be compiled; null where another worker tells it. */
  constructor(customFunctions: string | undefined, log: Log | null) {
    this.#custom = functionsOf(customFunctions);
    this.#log = log;
  }

  /** One that cannot be compiled gives a program that fails at every evaluation. */
  compile({ $cel: source }: Expression): Program {
    let program = this.#known.get(source);
    if (program !== undefined) return program;
    const compiled = compile(source, this.#custom === null ? {} : { custom: this.#custom });
    program = compiled.ok ? compiled.program : failing(source);
    if (!compiled.ok)
      this.#log?.warn('cel', 'an expression fails at every evaluation', { error: compiled.error.message });
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.set(source, program);
    return program;
  }
}

function functionsOf(definitions: string | undefined) {
  if (definitions === undefined) return null;
  const parsed = parseCustomFunctions(definitions);
  // The configuration was checked when it was read.
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.functions;
}

/** What expressions see of a connection that nothing was read of yet. */
export function connectionVariables(connection: ConnectionInfo): Activation {
  return new ConnectionVariables(connection);
}

/** What of bodies a program reads. */
export function needsOf(program: Program): PhaseNeeds {
  const { needs } = program.attributes;
  return {
    request: (needs & Needs.request) !== 0,
    requestBody: (needs & Needs.requestBody) !== 0,
    responseBody: (needs & Needs.responseBody) !== 0,
  };
}
