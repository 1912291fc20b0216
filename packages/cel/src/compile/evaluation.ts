import type { Meter } from '../values/meter.ts';
import type { Value } from '../values/value.ts';

/** What functions take from outside: the budget, and the sources of what is not computed. */
export interface Host extends Meter {
  readonly sources: Sources;
}

/** Chance, injected so that tests can decide it. */
export interface Sources {
  /** 0 to 1. */
  random(): number;
  /** A version 4 UUID as text. */
  uuid(): string;
}

/** One run of a program. */
export class Evaluation implements Host {
  /** What the variables' readers are given. */
  readonly variables: unknown;
  readonly sources: Sources;
  /** Values of the names that macros, `with` and custom functions bind; a compiler knows each one's slot. */
  readonly locals: Value[];
  /** Below 0 the evaluation gives up. */
  left: number;

  constructor(variables: unknown, sources: Sources, slots: number, budget: number) {
    this.variables = variables;
    this.sources = sources;
    this.locals = slots === 0 ? none : new Array<Value>(slots).fill(null);
    this.left = budget;
  }

  spend(units: number): boolean {
    this.left -= units;
    return this.left >= 0;
  }
}

const none: Value[] = [];

/** A compiled expression or a part of one. Returns errors, never throws them. */
export type Run = (evaluation: Evaluation) => Value;
