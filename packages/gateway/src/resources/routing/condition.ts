import { compileRegex } from '@agentgateway/regex';
import type { NamedMatch, RouteMatch } from '../model.ts';
import type { Lookup } from './lookup.ts';
import { isVisibleAscii, toBytes } from './text.ts';

/** What a match asks beyond the path (spec 02 §3.6). */
export type Condition = (lookup: Lookup) => boolean;

/** Compares a value as it came with what the configuration asks for. */
type ValueTest = (value: string) => boolean;

/**
 * Compiles method, headers and query of a match into one test.
 *
 * @returns null if there is nothing to ask, `never` if a matcher is invalid.
 */
export function compileConditions(match: RouteMatch): Condition | null | 'never' {
  const conditions: Condition[] = [];
  const { method } = match;
  if (method !== undefined) conditions.push((lookup) => lookup.request.method === method);
  for (const { name, value } of match.headers) {
    const test = compileValue(value, 'bytes');
    if (test === null) return 'never';
    conditions.push(headerCondition(name, test));
  }
  for (const { name, value } of match.query) {
    const test = compileValue(value, 'text');
    if (test === null) return 'never';
    conditions.push((lookup) => lookup.queryValues(name).some(test));
  }
  const [first, second] = conditions;
  if (first === undefined) return null;
  if (second === undefined) return first;
  return (lookup) => conditions.every((condition) => condition(lookup));
}

/** Header values are bytes off the wire; query values have been decoded to text. */
function compileValue(value: NamedMatch['value'], form: 'bytes' | 'text'): ValueTest | null {
  if ('invalid' in value) return null;
  if ('exact' in value) {
    const expected = form === 'bytes' ? toBytes(value.exact) : value.exact;
    return (actual) => actual === expected;
  }
  const compiled = compileRegex(value.regex);
  if (!compiled.ok) return null;
  const { regex } = compiled;
  if (form === 'text') return (actual) => regex.matchesFully(actual);
  return (actual) => isVisibleAscii(actual) && regex.matchesFully(actual);
}

function headerCondition(name: string, test: ValueTest): Condition {
  switch (name) {
    case ':method':
      return ({ request }) => test(request.method);
    case ':scheme':
      return ({ request }) => test(request.scheme);
    case ':authority':
      return ({ request }) => test(request.authority);
    case ':path':
      return ({ request }) => test(request.path);
  }
  return ({ request: { headers } }) => {
    for (let i = 0; i < headers.length; i++) if (headers.nameAt(i) === name && test(headers.valueAt(i))) return true;
    return false;
  };
}
