import { describe, expect, test } from 'vitest';
import { Needs } from '../attributes/attributes.ts';
import { evaluate, program } from '../fixtures/evaluate.ts';
import type { CustomFunctions } from './functions.ts';
import { parseCustomFunctions } from './parse.ts';

function read(source: string): CustomFunctions {
  const parsed = parseCustomFunctions(source);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.functions;
}

function refusal(source: string): string {
  const parsed = parseCustomFunctions(source);
  if (parsed.ok) throw new Error('accepted');
  return parsed.error.message;
}

test('a block of functions, with comments between them', () => {
  const custom = read(`
    # comment with { a brace
    isInternal() { request.headers["single"] == "internal" }
    this.tag(prefix, rest...) { prefix + this + rest.join("-") }
    # the last one
    brace() { "}" + '{' + r"\\" }
  `);
  expect(evaluate('isInternal()', {}, { custom })).toBe(false);
  expect(evaluate('"b".tag("a", "c", "d")', {}, { custom })).toBe('abc-d');
  expect(evaluate('"b".tag("a")', {}, { custom })).toBe('ab');
  expect(evaluate('brace()', {}, { custom })).toBe('}{\\');
});

test('parameters hide variables; other names mean what they mean at the call', () => {
  const custom = read('f(request) { request + 1 } g() { x * 10 } twice(a, b) { [a, b].map(x, x + a) }');
  expect(evaluate('f(1)', {}, { custom })).toBe(2);
  expect(evaluate('[1, 2].map(x, g())', {}, { custom })).toEqual([10, 20]);
  expect(evaluate('g()', {}, { custom })).toBe("error: Undeclared reference to 'x'");
  expect(evaluate('twice([1].map(y, y)[0], [5, 6].map(z, z + 1)[1])', {}, { custom })).toEqual([2, 8]);
  expect(program('f(1) + [2].map(x, g())[0]', { custom }).attributes.needs).toBe(0);
});

test('arguments are evaluated once and before the body', () => {
  const custom = read('second(a, b) { b } three(a) { [a, a, a] }');
  expect(evaluate('second(1 / 0, 2)', {}, { custom })).toContain('Division by zero');
  let calls = 0;
  const sources = { random: () => ++calls, uuid: () => '' };
  expect(evaluate('three(random())', {}, { custom, sources })).toEqual([1, 1, 1]);
});

test('the number of arguments is that of the parameters', () => {
  const custom = read('f(a, b) { a } this.m(a) { a } v(a, more...) { more }');
  expect(evaluate('f(1)', {}, { custom })).toBe('error: Invalid argument count: expected 2, got 1');
  expect(evaluate('f(1, 2, 3)', {}, { custom })).toBe('error: Invalid argument count: expected 2, got 3');
  expect(evaluate('"x".m()', {}, { custom })).toBe('error: Invalid argument count: expected 1, got 0');
  expect(evaluate('v()', {}, { custom })).toBe('error: Invalid argument count: expected 1, got 0');
  expect(evaluate('v(1)', {}, { custom })).toEqual([]);
  expect(evaluate('m("x", 1)', {}, { custom })).toBe("error: Undeclared reference to 'm'");
  expect(evaluate('"x".f(1)', {}, { custom })).toBe("error: Undeclared reference to 'f'");
});

test('what a function reads is what its callers read, however far', () => {
  const custom = read('a() { b() } b() { c(1) } c(n) { response.body.size() > n }');
  expect(program('a()', { custom }).attributes.needs).toBe(Needs.response | Needs.responseBody);
});

describe('refused', () => {
  test.each([
    ['f() { 1 } f() { 2 }', "custom function 'f' is defined more than once"],
    ['matches() { 1 }', "'matches' conflicts with an existing CEL function"],
    ['has(a) { 1 }', "'has' conflicts with an existing CEL function"],
    ['this.containsIP(a) { 1 }', "'containsIP' conflicts with an existing CEL function"],
    ['f() { f() }', 'custom CEL function recursion is not supported: f -> f'],
    ['this() { 1 }', "a function cannot be called 'this'"],
    ['f(this) { 1 }', "invalid parameter name 'this'"],
    ['f(a b) { 1 }', "invalid parameter name 'a b'"],
    ['f(a..., b) { 1 }', 'only the last parameter can be variadic'],
    ['f(a, a) { 1 }', "parameter 'a' is defined more than once"],
    ['f() { 1', 'the body of the function is not closed'],
    ['f() { }', 'the body of the function is empty'],
    ['f() 1', 'expected a function, such as name(a, b) { expression }'],
    ['1f() { 1 }', 'expected a function, such as name(a, b) { expression }'],
  ])('%s', (source, message) => {
    expect(refusal(source)).toBe(message);
  });
});

test('a mistake in a body is found at its place in the block', () => {
  const parsed = parseCustomFunctions('a() { 1 }\nb() {\n  1 +* 2\n}');
  if (parsed.ok) throw new Error('accepted');
  expect(parsed.error).toMatchObject({ line: 3, column: 6, message: "Syntax error: unexpected '*'" });
});
