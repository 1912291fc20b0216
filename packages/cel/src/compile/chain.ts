import { add, scale, subtract } from '../operators/arithmetic.ts';
import { compare } from '../operators/compare.ts';
import { isIn } from '../operators/contains.ts';
import { equal } from '../operators/equal.ts';
import type { ChainOperator, NodeOf } from '../parse/ast.ts';
import { CelError } from '../values/error.ts';
import { Double, Uint } from '../values/number.ts';
import { settle, type Value } from '../values/value.ts';
import { type Code, folded } from './code.ts';
import type { Compiler } from './compiler.ts';
import type { Evaluation, Run } from './evaluation.ts';
import type { Scope } from './scope.ts';

type Apply = (left: Value, right: Value, e: Evaluation) => Value;

const operators: Readonly<Record<ChainOperator, Apply>> = {
  '+': add,
  '-': subtract,
  '*': (a, b) => scale('*', a, b),
  '/': (a, b) => scale('/', a, b),
  '%': (a, b) => scale('%', a, b),
  '==': equal,
  '!=': (a, b, e) => !equal(a, b, e),
  in: isIn,
  '<': (a, b) => ordered(compare(a, b), (order) => order < 0),
  '<=': (a, b) => ordered(compare(a, b), (order) => order <= 0),
  '>': (a, b) => ordered(compare(a, b), (order) => order > 0),
  '>=': (a, b) => ordered(compare(a, b), (order) => order >= 0),
};

function ordered(order: number | CelError, test: (order: number) => boolean): Value {
  return typeof order === 'number' ? test(order) : order;
}

/** A run of binary operators of one precedence, left to right and without recursion. */
export function compileChain(compiler: Compiler, node: NodeOf<'chain'>, scope: Scope): Code {
  let left = compiler.compile(node.first, scope);
  const [only] = node.rest;
  if (only !== undefined && node.rest.length === 1) {
    const right = compiler.compile(only.operand, scope);
    return folded([left, right], binary(only.operator, left, right));
  }
  const steps: { apply: Apply; operand: Run }[] = [];
  for (const { operator, operand } of node.rest) {
    const right = compiler.compile(operand, scope);
    // Constants at the start are folded; what follows a variable must wait for it.
    if (steps.length === 0 && left.constant !== undefined && right.constant !== undefined) {
      const next = folded([left, right], binary(operator, left, right));
      if (next.constant !== undefined) {
        left = next;
        continue;
      }
    }
    steps.push({ apply: operators[operator], operand: right.run });
  }
  if (steps.length === 0) return left;
  const first = left.run;
  return {
    constant: undefined,
    run: (e) => {
      let value = first(e);
      for (let i = 0; i < steps.length; i++) {
        const { apply, operand } = steps[i] as (typeof steps)[number];
        if (value instanceof CelError) return value;
        const right = operand(e);
        if (right instanceof CelError) return right;
        value = apply(value, right, e);
      }
      return value;
    },
  };
}

function binary(operator: ChainOperator, left: Code, right: Code): Run {
  if (operator === '==' || operator === '!=') {
    if (isPlain(right.constant)) return equalsPlain(left.run, right.constant, operator === '==');
    if (isPlain(left.constant)) return equalsPlain(right.run, left.constant, operator === '==');
  }
  if (operator === 'in' && Array.isArray(right.constant) && right.constant.every(isString)) {
    return inStrings(left.run, right.constant);
  }
  if (isRelation(operator) && (typeof right.constant === 'number' || right.constant instanceof Uint)) {
    const limit = typeof right.constant === 'number' ? right.constant : right.constant.value;
    if (typeof limit === 'number') return relatesTo(operator, left.run, limit, right.constant);
  }
  const apply = operators[operator];
  const [a, b] = [left.run, right.run];
  return (e) => {
    const x = a(e);
    if (x instanceof CelError) return x;
    const y = b(e);
    if (y instanceof CelError) return y;
    return apply(x, y, e);
  };
}

const isString = (value: Value): value is string => typeof value === 'string';

function isPlain(value: Value | undefined): value is string | boolean | null {
  return typeof value === 'string' || typeof value === 'boolean' || value === null;
}

/** `==` with a string, a bool or null: mostly one comparison of pointers. */
function equalsPlain(run: Run, plain: string | boolean | null, same: boolean): Run {
  return (e) => {
    const value = run(e);
    if (value === plain) return same;
    if (typeof value !== 'object' || value === null) return !same;
    return value instanceof CelError ? value : (settle(value) === plain) === same;
  };
}

/** Few words are compared in turn, which is faster than hashing the text. */
const fewWords = 8;

function inStrings(run: Run, words: readonly string[]): Run {
  const set = words.length > fewWords ? new Set<Value>(words) : null;
  const has = (value: Value): boolean => {
    if (set !== null) return set.has(value);
    for (let i = 0; i < words.length; i++) if (words[i] === value) return true;
    return false;
  };
  return (e) => {
    const value = run(e);
    if (typeof value === 'string') return has(value);
    return value instanceof CelError ? value : has(settle(value));
  };
}

type Relation = '<' | '<=' | '>' | '>=';

function isRelation(operator: ChainOperator): operator is Relation {
  return operator === '<' || operator === '<=' || operator === '>' || operator === '>=';
}

/** A comparison with a number that is known: size, status, port, tokens. */
function relatesTo(operator: Relation, run: Run, limit: number, constant: Value): Run {
  const apply = operators[operator];
  return (e) => {
    const value = run(e);
    const number =
      typeof value === 'number' ? value : value instanceof Uint || value instanceof Double ? value.value : undefined;
    if (typeof number === 'number') {
      switch (operator) {
        case '<':
          return number < limit;
        case '<=':
          return number <= limit;
        case '>':
          return number > limit;
        case '>=':
          return number >= limit;
      }
    }
    return value instanceof CelError ? value : apply(value, constant, e);
  };
}
