import { compile, parseCustomFunctions } from '@agentgateway/cel';
import type { Checker } from './schema/expression.ts';

/** Checks expressions with the language itself; loaded when a file first holds one. */
export const checker: Checker = {
  expression(source) {
    const compiled = compile(source);
    if (compiled.ok) return null;
    const { message, line, column } = compiled.error;
    return `not an expression: ${message}${place(source, line, column)}`;
  },
  warnings(source, customFunctions) {
    const parsed = customFunctions === undefined ? null : parseCustomFunctions(customFunctions);
    const compiled = compile(source, parsed?.ok ? { custom: parsed.functions } : {});
    if (!compiled.ok) return [];
    return compiled.program.warnings.map(({ message, line, column }) => `${message}${place(source, line, column)}`);
  },
  customFunctions(source) {
    const parsed = parseCustomFunctions(source);
    if (parsed.ok) return null;
    const { message, line, column } = parsed.error;
    return `invalid config.customFunctions: ${message}${place(source, line, column)}`;
  },
};

/** Where in the text, and the line itself. */
function place(source: string, line: number, column: number): string {
  const text = (source.split('\n')[line - 1] ?? '').trim();
  const shown = text.length > 120 ? `${text.slice(0, 120)}…` : text;
  return source.includes('\n') ? ` (line ${line}, column ${column}: ${shown})` : ` (column ${column} of ${shown})`;
}
