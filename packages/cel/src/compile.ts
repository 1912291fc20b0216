import { type Activation, gatewayVariables, type VariableReaders } from './activation.ts';
import { analyze } from './attributes/analyze.ts';
import type { Attributes } from './attributes/attributes.ts';
import { Compiler } from './compile/compiler.ts';
import { Evaluation, type Run, type Sources } from './compile/evaluation.ts';
import type { CustomFunctions } from './custom/functions.ts';
import { parse } from './parse/parser.ts';
import { locate, render, SyntaxFailure, type SyntaxProblem } from './parse/syntax-error.ts';
import { CelError, costExceeded } from './values/error.ts';
import { settle, type Value } from './values/value.ts';

/** How to compile; everything has a default. */
export interface CompileOptions<A = Activation> {
  /** The variables that expressions may name; by default the gateway's. */
  readonly variables?: VariableReaders<A>;
  /** From `parseCustomFunctions`. */
  readonly custom?: CustomFunctions;
  readonly sources?: Sources;
  /** Work that one evaluation may do; a node visited in a loop is about one. */
  readonly budget?: number;
  /** Lets `all` and `exists` go on after an error, as `&&` and `||` do. Off: the first error ends them (spec 04 §3.5, D2). */
  readonly absorbErrors?: boolean;
}

/** Why an expression is refused. */
export interface CompileError extends SyntaxProblem {
  /** The message for people: `parse: ERROR: <input>:1:3: …`, the line, a caret. */
  readonly rendered: string;
}

/** The program, or what is wrong with the text. */
export type Compiled<A = Activation> =
  | { readonly ok: true; readonly program: Program<A> }
  | { readonly ok: false; readonly error: CompileError };

/** An expression that is ready to run. */
export interface Program<A = Activation> {
  readonly source: string;
  /** What it reads, so that nobody pays for more. */
  readonly attributes: Attributes;
  /** Legal, and probably mistakes: names that nobody knows, with a suggestion. */
  readonly warnings: readonly SyntaxProblem[];
  /** The value if it is the same for every request; else undefined. */
  readonly constant: Value | undefined;
  /** Two evaluations of the same request may differ, as it calls `random()` or `uuid()`: it makes no good key of a cache. */
  readonly volatile: boolean;
  /** Never throws; an error is the value `CelError`. String-like values come as strings. */
  evaluate(activation: A): Value;
  /** For conditions: true only if the value is `true`. */
  test(activation: A): boolean;
}

/** About 0.2 s of loops, or a few passes over the largest body that is ever buffered. */
const defaultBudget = 4_000_000;

const chance: Sources = { random: () => Math.random(), uuid: () => crypto.randomUUID() };

/** Compiles an expression once, to be evaluated many times. Never throws. */
export function compile<A = Activation>(source: string, options: CompileOptions<A> = {}): Compiled<A> {
  try {
    const tree = parse(source);
    const variables = (options.variables ?? gatewayVariables) as VariableReaders<Activation>;
    const custom = options.custom ?? null;
    const compiler = new Compiler(variables, custom, options.absorbErrors ?? false);
    const { run, constant } = compiler.compile(tree);
    const warnings = compiler.warnings
      .sort((a, b) => a.offset - b.offset)
      .map(({ message, offset }) => locate(source, message, offset));
    const limits = { slots: compiler.slots, budget: options.budget ?? defaultBudget };
    const runner = new CompiledProgram<A>(source, run, constant, options.sources ?? chance, limits);
    return {
      ok: true,
      program: Object.assign(runner, { attributes: analyze(tree, custom), warnings, volatile: compiler.volatile }),
    };
  } catch (failure) {
    if (!(failure instanceof SyntaxFailure)) throw failure;
    const problem = locate(source, failure.message, failure.offset);
    return { ok: false, error: { ...problem, rendered: render(source, problem) } };
  }
}

/** A program for an expression that could not be compiled and must not stop the gateway: it fails at every evaluation. */
export function failing<A = Activation>(source: string): Program<A> {
  const error = new CelError(
    'function',
    () => `fail() called: the expression ${JSON.stringify(source)} could not be compiled`,
  );
  const runner = new CompiledProgram<A>(source, () => error, error, chance, { slots: 0, budget: 0 });
  return Object.assign(runner, { attributes: { needs: 0, paths: [] }, warnings: [], volatile: false });
}

class CompiledProgram<A> {
  readonly source: string;
  readonly constant: Value | undefined;
  readonly #run: Run;
  readonly #sources: Sources;
  readonly #slots: number;
  readonly #budget: number;

  constructor(
    source: string,
    run: Run,
    constant: Value | undefined,
    sources: Sources,
    limits: { slots: number; budget: number },
  ) {
    this.source = source;
    this.constant = constant === undefined ? undefined : settle(constant);
    this.#run = run;
    this.#sources = sources;
    this.#slots = limits.slots;
    this.#budget = limits.budget;
  }

  evaluate(activation: A): Value {
    if (this.constant !== undefined) return this.constant;
    const evaluation = new Evaluation(activation, this.#sources, this.#slots, this.#budget);
    try {
      const value = this.#run(evaluation);
      if (evaluation.left < 0) return costExceeded;
      return typeof value === 'object' ? settle(value) : value;
    } catch (failure) {
      // Nothing is meant to get here; a text or a stack that is too big for V8 would.
      return new CelError('internal', () => `internal error: ${failure instanceof Error ? failure.message : failure}`);
    }
  }

  test(activation: A): boolean {
    return this.evaluate(activation) === true;
  }
}
