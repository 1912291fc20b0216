import type { z } from 'zod';
import { NOT_SUPPORTED, type Problem } from './errors.ts';
import { nearestName } from './nearest.ts';
import type { Path } from './path.ts';
import type { CustomParams, UnknownFieldDetails } from './schema/closed.ts';

type Issue = z.core.$ZodIssue;

/** Words what the schemas found in the data. */
export function problemsOf(issues: readonly Issue[], data: unknown): Problem[] {
  return issues.flatMap((issue) => describe(issue, [])).map((problem) => withValue(problem, data));
}

/** What can be said only with the value at hand: the word that was meant, and that a number may be meant as a text. */
function withValue(problem: Problem, data: unknown): Problem {
  if (problem.message !== UNKNOWN_VALUE && problem.message !== NO_TEXT) return problem;
  let value: unknown = data;
  for (const part of problem.path) value = (value as Readonly<Record<string | number, unknown>>)[part];
  if (problem.message === NO_TEXT) {
    const scalar = typeof value === 'number' || typeof value === 'boolean';
    return scalar ? { ...problem, message: `${NO_TEXT}, which needs quotes here` } : problem;
  }
  const suggestion = typeof value === 'string' ? nearestName(value, problem.allowed ?? []) : undefined;
  return suggestion === undefined ? problem : { ...problem, suggestion };
}

const UNKNOWN_VALUE = 'unknown value';
const NO_TEXT = 'expected a string';

function describe(issue: Issue, above: Path): Problem[] {
  const path = [...above, ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))];
  switch (issue.code) {
    case 'unrecognized_keys': {
      const { allowed, known } = issue as unknown as UnknownFieldDetails;
      return issue.keys.map((key) => unknownField([...path, key], key, allowed, known));
    }
    case 'invalid_type':
      return [{ path, message: isMissing(issue) ? 'is required' : wrongType(issue), showValue: true }];
    case 'invalid_value':
      return [enumeration(issue, path)];
    case 'too_small':
    case 'too_big':
      return [{ path, message: outOfRange(issue), showValue: true }];
    case 'invalid_union':
      return union(issue, path);
    case 'invalid_key':
      return issue.issues.map((inner) => ({ path, message: inner.message, at: 'key' }));
    case 'custom':
      return [custom(issue, path)];
    default:
      return [{ path, message: lowerFirst(issue.message), showValue: true }];
  }
}

function unknownField(path: Path, key: string, allowed: readonly string[], known: readonly string[]): Problem {
  const suggestion = nearestName(key, known);
  return { path, at: 'key', message: 'unknown field', allowed, ...(suggestion === undefined ? {} : { suggestion }) };
}

function custom(issue: z.core.$ZodIssueCustom, path: Path): Problem {
  const params: CustomParams = issue.params ?? {};
  if (params.later) {
    const { keyword } = params;
    return keyword === undefined
      ? { path, message: NOT_SUPPORTED, at: 'key' }
      : { path, message: NOT_SUPPORTED, keyword };
  }
  const { allowed, at = 'value', hidden = false } = params;
  return {
    path,
    message: issue.message,
    at,
    showValue: allowed === undefined && at === 'value' && !hidden,
    ...(allowed ? { allowed } : {}),
  };
}

/** A value that a closed list does not hold. */
function enumeration(issue: z.core.$ZodIssueInvalidValue, path: Path): Problem {
  const values = issue.values.map(String);
  return { path, message: UNKNOWN_VALUE, showValue: true, allowed: values };
}

/** Speaks for the form that was meant: the one whose type the value has. */
function union(issue: z.core.$ZodIssueInvalidUnion, path: Path): Problem[] {
  const meant = issue.errors.find((issues) => !issues.some(isOtherForm));
  if (meant !== undefined) return meant.flatMap((inner) => describe(inner as Issue, path));
  const forms = issue.errors.flatMap((issues) =>
    issues.filter(isOtherForm).flatMap((inner) => formsOf(inner as Issue)),
  );
  return [{ path, message: `expected ${listed([...new Set(forms)])}`, showValue: true }];
}

/** Whether an issue says that the value is of another form altogether. */
function isOtherForm(issue: z.core.$ZodIssue): boolean {
  return issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');
}

function formsOf(issue: Issue): string[] {
  if (issue.code === 'invalid_value') return issue.values.map((value) => JSON.stringify(value));
  return issue.code === 'invalid_type' ? [typeName(issue.expected)] : [];
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** A message of the schema itself wins: zod's own all begin so. */
function isMissing(issue: z.core.$ZodIssueInvalidType): boolean {
  return issue.message.includes('received undefined');
}

function wrongType(issue: z.core.$ZodIssueInvalidType): string {
  return issue.message.startsWith('Invalid input') ? `expected ${typeName(issue.expected)}` : issue.message;
}

function typeName(expected: string): string {
  switch (expected) {
    case 'int':
      return 'an integer';
    case 'array':
      return 'a list';
    case 'object':
    case 'record':
      return 'an object';
    case 'null':
      return 'null';
    case 'boolean':
      return 'true or false';
    default:
      return `a ${expected}`;
  }
}

function outOfRange(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  if (!issue.message.startsWith('Too ')) return issue.message;
  const limit = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
  if (issue.origin === 'array') return `must have ${limit} entries`;
  if (issue.origin === 'string') return limit === 'at least 1' ? 'must not be empty' : `must have ${limit} characters`;
  return `must be ${limit}`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
