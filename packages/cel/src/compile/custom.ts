import type { CustomFunction } from '../custom/functions.ts';
import type { NodeOf } from '../parse/ast.ts';
import { argumentCount, CelError } from '../values/error.ts';
import type { Value } from '../values/value.ts';
import { type Code, computed, constant } from './code.ts';
import type { Compiler } from './compiler.ts';
import type { Run } from './evaluation.ts';
import type { Scope } from './scope.ts';

/**
 * A call of a function from `customFunctions`. Its body is compiled in place: names that are no parameters mean what they mean where
 * the call stands. Arguments are evaluated before it, the first error among them is the result.
 */
export function compileCustom(
  compiler: Compiler,
  definition: CustomFunction,
  node: NodeOf<'call'>,
  scope: Scope,
): Code {
  const { parameters, variadic, receiver } = definition;
  const fixed = variadic ? parameters.length - 1 : parameters.length;
  const given = node.args.length;
  if (variadic ? given < fixed : given !== fixed) return constant(argumentCount(fixed, given));

  const nodes = receiver && node.target !== null ? [node.target, ...node.args] : node.args;
  const args = nodes.map((arg) => compiler.compile(arg, scope).run);
  let inner = scope;
  for (const name of receiver ? ['this', ...parameters] : parameters) inner = compiler.bind(inner, name);
  const first = scope.slot + 1;
  const plain = variadic ? fixed + (receiver ? 1 : 0) : args.length;
  const body = compiler.compile(definition.body, inner).run;
  return computed((e) => {
    // All are evaluated before one is bound: an argument may use the same slots for names of its own.
    const values: Value[] = [];
    for (let i = 0; i < args.length; i++) {
      const value = (args[i] as Run)(e);
      if (value instanceof CelError) return value;
      values.push(value);
    }
    for (let i = 0; i < plain; i++) e.locals[first + i] = values[i] as Value;
    if (variadic) e.locals[first + plain] = values.slice(plain);
    return body(e);
  });
}
