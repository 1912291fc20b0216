import { negate } from '../operators/arithmetic.ts';
import type { NodeOf } from '../parse/ast.ts';
import { CelError, noSuchOverload } from '../values/error.ts';
import type { Value } from '../values/value.ts';
import { type Code, computed, folded } from './code.ts';
import type { Compiler } from './compiler.ts';
import type { Run } from './evaluation.ts';
import type { Scope } from './scope.ts';

/**
 * `&&` and `||`. An operand that decides makes errors on either side irrelevant; otherwise the last error wins, and an operand that
 * is no bool is one.
 */
export function compileLogic(compiler: Compiler, node: NodeOf<'and' | 'or'>, scope: Scope): Code {
  const operands = node.operands.map((operand) => compiler.compile(operand, scope));
  const decides = node.kind === 'or';
  const [first, second] = operands as [Code, Code];
  return folded(operands, operands.length === 2 ? pair(decides, first.run, second.run) : many(decides, operands));
}

function pair(decides: boolean, left: Run, right: Run): Run {
  return (e) => {
    const a = left(e);
    if (a === decides) return decides;
    const b = right(e);
    if (b === decides) return decides;
    if (typeof b !== 'boolean') return b instanceof CelError ? b : noSuchOverload;
    if (typeof a !== 'boolean') return a instanceof CelError ? a : noSuchOverload;
    return b;
  };
}

function many(decides: boolean, operands: readonly Code[]): Run {
  const runs = operands.map(({ run }) => run);
  return (e) => {
    let error: CelError | null = null;
    for (let i = 0; i < runs.length; i++) {
      const value = (runs[i] as Run)(e);
      if (value === decides) return decides;
      if (typeof value !== 'boolean') error = value instanceof CelError ? value : noSuchOverload;
    }
    return error ?? !decides;
  };
}

/** A run of `!` or of `-`. */
export function compileUnary(compiler: Compiler, node: NodeOf<'not' | 'negate'>, scope: Scope): Code {
  const operand = compiler.compile(node.operand, scope);
  const { run } = operand;
  const { odd } = node;
  if (node.kind === 'not') {
    return folded([operand], (e) => {
      const value = run(e);
      if (typeof value === 'boolean') return value !== odd;
      return value instanceof CelError ? value : noSuchOverload;
    });
  }
  return folded([operand], (e) => {
    const value = run(e);
    if (value instanceof CelError) return value;
    const once = negate(value);
    return odd || once instanceof CelError ? once : value;
  });
}

/** `condition ? a : b`; only the branch that is chosen runs. */
export function compileChoice(compiler: Compiler, node: NodeOf<'choice'>, scope: Scope): Code {
  const condition = compiler.compile(node.condition, scope);
  const whenTrue = compiler.compile(node.whenTrue, scope);
  const whenFalse = compiler.compile(node.whenFalse, scope);
  if (condition.constant === true) return whenTrue;
  if (condition.constant === false) return whenFalse;
  const [test, yes, no] = [condition.run, whenTrue.run, whenFalse.run];
  return computed((e): Value => {
    const value = test(e);
    if (value === true) return yes(e);
    if (value === false) return no(e);
    return value instanceof CelError ? value : noSuchOverload;
  });
}
