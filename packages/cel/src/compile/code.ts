import { CelError } from '../values/error.ts';
import type { Value } from '../values/value.ts';
import { Evaluation, type Run, type Sources } from './evaluation.ts';

/** What the compiler makes of a node. */
export interface Code {
  readonly run: Run;
  /** The value, if it is the same in every evaluation; else undefined. */
  readonly constant: Value | undefined;
}

/** Code of a value that is known already. */
export function constant(value: Value): Code {
  return { run: () => value, constant: value };
}

/** Code that must run. */
export function computed(run: Run): Code {
  return { run, constant: undefined };
}

/** Work that is done once when compiling rather than at every evaluation. */
const foldingBudget = 10_000;

const noSources: Sources = {
  random: () => {
    throw new Error('not while compiling');
  },
  uuid: () => {
    throw new Error('not while compiling');
  },
};

/** Evaluates now what depends on constants alone. `run` must take nothing else than what `parts` give it. */
export function folded(parts: readonly Code[], run: Run): Code {
  for (const part of parts) if (part.constant === undefined) return computed(run);
  const evaluation = new Evaluation(null, noSources, 0, foldingBudget);
  const value = run(evaluation);
  if (evaluation.left < 0 || (value instanceof CelError && value.kind === 'limit')) return computed(run);
  return constant(value);
}
