import { compileRegex, type LinearRegex } from '@agentgateway/regex';
import { CelError, costExceeded, functionError } from '../values/error.ts';
import type { Meter } from '../values/meter.ts';
import type { Value } from '../values/value.ts';
import { type FunctionGroup, unexpectedType } from './definition.ts';

/** Searching and replacing in time linear in the text (spec 04 §5.1, §5.5). */
export const regexFunctions: FunctionGroup = {
  matches: {
    min: 2,
    call: (host, text, source) => {
      if (typeof text !== 'string') return unexpectedType(text, 'string');
      const pattern = patternOf('matches', source, host);
      if (pattern instanceof CelError) return pattern;
      return host.spend(text.length / charactersPerUnit) && pattern.test(text);
    },
  },
  regexReplace: {
    min: 3,
    method: true,
    call: (host, text, source, replacement) => {
      if (typeof text !== 'string') return unexpectedType(text, 'string');
      if (typeof replacement !== 'string') return unexpectedType(replacement, 'string');
      const pattern = patternOf('regexReplace', source, host);
      if (pattern instanceof CelError) return pattern;
      // Each reference to a group may bring the whole text once more.
      const references = replacement.split('$').length - 1;
      if (replacement.length + (references + 1) * text.length > maxResult) {
        return functionError('regexReplace', 'result is too long');
      }
      return host.spend((2 * text.length) / charactersPerUnit) ? pattern.replaceFirst(text, replacement) : null;
    },
  },
};

/** Characters that a pattern gets through for one unit of the budget. */
export const charactersPerUnit = 4;
/** Characters that replacing may make. */
const maxResult = 64 * 1024 * 1024;
/** Characters of a pattern. */
const maxPattern = 4_096;
/** What a character of a pattern costs that must be compiled while evaluating. */
const unitsPerPattern = 20;
const keptPatterns = 256;

/**
 * Patterns that were used last, and what is wrong with those that are none. Few expressions have a pattern that is computed, and these
 * mostly one of few.
 */
const patterns = new Map<string, LinearRegex | CelError>();

function patternOf(name: string, source: Value, meter: Meter): LinearRegex | CelError {
  if (typeof source !== 'string') return unexpectedType(source, 'string');
  const known = patterns.get(source);
  if (known !== undefined) return known;
  if (!meter.spend(unitsPerPattern * (1 + source.length))) return costExceeded;
  const pattern = constantPattern(source, name);
  const [oldest] = patterns.keys();
  if (oldest !== undefined && patterns.size >= keptPatterns) patterns.delete(oldest);
  patterns.set(source, pattern);
  return pattern;
}

/** A pattern that is known when the expression is compiled; it is no error of the expression if it is not valid. */
export function constantPattern(source: string, name = 'matches'): LinearRegex | CelError {
  if (source.length > maxPattern) return functionError(name, `pattern is longer than ${maxPattern} characters`);
  const compiled = compileRegex(source);
  if (compiled.ok) return compiled.regex;
  return functionError(name, () => `pattern is not a valid regex: ${compiled.message}`);
}
