import type { FunctionDefinition } from '../functions/definition.ts';
import { charactersPerUnit, constantPattern } from '../functions/regex.ts';
import { functions } from '../functions/table.ts';
import type { NodeOf } from '../parse/ast.ts';
import { argumentCount, CelError, missingTarget, undeclared } from '../values/error.ts';
import { Cidr } from '../values/ip.ts';
import { slowTextPerUnit, textPerUnit } from '../values/meter.ts';
import { Dynamic, settle, Text, type Value } from '../values/value.ts';
import { type Code, computed, constant, folded } from './code.ts';
import type { Compiler } from './compiler.ts';
import { compileCustom } from './custom.ts';
import type { Evaluation, Run } from './evaluation.ts';
import { lazyFunctions, lazyMethods } from './lazy.ts';
import type { Scope } from './scope.ts';

/** `f(x)` and `t.f(x)`, resolved as spec 04 §3.6 says. */
export function compileCall(compiler: Compiler, node: NodeOf<'call'>, scope: Scope): Code {
  const { name, target, args } = node;
  if (target === null) {
    const lazy = lazyFunctions.get(name);
    if (lazy !== undefined) return lazy(compiler, node, scope);
    const custom = compiler.custom?.get(name);
    if (custom !== undefined && !custom.receiver) return compileCustom(compiler, custom, node, scope);
    const definition = functions.get(name);
    if (definition === undefined) {
      compiler.warnUnknown('function', name, node.at);
      return constant(undeclared(name));
    }
    if (definition.method) {
      compiler.warn(`'${name}' is a method: x.${name}(…)`, node.at);
      return constant(missingTarget);
    }
    warnCount(compiler, definition, args.length, node);
    if (definition.impure) compiler.volatile = true;
    return apply(
      definition,
      args.map((arg) => compiler.compile(arg, scope)),
    );
  }

  if (target.kind === 'identifier') {
    const qualified = functions.get(`${target.name}.${name}`);
    if (qualified !== undefined) {
      warnCount(compiler, qualified, args.length, node);
      return apply(
        qualified,
        args.map((arg) => compiler.compile(arg, scope)),
      );
    }
  }
  const lazy = lazyMethods.get(name);
  if (lazy !== undefined) return lazy(compiler, node, scope);
  const custom = compiler.custom?.get(name);
  if (custom?.receiver) return compileCustom(compiler, custom, node, scope);
  const codes = [target, ...args].map((part) => compiler.compile(part, scope));
  const quick = quickMethod(name, codes);
  if (quick !== null) return quick;
  const definition = functions.get(name);
  if (definition === undefined) {
    if (!ownMethods.has(name)) compiler.warnUnknown('method', name, node.at);
    const missing = undeclared(name);
    return method(codes, name, () => missing);
  }
  if (codes.length < definition.min) {
    const error = argumentCount(definition.min - 1, args.length);
    if (!ownMethods.has(name)) warnCount(compiler, definition, codes.length, node);
    return method(codes, name, () => error);
  }
  if (definition.impure) compiler.volatile = true;
  return method(codes, name, caller(definition), definition.impure);
}

/** Names of methods that values bring themselves: no custom function may take one of them. */
export const ownMethods: ReadonlySet<string> = new Set(
  (
    'family isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast containsIP containsCIDR ' +
    'ip masked prefixLength join raw split redacted cookie first all query addQuery setQuery unredacted hasValue value or orValue'
  ).split(' '),
);

function warnCount(compiler: Compiler, { min }: FunctionDefinition, got: number, node: NodeOf<'call'>): void {
  if (got < min) compiler.warn(`'${node.name}' is called with too few arguments`, node.at);
}

/** A call of a function that is known. */
function apply(definition: FunctionDefinition, args: readonly Code[]): Code {
  if (args.length < definition.min) return constant(argumentCount(definition.min, args.length));
  const call = caller(definition);
  const runs = args.map(({ run }) => run);
  const run: Run = (e) => {
    const values: Value[] = [];
    for (let i = 0; i < runs.length; i++) {
      const value = (runs[i] as Run)(e);
      if (value instanceof CelError) return value;
      values.push(value);
    }
    return call(e, values);
  };
  return definition.impure ? computed(run) : folded(args, run);
}

type Call = (e: Evaluation, values: Value[]) => Value;

function caller({ call }: FunctionDefinition): Call {
  return (e, values) => {
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as Value;
      if (value instanceof Text) values[i] = value.text;
      e.left -= weight(values[i] as Value);
    }
    if (e.left < 0) return null;
    return values.length === 1
      ? call(e, values[0] as Value)
      : values.length === 2
        ? call(e, values[0] as Value, values[1] as Value)
        : call(e, ...values);
  };
}

/** What reading an argument may cost. */
function weight(value: Value): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return 1 + value.length / textPerUnit;
  return Array.isArray(value) ? 1 + value.length / 8 : 1;
}

/** `codes` are the receiver and the arguments; a receiver's own method comes before `otherwise`. */
function method(codes: readonly Code[], name: string, otherwise: Call, impure?: true): Code {
  const runs = codes.map(({ run }) => run);
  const run: Run = (e) => {
    const values: Value[] = [];
    for (let i = 0; i < runs.length; i++) {
      const value = (runs[i] as Run)(e);
      if (value instanceof CelError) return value;
      values.push(value);
    }
    const receiver = values[0] as Value;
    if (receiver instanceof Dynamic) {
      const own = receiver.call(name, values.slice(1).map(settle));
      if (own !== undefined) {
        e.left -= receiver instanceof Text ? 10 + receiver.text.length / slowTextPerUnit : 10;
        return own;
      }
    }
    return otherwise(e, values);
  };
  return impure ? computed(run) : folded(codes, run);
}

/** The busiest calls, with an argument or receiver that is known: no array, no look-up, a pattern that is compiled. */
function quickMethod(name: string, codes: readonly Code[]): Code | null {
  const [receiver, argument] = codes as [Code, Code];
  if (name === 'containsIP' && codes.length === 2 && receiver.constant instanceof Cidr) {
    const network = receiver.constant;
    const address = argument.run;
    return folded([argument], (e) => {
      const value = address(e);
      return value instanceof CelError ? value : network.containsAddress(settle(value));
    });
  }
  if (codes.length !== 2 || typeof argument.constant !== 'string' || receiver.constant !== undefined) return null;
  const text = argument.constant;
  const { run } = receiver;
  const rest = (value: Value, e: Evaluation): Value => {
    if (value instanceof CelError) return value;
    if (value instanceof Dynamic) {
      const own = value.call(name, [text]);
      if (own !== undefined) return own;
    }
    return caller(functions.get(name) as FunctionDefinition)(e, [value, text]);
  };
  switch (name) {
    case 'startsWith':
      return computed((e) => {
        const value = run(e);
        return typeof value === 'string' ? value.startsWith(text) : rest(value, e);
      });
    case 'endsWith':
      return computed((e) => {
        const value = run(e);
        return typeof value === 'string' ? value.endsWith(text) : rest(value, e);
      });
    case 'contains':
      return computed((e) => {
        const value = run(e);
        if (typeof value !== 'string') return rest(value, e);
        e.left -= value.length / textPerUnit;
        return value.includes(text);
      });
    case 'matches': {
      const pattern = constantPattern(text);
      if (pattern instanceof CelError) return null;
      return computed((e) => {
        const value = settle(run(e));
        if (typeof value !== 'string') return rest(value, e);
        return e.spend(value.length / charactersPerUnit) && pattern.test(value);
      });
    }
  }
  return null;
}
