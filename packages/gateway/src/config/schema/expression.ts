import { z } from 'zod';
import type { Expression } from '../../resources/model.ts';

/** What is wrong with an expression, or with definitions of functions; null is nothing. */
export interface Checker {
  expression(source: string): string | null;
  customFunctions(source: string): string | null;
  /** What is legal and probably a mistake, one a line: names that nobody knows. */
  warnings(source: string, customFunctions: string | undefined): readonly string[];
}

/** Checks while a file is read, which is one turn of the loop; null where the language is not loaded yet. */
let checker: Checker | null = null;
let met = false;
/** Texts of the expressions that were met. */
const sources = new Set<string>();

/**
 * Runs `read`, in which expressions are checked with `check`.
 *
 * @returns also whether one was met: without a checker nothing is known of it.
 */
export function withExpressions<T>(check: Checker | null, read: () => T): { readonly value: T; readonly met: boolean } {
  checker = check;
  met = false;
  sources.clear();
  try {
    return { value: read(), met };
  } finally {
    checker = null;
  }
}

/** What is to be said of a text if it is an expression that was met in this reading. */
export function expressionWarnings(source: string, customFunctions: string | undefined): readonly string[] {
  return checker !== null && sources.has(source) ? checker.warnings(source, customFunctions) : [];
}

/** An expression of spec 04, checked when the file is read; the output is its form in resources. */
export function expression() {
  return z.string().transform((source, context): Expression => {
    met = true;
    sources.add(source);
    const message = checker?.expression(source) ?? null;
    if (message !== null) context.addIssue({ code: 'custom', message, params: { hidden: true } });
    return { $cel: source };
  });
}

/** Definitions of functions for expressions (spec 04 §5.9). */
export function customFunctions() {
  return z.string().check((context) => {
    met = true;
    const message = checker?.customFunctions(context.value) ?? null;
    if (message === null) return;
    context.issues.push({ code: 'custom', input: context.value, message, params: { hidden: true } });
  });
}
