import type { Node, NodeOf } from '../parse/ast.ts';
import { argumentCount, CelError, costExceeded, missingTarget, noSuchOverload } from '../values/error.ts';
import { CelMap } from '../values/map.ts';
import { Fields, typeNameOf, type Value } from '../values/value.ts';
import { type Code, computed, constant } from './code.ts';
import type { Compiler } from './compiler.ts';
import type { Scope } from './scope.ts';

type Compile = (compiler: Compiler, node: NodeOf<'call'>, scope: Scope) => Code;

/** Global functions that get their arguments unevaluated. */
export const lazyFunctions: ReadonlyMap<string, Compile> = new Map([
  ['default', compileDefault],
  ['coalesce', compileCoalesce],
  ['variables', compileVariables],
  ['with', () => constant(missingTarget)],
  ['mapValues', () => constant(missingTarget)],
  ['filterKeys', () => constant(missingTarget)],
]);

/** Methods that bind a name in their last argument. */
export const lazyMethods: ReadonlyMap<string, Compile> = new Map([
  ['with', compileWith],
  ['mapValues', compileMapValues],
  ['filterKeys', compileFilterKeys],
]);

/** `default(e, d)`: d where e is null, a key that is not there or a name that nobody knows. */
function compileDefault(compiler: Compiler, { args }: NodeOf<'call'>, scope: Scope): Code {
  const [first, second] = args;
  if (first === undefined || second === undefined) return constant(argumentCount(2, args.length));
  const value = compiler.compile(first, scope).run;
  const fallback = compiler.compile(second, scope).run;
  return computed((e) => {
    const found = value(e);
    if (found === null) return fallback(e);
    if (found instanceof CelError && (found.kind === 'no-such-key' || found.kind === 'undeclared')) return fallback(e);
    return found;
  });
}

/** `coalesce(a, b, …)`: the first that is neither null nor an error; else null if one was null; else the last error. */
function compileCoalesce(compiler: Compiler, { args }: NodeOf<'call'>, scope: Scope): Code {
  if (args.length === 0) return constant(argumentCount(1, 0));
  const runs = args.map((arg) => compiler.compile(arg, scope).run);
  return computed((e) => {
    let result: Value = null;
    let sawNull = false;
    for (const run of runs) {
      const value = run(e);
      if (value === null) sawNull = true;
      else if (!(value instanceof CelError)) return value;
      else result = value;
    }
    return sawNull ? null : result;
  });
}

/** `variables()`: a map of all variables that are not null. */
function compileVariables(compiler: Compiler): Code {
  const readers = [...compiler.variables];
  return computed((e) => {
    const map = new CelMap();
    for (const [name, read] of readers) {
      const value = read(e.variables as never);
      if (value !== null && !(value instanceof CelError)) map.set(name, value);
    }
    return map;
  });
}

/** `v.with(x, e)`: e with x bound to v. */
function compileWith(compiler: Compiler, node: NodeOf<'call'>, scope: Scope): Code {
  const binding = bind(compiler, node, scope);
  if (binding instanceof CelError) return constant(binding);
  const { value, slot, body } = binding;
  return computed((e) => {
    const bound = value(e);
    if (bound instanceof CelError) return bound;
    e.locals[slot] = bound;
    return body(e);
  });
}

/** `m.mapValues(v, e)`: the same keys with other values. */
function compileMapValues(compiler: Compiler, node: NodeOf<'call'>, scope: Scope): Code {
  const binding = bind(compiler, node, scope);
  if (binding instanceof CelError) return constant(binding);
  const { value, slot, body, price } = binding;
  return computed((e) => {
    const map = value(e);
    if (!(map instanceof Fields)) return map instanceof CelError ? map : noMap(node.name, map);
    const result = new CelMap();
    for (const key of map.keys()) {
      if (!e.spend(price)) return costExceeded;
      const before = map.get(key) as Value;
      if (before instanceof CelError) return before;
      e.locals[slot] = before;
      const after = body(e);
      if (after instanceof CelError) return after;
      result.set(key, after);
    }
    return result;
  });
}

/** `m.filterKeys(k, p)`: the entries whose key satisfies p. */
function compileFilterKeys(compiler: Compiler, node: NodeOf<'call'>, scope: Scope): Code {
  const binding = bind(compiler, node, scope);
  if (binding instanceof CelError) return constant(binding);
  const { value, slot, body, price } = binding;
  return computed((e) => {
    const map = value(e);
    if (!(map instanceof Fields)) return map instanceof CelError ? map : noMap(node.name, map);
    const result = new CelMap();
    for (const key of map.keys()) {
      if (!e.spend(price)) return costExceeded;
      e.locals[slot] = key;
      const keep = body(e);
      if (typeof keep !== 'boolean') return keep instanceof CelError ? keep : noSuchOverload;
      if (!keep) continue;
      const kept = map.get(key) as Value;
      if (kept instanceof CelError) return kept;
      result.set(key, kept);
    }
    return result;
  });
}

function bind(compiler: Compiler, node: NodeOf<'call'>, scope: Scope) {
  const [name, expression] = node.args;
  if (name === undefined || expression === undefined) return argumentCount(2, node.args.length);
  if (name.kind !== 'identifier') {
    return new CelError('function', `Error executing function '${node.name}': argument must be a simple name`);
  }
  const value = compiler.compile(node.target as Node, scope).run;
  const inner = compiler.bind(scope, name.name);
  const before = compiler.nodes;
  const body = compiler.compile(expression, inner).run;
  return { value, slot: inner.slot, body, price: 1 + compiler.nodes - before };
}

function noMap(name: string, value: Value): CelError {
  return new CelError('type', () => `Unexpected type: got '${typeNameOf(value)}', want 'map' in '${name}'`);
}
